"""The dialog that writes the trail to a file."""

from collections.abc import Sequence
from datetime import datetime

from app.domain.activity import ActivityEntry
from app.domain.export import Format
from app.services.export import ExportService
from app.tui.screens.dialogs.export_file import ExportFile, Written
from app.tui.screens.workers import change


class ExportActivityDialog(ExportFile):
    """What the filter lets through, as a new file."""

    NOTE = "What the filter shows now, newest first."

    def __init__(self, export: ExportService, entries: Sequence[ActivityEntry], as_of: datetime) -> None:
        super().__init__(f"activity-{as_of:%Y-%m-%d}")
        self._export, self._entries, self._as_of = export, entries, as_of

    def heading(self) -> str:
        """How many."""
        return f"Export {len(self._entries):,} entr{'y' if len(self._entries) == 1 else 'ies'}"

    @change("write the activity", group="export")
    async def write(self, form: Format, path: str) -> None:
        """Write it."""
        self.post_message(Written(await self._export.export_activity(self._entries, form, path, self._as_of)))
