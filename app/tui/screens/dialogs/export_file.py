"""The dialog that writes a list to a new file."""

from collections.abc import Awaitable, Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Static

from app.domain.export import Format
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.workers import change
from widgets.choice_bar import ChoiceBar

_TITLES = {Format.CSV: "CSV", Format.JSON: "JSON", Format.MARKDOWN: "Markdown"}


class ExportDialog(Dialog[str]):
    """Asks for the format and the name of a new file; the result is its path.

    `what` is what is written ("the list"), `note` says which part of it; `stem` is the suggested name without
    its extension. `write` gets the format and the path, and returns the path as the user knows it.
    """

    CSS_PATH = "export_file.tcss"
    AUTO_FOCUS = "#export-format"

    def __init__(
        self, title: str, what: str, note: str, stem: str, write: Callable[[Format, str], Awaitable[str]]
    ) -> None:
        super().__init__()
        self._title, self._what, self._note, self._write_file = title, what, note, write
        self._format_bar = ChoiceBar(list(_TITLES.values()), 0, id="export-format")
        self._path = Input(f"{stem}.csv", id="export-path", compact=True)
        self.error_line.id = "export-error"

    def heading(self) -> str:
        """What is exported."""
        return self._title

    def compose_dialog(self) -> ComposeResult:
        yield Static(self._note, classes="muted", markup=False)
        yield self._format_bar
        yield self._path
        yield self.error_line
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            yield Button("Write", id="yes", variant="primary")

    @property
    def _format(self) -> Format:
        return list(_TITLES)[self._format_bar.chosen or 0]

    @on(ChoiceBar.Changed)
    def _change_extension(self) -> None:
        stem, dot, _ = self._path.value.rpartition(".")
        self._path.value = f"{stem if dot else self._path.value}.{self._format.value}"

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _submit(self) -> None:
        self._write(self._what)

    @change("write {0}", group="export")
    async def _write(self, what: str) -> None:
        self.dismiss(await self._write_file(self._format, self._path.value))

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)
