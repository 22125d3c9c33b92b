"""What the dialogs share that write something to a file."""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Button, Input, Static
from textual.worker import Worker

from app.domain.errors import LoopinError
from app.domain.export import Format
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.messages import reason, sign_in_key
from widgets.choice_bar import ChoiceBar

_WORDS = {Format.CSV: "CSV", Format.JSON: "JSON", Format.MARKDOWN: "Markdown"}


class Written(Message):
    """The file is there."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path


class ExportFile(Dialog[str]):
    """The format and the name of a new file; the result is its path. A subclass says what is written."""

    # Whole: Textual looks for a bare name beside the class that is opened, which is another package's.
    CSS_PATH = Path(__file__).with_name("export_file.tcss")
    AUTO_FOCUS = "#export-format"
    NOTE: ClassVar[str] = ""

    def __init__(self, stem: str) -> None:
        super().__init__()
        self._stem = stem

    def write(self, form: Format, path: str) -> object:
        """Write the file in a worker of the group "export", and post `Written`."""
        raise NotImplementedError

    def compose_dialog(self) -> ComposeResult:
        yield Static(self.NOTE, classes="muted", markup=False)
        yield ChoiceBar(list(_WORDS.values()), 0, id="export-format")
        yield Input(f"{self._stem}.csv", id="export-path", compact=True)
        yield Static("", id="export-error", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            yield Button("Write", id="yes", variant="primary")

    @property
    def _form(self) -> Format:
        return list(_WORDS)[self.query_one(ChoiceBar).chosen or 0]

    @on(ChoiceBar.Changed)
    def _other_format(self) -> None:
        field = self.query_one(Input)
        stem, dot, _ = field.value.rpartition(".")
        field.value = f"{stem if dot else field.value}.{self._form.value}"

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _go(self) -> None:
        self.write(self._form, self.query_one(Input).value)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    @on(Written)
    def _written(self, event: Written) -> None:
        self.dismiss(event.path)

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """Say it in the dialog, which keeps the name."""
        if not isinstance(error, LoopinError):
            return False
        line = self.query_one("#export-error", Static)
        line.update(reason(error, sign_in_key(self)))
        line.display = True
        return True
