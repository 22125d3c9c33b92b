"""Write a token list to a file."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from app.domain.errors import UsageError
from app.domain.export import Format, render
from app.domain.ports import PrivateFiles
from app.domain.token_row import Row


class ExportTokens:
    """The rows that a person looks at, in the order in which they look at them."""

    def __init__(self, files: PrivateFiles) -> None:
        self._files = files

    async def do(
        self, rows: Sequence[Row], form: Format, path: str, as_of: datetime, threshold: int | None
    ) -> str:
        """Write a new file and return its path; raise UsageError when something is there already."""
        if not path.strip():
            raise UsageError("a file name is needed", hint="for example tokens.csv")
        text = await asyncio.to_thread(render, rows, form, as_of, threshold)
        return await self._files.write_text(path.strip(), text)
