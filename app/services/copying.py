"""Copy something to the clipboard, by the surest way there is."""

from collections.abc import Sequence

from app.domain.errors import Failed
from app.domain.ports import Clipboard


class CopyText:
    """Tries one clipboard after the other; the answer says what is known, and no more."""

    def __init__(self, clipboards: Sequence[Clipboard]) -> None:
        self._clipboards = tuple(clipboards)

    async def do(self, text: str) -> str:
        """Return what is known: "copied with wl-copy"; raise Failed when nothing took it."""
        for clipboard in self._clipboards:
            try:
                return await clipboard.copy(text)
            except Failed:
                continue
        raise Failed("nothing here reaches a clipboard", hint="select the text and copy it by hand")
