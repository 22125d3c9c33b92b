"""Copy text to the first clipboard that accepts it."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from app.domain.errors import Failed
from app.domain.ports import Clipboard


@runtime_checkable
class ClearableClipboard(Protocol):
    """A clipboard that can be read and cleared."""

    def can_clear(self) -> bool:
        """Return whether it can be read here: what somebody else copied must not be lost."""

    async def clear(self, text: str) -> bool:
        """Clear it if it still holds `text`, and return whether it did; raise Failed."""


class ClipboardService:
    """Tries one clipboard after the other."""

    def __init__(self, clipboards: Sequence[Clipboard]) -> None:
        self._clipboards = tuple(clipboards)
        self._last: object = None
        """The clipboard that accepted the last text."""

    async def copy_text(self, text: str) -> str:
        """Return what is known of the copy: "copied with wl-copy"; raise Failed for no clipboard."""
        for clipboard in self._clipboards:
            try:
                answer = await clipboard.copy(text)
            except Failed:
                continue
            self._last = clipboard
            return answer
        raise Failed("nothing here reaches a clipboard", hint="select the text and copy it by hand")

    @property
    def can_clear(self) -> bool:
        """Whether the clipboard that accepted the last text can be cleared."""
        return isinstance(self._last, ClearableClipboard) and self._last.can_clear()

    async def clear_text(self, text: str) -> bool:
        """Clear that clipboard if it still holds `text`, and return whether it did; raise Failed."""
        return isinstance(self._last, ClearableClipboard) and await self._last.clear(text)
