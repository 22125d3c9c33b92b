"""The dialog of the filters that were saved by name."""

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from app.services.saved_filters import SavedFilters
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.workers import change, read
from widgets.presenter import clean
from widgets.wrapped_text import pad


class SavedFiltersDialog(Dialog[str]):
    """Choose one, save what is typed now, forget one; the result is the filter to use."""

    TITLE = "Saved filters"
    CSS_PATH = "saved_filters.tcss"
    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("delete,ctrl+d", "forget", "Delete", show=False)]

    def __init__(self, saved: SavedFilters, current: str) -> None:
        super().__init__()
        self._saved = saved
        self._current = current.strip()
        self._by_name: Mapping[str, str] = {}
        self._list = OptionList(markup=False, compact=True, id="saved-list")
        self._empty = Static("Nothing is saved yet.", id="saved-none", classes="muted", markup=False)
        self._keys = Static(
            "enter uses it · delete forgets it", id="saved-keys", classes="muted", markup=False
        )
        self._name_input = Input(placeholder="name, then enter", id="saved-name", max_length=63, compact=True)
        self.error_line.id = "saved-error"

    def compose_dialog(self) -> ComposeResult:
        yield self._list
        yield self._empty
        yield self._keys
        if self._current:
            yield Static(f"Save  {clean(self._current, 200)}  as", id="saved-as", markup=False)
            yield self._name_input
        else:
            hint = "To save one, type it above the list first."
            yield Static(hint, id="saved-as", classes="muted", markup=False)
        yield self.error_line
        with Horizontal(classes="dialog-buttons"):
            yield Button("Close", id="cancel")

    def on_mount(self) -> None:
        self._read()

    @read("read the saved filters", group="read")
    async def _read(self) -> None:
        self._by_name = await self._saved.list_filters()
        self._list.clear_options()
        self._list.add_options(
            Option(_line(name, text), id=f"f-{n}") for n, (name, text) in enumerate(self._by_name.items())
        )
        self._list.display = self._keys.display = bool(self._by_name)
        self._empty.display = not self._by_name
        self.error_line.display = False
        if self._by_name:
            self._list.highlighted = 0
        elif self._current:
            self._name_input.focus()

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(list(self._by_name.values())[event.option_index])

    @on(Input.Submitted)
    def _submit_name(self, event: Input.Submitted) -> None:
        event.stop()
        self._save(event.value)

    @change("save the filter", group="save")
    async def _save(self, name: str) -> None:
        await self._saved.save_filter(name, self._current)
        self._name_input.value = ""
        self._list.focus()
        self._read()

    def action_forget(self) -> None:
        """Forget the one under the cursor."""
        if self._list.has_focus and self._list.highlighted is not None:
            self._forget(list(self._by_name)[self._list.highlighted])

    @change("forget the filter", group="save")
    async def _forget(self, name: str) -> None:
        await self._saved.delete_filter(name)
        self._read()

    @on(Button.Pressed)
    def _close(self) -> None:
        self.dismiss(None)


def _line(name: str, text: str) -> Content:
    return Content.assemble((f"{pad(clean(name, 40), 20)}  ", "bold"), (clean(text, 200), "$text-muted"))
