"""Copy something to the clipboard, by the surest way there is."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from app.domain.errors import Failed
from app.domain.ports import Clipboard


@runtime_checkable
class Clearing(Protocol):
    """A clipboard that can be looked at and emptied."""

    def can_clear(self) -> bool:
        """True when what it holds can be read here: what somebody else copied must not be lost."""

    async def clear(self, text: str) -> bool:
        """Empty it if it still holds `text`; False when it holds something else. Raise Failed."""


class CopyText:
    """Tries one clipboard after the other; the answer says what is known, and no more."""

    def __init__(self, clipboards: Sequence[Clipboard]) -> None:
        self._clipboards = tuple(clipboards)
        self._took: object = None

    async def do(self, text: str) -> str:
        """Return what is known: "copied with wl-copy"; raise Failed when nothing took it."""
        for clipboard in self._clipboards:
            try:
                said = await clipboard.copy(text)
            except Failed:
                continue
            self._took = clipboard
            return said
        raise Failed("nothing here reaches a clipboard", hint="select the text and copy it by hand")

    @property
    def can_clear(self) -> bool:
        """True when the clipboard that took the last text can be emptied again."""
        return isinstance(self._took, Clearing) and self._took.can_clear()

    async def clear(self, text: str) -> bool:
        """Empty that clipboard if it still holds `text`; True when it was emptied. Raise Failed."""
        return isinstance(self._took, Clearing) and await self._took.clear(text)
