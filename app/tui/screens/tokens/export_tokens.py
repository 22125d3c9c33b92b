"""The dialog that writes the token list to a file."""

from app.domain.export import Format
from app.domain.names import problem
from app.domain.token_index import Book
from app.domain.token_row import Row
from app.services.export import ExportService
from app.tui.screens.dialogs.export_file import ExportFile, Written
from app.tui.screens.workers import change


class ExportTokensDialog(ExportFile):
    """The rows of the token list."""

    NOTE = "What the tab and the filter show now, in this order."

    def __init__(self, export: ExportService, rows: list[Row], book: Book, organization: str) -> None:
        super().__init__(f"tokens-{'' if problem(organization) else f'{organization}-'}{book.now:%Y-%m-%d}")
        self._export, self._rows, self._book = export, rows, book

    def heading(self) -> str:
        """How many."""
        return f"Export {len(self._rows):,} token{'s' * (len(self._rows) != 1)}"

    @change("write the list", group="export")
    async def write(self, form: Format, path: str) -> None:
        """Write it."""
        written = await self._export.export_tokens(
            self._rows, form, path, self._book.now, self._book.threshold
        )
        self.post_message(Written(written))
