"""Keys and what they do, this screen's first, searchable."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input

from app.tui.commands.bindings import shown_keys
from app.tui.commands.command import Command, Room
from app.tui.commands.registry import commands
from app.tui.screens.dialogs.dialog import Dialog
from widgets.wrapped_text import Paragraph, Paragraphs

ALWAYS = (
    ("↑ ↓ j k", "move"),
    ("g G PgUp PgDn", "to the ends, by pages"),
    ("tab shift+tab", "next and previous field"),
    ("enter", "press the button, open the line"),
)


class HelpScreen(Dialog[None]):
    """The registry as a page. Typing searches; escape closes."""

    TITLE = "Help"
    HINT = "esc closes"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "scroll(1)", show=False),
        Binding("up", "scroll(-1)", show=False),
        Binding("pagedown", "scroll(10)", show=False),
        Binding("pageup", "scroll(-10)", show=False),
    ]
    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "Input"

    def __init__(self, room: Room, chosen: Mapping[str, str]) -> None:
        super().__init__()
        self._room = room
        self._chosen = chosen

    def compose_dialog(self) -> ComposeResult:
        yield Input(placeholder="search", compact=True)
        with VerticalScroll(can_focus=False):
            yield Paragraphs()

    def on_mount(self) -> None:
        self._paint("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._paint(event.value)

    def action_scroll(self, lines: int) -> None:
        """Move the text while the search keeps the focus."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    def _paint(self, wanted: str) -> None:
        words = wanted.lower().split()
        found = [line for room in self._rooms() for line in self._section(room, words)]
        if not words:
            found += [*_heading("Moving"), *(_line(keys, text, "") for keys, text in ALWAYS)]
        self.query_one(Paragraphs).paragraphs = tuple(found[1:]) or (Paragraph(("nothing is called that",)),)

    def _rooms(self) -> Iterator[Room]:
        """This screen, everywhere, then the others."""
        yield from dict.fromkeys((self._room, Room.EVERYWHERE, *Room))

    def _section(self, room: Room, words: list[str]) -> list[Paragraph]:
        found = [row for row in commands(room) if row.keys and _matches(row, self._chosen, words)]
        if not found:
            return []
        here = " (here)" if room is self._room and room is not Room.EVERYWHERE else ""
        lines = [_line(shown_keys(row, self._chosen), row.title, row.help) for row in found]
        return [*_heading(f"{room.value.capitalize()}{here}"), *lines]


def _heading(title: str) -> list[Paragraph]:
    return [Paragraph(("",)), Paragraph(((title, "bold $primary"),))]


def _line(keys: str, title: str, text: str) -> Paragraph:
    return Paragraph(((f"  {keys:<13} ", "bold $accent"), f"{title:<21} "), text, "$text-muted")


def _matches(command: Command, chosen: Mapping[str, str], words: list[str]) -> bool:
    text = f"{command.title} {command.help} {shown_keys(command, chosen)} {command.cli}".lower()
    return all(word in text for word in words)
