"""Write a token list or the activity log to a new file."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from app.domain import activity_export, export
from app.domain.activity import ActivityEntry
from app.domain.errors import UsageError
from app.domain.export import Format
from app.domain.ports import PrivateFiles
from app.domain.token_row import Row


class ExportService:
    """Exports the rows that a screen shows, in their order. An existing file raises UsageError."""

    def __init__(self, files: PrivateFiles) -> None:
        self._files = files

    async def export_tokens(
        self, rows: Sequence[Row], form: Format, path: str, as_of: datetime, threshold: int | None
    ) -> str:
        """Write the tokens and return the path of the file."""
        path = _checked(path, "tokens.csv")
        # 100,000 rows would stop the event loop for a moment.
        text = await asyncio.to_thread(export.render, rows, form, as_of, threshold)
        return await self._files.write_text(path, text)

    async def export_activity(
        self, entries: Sequence[ActivityEntry], form: Format, path: str, as_of: datetime
    ) -> str:
        """Write the entries and return the path of the file."""
        path = _checked(path, "activity.csv")
        return await self._files.write_text(path, activity_export.render(entries, form, as_of))


def _checked(path: str, example: str) -> str:
    if not path.strip():
        raise UsageError("a file name is needed", hint=f"for example {example}")
    return path.strip()
