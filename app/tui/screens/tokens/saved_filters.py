"""The dialog of the filters that were saved by name."""

from collections.abc import Mapping
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from app.domain.errors import LoopinError
from app.services.saved_filters import SavedFilters
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.messages import reason, sign_in_key
from app.tui.screens.workers import change
from widgets.presenter import clean
from widgets.wrapped_text import pad


class SavedFiltersDialog(Dialog[str]):
    """Choose one, save what is typed now, forget one; the result is the filter to use."""

    TITLE = "Saved filters"
    CSS_PATH = "saved_filters.tcss"
    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("delete,ctrl+d", "forget", "Delete", show=False)]

    class Read(Message):
        """What is saved now."""

        def __init__(self, filters: Mapping[str, str]) -> None:
            super().__init__()
            self.filters = filters

    def __init__(self, saved: SavedFilters, current: str) -> None:
        super().__init__()
        self._saved = saved
        self._current = current.strip()
        self._filters: Mapping[str, str] = {}

    def compose_dialog(self) -> ComposeResult:
        yield OptionList(markup=False, compact=True, id="saved-list")
        yield Static("Nothing is saved yet.", id="saved-none", classes="muted", markup=False)
        yield Static("enter uses it · delete forgets it", id="saved-keys", classes="muted", markup=False)
        if self._current:
            yield Static(f"Save  {clean(self._current, 200)}  as", id="saved-as", markup=False)
            yield Input(placeholder="name, then enter", id="saved-name", max_length=63, compact=True)
        else:
            hint = "To save one, type it above the list first."
            yield Static(hint, id="saved-as", classes="muted", markup=False)
        yield Static("", id="saved-error", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Close", id="cancel")

    def on_mount(self) -> None:
        self._read()

    @work(exclusive=True, group="read", description="read the saved filters", exit_on_error=False)
    async def _read(self) -> None:
        self.post_message(self.Read(await self._saved.list_filters()))

    @on(Read)
    def _show(self, event: Read) -> None:
        self._filters = event.filters
        options = self.query_one(OptionList)
        options.clear_options()
        options.add_options(
            Option(_line(name, text), id=f"f-{n}") for n, (name, text) in enumerate(self._filters.items())
        )
        some = bool(self._filters)
        options.display = self.query_one("#saved-keys").display = some
        self.query_one("#saved-none").display = not some
        self.query_one("#saved-error").display = False
        if some:
            options.highlighted = 0
        elif self._current:
            self.query_one("#saved-name").focus()

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(list(self._filters.values())[event.option_index])

    @on(Input.Submitted)
    def _named(self, event: Input.Submitted) -> None:
        event.stop()
        self._save(event.value)

    @change("save the filter", group="save")
    async def _save(self, name: str) -> None:
        await self._saved.save_filter(name, self._current)
        self.query_one("#saved-name", Input).value = ""
        self.query_one(OptionList).focus()
        self._read()

    def action_forget(self) -> None:
        """Forget the one under the cursor."""
        options = self.query_one(OptionList)
        if options.has_focus and options.highlighted is not None:
            self._forget(list(self._filters)[options.highlighted])

    @change("forget the filter", group="save")
    async def _forget(self, name: str) -> None:
        await self._saved.delete_filter(name)
        self._read()

    @on(Button.Pressed)
    def _close(self) -> None:
        self.dismiss(None)

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """Say it in the dialog, which keeps what was typed."""
        if not isinstance(error, LoopinError):
            return False
        line = self.query_one("#saved-error", Static)
        line.update(reason(error, sign_in_key(self)))
        line.display = True
        return True


def _line(name: str, text: str) -> Content:
    return Content.assemble((f"{pad(clean(name, 40), 20)}  ", "bold"), (clean(text, 200), "$text-muted"))
