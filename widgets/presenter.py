"""Text as the screen shows it: safe, and masked while the screen is shared (`--redact`)."""

from collections.abc import Callable
from contextvars import ContextVar

from app.domain import text as plain

Mask = Callable[[str], str]
_mask: ContextVar[Mask | None] = ContextVar("mask", default=None)


def use_mask(mask: Mask | None) -> None:
    """Mask what the app that starts in this context shows; its tasks inherit the context. None shows all.

    What is stored, sent, copied or exported never passes through here.
    """
    _mask.set(mask)


def clean(text: str, limit: int = 500) -> str:
    """Return `text` masked, on one line and without control characters: see `app.domain.text.clean`."""
    mask = _mask.get()
    return plain.clean(text if mask is None else mask(text), limit)
