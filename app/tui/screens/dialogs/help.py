"""Keys and what they do, this screen's first, searchable."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input

from app.tui.commands.bindings import shown_keys
from app.tui.commands.registry import Command, CommandGroup, commands
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

    def __init__(self, group: CommandGroup, chosen: Mapping[str, str]) -> None:
        super().__init__()
        self._group = group
        self._chosen = chosen
        self._text = Paragraphs()
        self._scroll = VerticalScroll(can_focus=False)

    def compose_dialog(self) -> ComposeResult:
        yield Input(placeholder="search", compact=True)
        with self._scroll:
            yield self._text

    def on_mount(self) -> None:
        self._show("")

    @on(Input.Changed)
    def _search(self, event: Input.Changed) -> None:
        self._show(event.value)

    def action_scroll(self, lines: int) -> None:
        """Move the text while the search keeps the focus."""
        self._scroll.scroll_relative(y=lines, animate=False)

    def _show(self, query: str) -> None:
        words = query.lower().split()
        lines = [line for group in self._groups() for line in self._section(group, words)]
        if not words:
            lines += [*_heading("Moving"), *(_line(keys, text, "") for keys, text in ALWAYS)]
        self._text.paragraphs = tuple(lines[1:]) or (Paragraph(("nothing is called that",)),)

    def _groups(self) -> Iterator[CommandGroup]:
        """This screen, everywhere, then the others."""
        yield from dict.fromkeys((self._group, CommandGroup.EVERYWHERE, *CommandGroup))

    def _section(self, group: CommandGroup, words: list[str]) -> list[Paragraph]:
        rows = [row for row in commands(group) if row.keys and _matches(row, self._chosen, words)]
        if not rows:
            return []
        here = " (here)" if group is self._group and group is not CommandGroup.EVERYWHERE else ""
        lines = [_line(shown_keys(row, self._chosen), row.title, row.help) for row in rows]
        return [*_heading(f"{group.value.capitalize()}{here}"), *lines]


def _heading(title: str) -> list[Paragraph]:
    return [Paragraph(("",)), Paragraph(((title, "bold $primary"),))]


def _line(keys: str, title: str, text: str) -> Paragraph:
    return Paragraph(((f"  {keys:<13} ", "bold $accent"), f"{title:<21} "), text, "$text-muted")


def _matches(command: Command, chosen: Mapping[str, str], words: list[str]) -> bool:
    text = f"{command.title} {command.help} {shown_keys(command, chosen)} {command.cli}".lower()
    return all(word in text for word in words)
