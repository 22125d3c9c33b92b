"""The line under the tabs: what is typed to filter, and how many are left."""

from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class _FilterInput(Input):
    """`escape` first clears, then leaves; `down` and `enter` go to the list."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_or_leave", "Clear", show=False),
        Binding("down,enter", "leave", "To the list", show=False),
    ]

    def action_clear_or_leave(self) -> None:
        """Clear what is typed; with nothing typed, leave."""
        if self.value:
            self.value = ""
        else:
            self.action_leave()

    def action_leave(self) -> None:
        """Go to the list."""
        self.post_message(FilterBar.Left())


class FilterBar(Horizontal):
    """Tells on every key. A term that cannot be understood is named under the input."""

    DEFAULT_CSS = """
    FilterBar {
        height: auto;
        & > #filter-sign { width: 3; color: $text-muted; }
        & > Input { width: 1fr; }
        & > #filter-note { width: auto; max-width: 60%; color: $text-muted; padding-left: 2; }
        & > #filter-note.-wrong { color: $text-error; }
    }
    """

    class Changed(Message):
        """Something else is typed now."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The person goes on to the list."""

    def __init__(self, hint: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._hint = hint
        self._said = ""

    def compose(self) -> ComposeResult:
        yield Static(" /", id="filter-sign", markup=False)
        yield _FilterInput(placeholder=self._hint, id="filter-input", select_on_focus=False, compact=True)
        yield Static("", id="filter-note", markup=False)

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(Input).value

    def type(self, text: str) -> None:
        """Replace what is typed."""
        self.query_one(Input).value = text

    def enter(self) -> None:
        """Let the person type."""
        self.query_one(Input).focus()

    def note(self, text: str, *, wrong: bool = False) -> None:
        """Say at the end of the line how many are left, or what is wrong."""
        note = self.query_one("#filter-note", Static)
        note.set_class(wrong, "-wrong")
        # The whole screen is laid out anew only for a note of another width.
        note.update(text, layout=cell_len(text) != cell_len(self._said))
        self._said = text

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_click(self, event: events.Click) -> None:
        self.enter()
