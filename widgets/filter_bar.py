"""The line under the tabs: what is typed to filter, and how many are left."""

from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from widgets.footer import KeyHint

SIGN = 3
"""Cells before the input."""


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


class FilterBar(Vertical):
    """Posts `Changed` on every key. The line under the input names a term that is not understood; it is
    always there, so that what stands below does not move."""

    DEFAULT_CSS = f"""
    FilterBar {{
        height: 2;
        & > #filter-line {{ height: 1; }}
        & #filter-sign {{ width: {SIGN}; color: $text-muted; }}
        & Input {{ width: 1fr; }}
        & #filter-note {{ width: auto; color: $text-muted; padding-left: 2; }}
        & > #filter-problem {{
            height: 1; color: $text-error; text-wrap: nowrap; text-overflow: ellipsis;
        }}
    }}
    """

    class Changed(Message):
        """The text changed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Left(Message):
        """The focus goes to the list."""

    def __init__(self, hint: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._input = _FilterInput(placeholder=hint, id="filter-input", select_on_focus=False, compact=True)
        self._note = Static("", id="filter-note", markup=False)
        self._note_width = 0
        self._problem = Static("", id="filter-problem", markup=False)

    def compose(self) -> ComposeResult:
        with Horizontal(id="filter-line"):
            yield Static(" /", id="filter-sign", markup=False)
            yield self._input
            yield self._note
        yield self._problem

    @property
    def text(self) -> str:
        """What is typed."""
        return self._input.value

    def type(self, text: str) -> None:
        """Replace what is typed."""
        self._input.value = text

    def enter(self) -> None:
        """Focus the input at once, so that the next key goes there."""
        self.screen.set_focus(self._input)

    @property
    def hints(self) -> tuple[KeyHint, ...]:
        """What the keys do while they go to the input, for the footer; nothing while they do not."""
        if not self._input.has_focus:
            return ()
        back = "clear" if self.text else "back"
        return (
            KeyHint("enter", "to the list", "focused.leave"),
            KeyHint("esc", back, "focused.clear_or_leave"),
        )

    def show_note(self, text: str) -> None:
        """Show at the end of the line how many are left."""
        # The whole screen is laid out anew only for a note of another width.
        width = cell_len(text)
        self._note.update(text, layout=width != self._note_width)
        self._note_width = width

    def show_problem(self, text: str, at: int = 0) -> None:
        """Show what is wrong, below its place `at` in the input where it fits; "" for nothing."""
        words = f"✗ {text}" if text else ""
        indent = min(SIGN + at, max(1, self._problem.size.width - cell_len(words)))
        self._problem.update(f"{' ' * indent}{words}", layout=False)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_click(self, event: events.Click) -> None:
        self.enter()
