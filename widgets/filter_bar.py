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
    """Tells on every key. A term that cannot be understood is named on the line under the input, which is
    always there: what stands below never moves."""

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
        with Horizontal(id="filter-line"):
            yield Static(" /", id="filter-sign", markup=False)
            yield _FilterInput(placeholder=self._hint, id="filter-input", select_on_focus=False, compact=True)
            yield Static("", id="filter-note", markup=False)
        yield Static("", id="filter-problem", markup=False)

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(Input).value

    def type(self, text: str) -> None:
        """Replace what is typed."""
        self.query_one(Input).value = text

    def enter(self) -> None:
        """Let the person type, from the very next key on."""
        self.screen.set_focus(self.query_one(Input))

    @property
    def hints(self) -> tuple[KeyHint, ...]:
        """What the keys do while they go to the input, for the footer; nothing while they do not."""
        if not self.query_one(Input).has_focus:
            return ()
        back = "clear" if self.text else "back"
        return (
            KeyHint("enter", "to the list", "focused.leave"),
            KeyHint("esc", back, "focused.clear_or_leave"),
        )

    def note(self, text: str) -> None:
        """Say at the end of the line how many are left."""
        # The whole screen is laid out anew only for a note of another width.
        layout = cell_len(text) != cell_len(self._said)
        self.query_one("#filter-note", Static).update(text, layout=layout)
        self._said = text

    def complain(self, text: str, at: int = 0) -> None:
        """Name what is wrong, below its place `at` in the input where there is room; "" = nothing is."""
        words, line = f"✗ {text}" if text else "", self.query_one("#filter-problem", Static)
        indent = min(SIGN + at, max(1, line.size.width - cell_len(words)))
        line.update(f"{' ' * indent}{words}", layout=False)

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def on_click(self, event: events.Click) -> None:
        self.enter()
