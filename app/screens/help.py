"""Keys and what they do, this screen's first, searchable."""

from collections.abc import Iterator, Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from app.commands.bindings import shown_keys
from app.commands.command import Command, Room
from app.commands.registry import commands
from app.screens.dialog import Dialog

ALWAYS = (
    ("↑ ↓ j k", "move"),
    ("g G PgUp PgDn", "to the ends, by pages"),
    ("tab shift+tab", "next and previous field"),
    ("enter", "press the button, open the line"),
)


class HelpScreen(Dialog[None]):
    """The registry as a page. Typing searches; escape closes."""

    TITLE = "Help"
    CSS_PATH = "help.tcss"
    AUTO_FOCUS = "Input"

    def __init__(self, room: Room, chosen: Mapping[str, str]) -> None:
        super().__init__()
        self._room = room
        self._chosen = chosen

    def compose_dialog(self) -> ComposeResult:
        yield Input(placeholder="search", compact=True)
        with VerticalScroll(can_focus=False):
            yield Static("", id="help-text", markup=False)

    def on_mount(self) -> None:
        self._paint("")

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        self._paint(event.value)

    def on_key(self, event: object) -> None:
        """Arrows scroll the text while the search keeps the focus."""

    def _paint(self, wanted: str) -> None:
        words = wanted.lower().split()
        sections = [section for room in self._rooms() if (section := self._section(room, words))]
        if not words:
            sections.append(_moving())
        text = Content("\n\n").join(sections) if sections else Content("nothing is called that")
        self.query_one("#help-text", Static).update(text)

    def _rooms(self) -> Iterator[Room]:
        """This screen, everywhere, then the others."""
        yield from dict.fromkeys((self._room, Room.EVERYWHERE, *Room))

    def _section(self, room: Room, words: list[str]) -> Content | None:
        rows = [row for row in commands(room) if row.keys and _matches(row, self._chosen, words)]
        if not rows:
            return None
        here = " (here)" if room is self._room and room is not Room.EVERYWHERE else ""
        lines = [Content.assemble((f"{room.value.capitalize()}{here}", "bold $primary"))]
        lines += [_line(shown_keys(row, self._chosen), row.title, row.help) for row in rows]
        return Content("\n").join(lines)


def _moving() -> Content:
    lines = [Content.assemble(("Moving", "bold $primary"))]
    lines += [_line(keys, words, "") for keys, words in ALWAYS]
    return Content("\n").join(lines)


def _line(keys: str, title: str, text: str) -> Content:
    return Content.assemble((f"  {keys:<14} ", "bold $accent"), f"{title:<20} ", (text, "$text-muted"))


def _matches(command: Command, chosen: Mapping[str, str], words: list[str]) -> bool:
    text = f"{command.title} {command.help} {shown_keys(command, chosen)} {command.cli}".lower()
    return all(word in text for word in words)
