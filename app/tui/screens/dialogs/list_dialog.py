"""A dialog that lists rows from a server and applies the chosen one."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, OptionList
from textual.widgets.option_list import Option

from app.domain.errors import LoopinError
from app.tui.screens.dialogs.dialog import Dialog, Result
from app.tui.screens.messages import sign_in_key, with_key
from app.tui.screens.workers import can_start, change, read
from widgets.content_state import ContentState

Item = TypeVar("Item")
"""The type of a row."""
_APPLY = "apply"
MOST_ROWS = 8
"""Rows visible at a time."""


class ListDialog(Dialog[Result], Generic[Result, Item]):
    """The result is what `apply_row` returns; None when nothing was chosen or nothing changes."""

    CSS_PATH = "list_dialog.tcss"
    AUTO_FOCUS = "OptionList"
    LOADING: ClassVar[str] = ""
    EMPTY: ClassVar[tuple[str, str]] = ("", "")
    """Title and hint when there is no row."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Item] = ()
        self._content = ContentState()
        self._options = OptionList(markup=False)
        self.error_line.add_class("dialog-error")

    @abstractmethod
    async def list_rows(self) -> Sequence[Item]:
        """Ask the server for the rows."""

    @abstractmethod
    async def apply_row(self, row: Item) -> Result:
        """Put the chosen row into effect."""

    @abstractmethod
    def in_effect(self, row: Item) -> bool:
        """Whether the row is in effect now."""

    @abstractmethod
    def line(self, row: Item) -> str | Content:
        """The text of the row."""

    def compose_dialog(self) -> ComposeResult:
        with self._content:
            yield self._options
        yield self.error_line
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self.action_refresh()

    def action_refresh(self) -> None:
        """Ask for the rows, once more after an error."""
        self._content.show_loading(self.LOADING)
        self._list()

    @read("ask for the list", group="list")
    async def _list(self) -> None:
        self._rows = await self.list_rows()
        if not self._rows:
            self._content.show_empty(*self.EMPTY)
            return
        options = self._options
        options.clear_options()
        options.add_options([Option(self.line(row)) for row in self._rows])
        options.highlighted = next((i for i, row in enumerate(self._rows) if self.in_effect(row)), 0)
        self._content.styles.height = min(len(self._rows), MOST_ROWS)
        self._content.show_filled()
        options.focus()

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        row = self._rows[event.option_index]
        if self.in_effect(row):
            self.dismiss(None)
            return
        self.error_line.update("")
        self._apply(row)

    @change("let the choice take effect", group=_APPLY)
    async def _apply(self, row: Item) -> None:
        self.conclude(await self.apply_row(row))

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()

    def action_leave(self) -> None:
        """Cancel; a choice that is taking effect comes to its end first."""
        if can_start(self, _APPLY):
            self.dismiss(None)

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show it in the list's place, or under the list when a choice failed."""
        if group == "list" and isinstance(error, LoopinError):
            self._content.show_error(with_key(error, sign_in_key(self)))
            return True
        return super().show_failure(error, group)
