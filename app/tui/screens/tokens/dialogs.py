"""Two small dialogs of the Tokens screen: one token in full, and the order of the list."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, OptionList
from textual.widgets.option_list import Option

from app.domain.token_row import Sort, SortKey
from app.tui.screens.dialogs.dialog import Dialog
from widgets.detail_pane import Detail, DetailText
from widgets.presenter import clean

_FIRST = {
    SortKey.STATE: "what works first",
    SortKey.NAME: "a to z",
    SortKey.SCOPE: "global first",
    SortKey.LAST_USED: "never and longest ago first",
    SortKey.DEADLINE: "soonest first",
    SortKey.EXPIRES: "soonest first",
    SortKey.CREATED: "oldest first",
    SortKey.DESCRIPTION: "a to z",
}


class TokenDialog(Dialog[bool]):
    """Everything about one token, for a terminal that is too narrow for the pane beside the list."""

    CSS_PATH = "dialogs.tcss"
    AUTO_FOCUS = ".dialog-body"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "leave", "Close", show=False)]

    def __init__(self, detail: Detail) -> None:
        super().__init__()
        self._detail = detail

    def heading(self) -> str:
        """Which token."""
        return clean(self._detail.row.token.name, 120)

    def compose_dialog(self) -> ComposeResult:
        with VerticalScroll(classes="dialog-body"):
            yield DetailText(self._detail, headed=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Close", id="cancel")

    @on(Button.Pressed)
    def _close(self) -> None:
        self.dismiss(None)


class SortDialog(Dialog[Sort]):
    """Choose the column; choosing the one in use turns the order around."""

    TITLE = "Sort by"
    HINT = "esc closes"
    CSS_PATH = "dialogs.tcss"

    def __init__(self, current: Sort) -> None:
        super().__init__()
        self._current = current
        self._list = OptionList(*(self._option(key) for key in SortKey), compact=True, markup=False)

    def compose_dialog(self) -> ComposeResult:
        yield self._list

    def on_mount(self) -> None:
        self._list.highlighted = list(SortKey).index(self._current.key)

    def _option(self, key: SortKey) -> Option:
        arrow = " "
        if key is self._current.key:
            arrow = "▼" if self._current.descending else "▲"
        return Option(f"{arrow} {key.value:<13}{_FIRST[key]}", id=key.value)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._current.clicked(SortKey(event.option.id)))
