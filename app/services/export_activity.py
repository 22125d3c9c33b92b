"""Write the trail to a file."""

from collections.abc import Sequence
from datetime import datetime

from app.domain.activity import ActivityEntry
from app.domain.activity_export import render
from app.domain.errors import UsageError
from app.domain.export import Format
from app.domain.ports import PrivateFiles


class ExportActivity:
    """The entries that a person looks at, in the order in which they look at them."""

    def __init__(self, files: PrivateFiles) -> None:
        self._files = files

    async def do(self, entries: Sequence[ActivityEntry], form: Format, path: str, as_of: datetime) -> str:
        """Write a new file and return its path; raise UsageError when something is there already."""
        if not path.strip():
            raise UsageError("a file name is needed", hint="for example activity.csv")
        return await self._files.write_text(path.strip(), render(entries, form, as_of))
