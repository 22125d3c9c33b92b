"""A dialog that asks the server for a list, and lets one row of it take effect."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from app.domain.errors import LoopinError
from app.tui.screens.dialogs.dialog import Dialog, Result
from app.tui.screens.messages import at_hand, reason, sign_in_key
from app.tui.screens.workers import change, why_not
from widgets.content_state import StateView

Item = TypeVar("Item")
"""What a row stands for."""
_TAKE = "take"
MOST_ROWS = 8
"""That are seen at a time."""


class ChoiceDialog(Dialog[Result], Generic[Result, Item]):
    """Lists rows; the result is what the choice became, None when nothing was chosen or nothing changes."""

    CSS_PATH = "list_dialog.tcss"
    AUTO_FOCUS = "OptionList"
    LOADING: ClassVar[str] = ""
    EMPTY: ClassVar[tuple[str, str]] = ("", "")
    """What is said when there is no row: the fact, and what to do about it."""

    class Listed(Message):
        """The rows arrived."""

        def __init__(self, rows: Sequence[Any]) -> None:
            super().__init__()
            self.rows = rows

    def __init__(self) -> None:
        super().__init__()
        self._rows: Sequence[Item] = ()

    @abstractmethod
    async def list_rows(self) -> Sequence[Item]:
        """Ask for them."""

    @abstractmethod
    async def take(self, row: Item) -> Result:
        """Let the row take effect."""

    @abstractmethod
    def in_effect(self, row: Item) -> bool:
        """True for the row that is in effect now."""

    @abstractmethod
    def line(self, row: Item) -> str | Content:
        """How the row is written."""

    def compose_dialog(self) -> ComposeResult:
        with StateView():
            yield OptionList(markup=False)
        yield Static("", classes="dialog-error", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self.query_one(StateView).show_loading(self.LOADING)
        self._list()

    @work(exclusive=True, group="list", description="ask for the list", exit_on_error=False)
    async def _list(self) -> None:
        self.post_message(self.Listed(await self.list_rows()))

    @change("let the choice take effect", group=_TAKE)
    async def _take(self, row: Item) -> None:
        result = await self.take(row)
        self.conclude(result)

    @on(Listed)
    def _show(self, event: Listed) -> None:
        view, options = self.query_one(StateView), self.query_one(OptionList)
        self._rows = event.rows
        if not self._rows:
            view.show_empty(*self.EMPTY)
            return
        options.clear_options()
        options.add_options([Option(self.line(row)) for row in self._rows])
        options.highlighted = next((i for i, row in enumerate(self._rows) if self.in_effect(row)), 0)
        view.styles.height = min(len(self._rows), MOST_ROWS)
        view.show_filled()
        options.focus()

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        row = self._rows[event.option_index]
        if self.in_effect(row):
            self.dismiss(None)
            return
        self.query_one(".dialog-error", Static).update("")
        self._take(row)

    @on(StateView.Chosen)
    def _again(self) -> None:
        self.on_mount()

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()

    def action_leave(self) -> None:
        """Cancel; a choice that is taking effect comes to its end first."""
        if why := why_not(self, _TAKE):
            self.notify(why, severity="warning", timeout=4, markup=False)
        else:
            self.dismiss(None)

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """In the list's place, or under it when a choice failed."""
        if not isinstance(error, LoopinError):
            return False
        if worker.group == "list":
            self.query_one(StateView).show_error(at_hand(error, sign_in_key(self)))
        else:
            self.query_one(".dialog-error", Static).update(reason(error, sign_in_key(self)))
        return True
