"""What a sign-out says at its end, at either provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli import exit_codes
from app.cli.output import show
from app.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.domain.login import SignedOut


def nothing_forgotten(done: SignedOut) -> str:
    """Why there was nothing to forget, as a sentence."""
    why = f"Nothing was forgotten: {clean(done.unseen)}" if done.unseen else "Nothing was stored here"
    return f"{why}."


def conclude(results: Collection[SignedOut]) -> int:
    """Tell what signs one in all the same, and what a server was not told; return the exit code."""
    for still in dict.fromkeys(done.still for done in results if done.still):
        show(f"{still} still signs you in; it is not Loopin's to end.", err=True)
    warnings = [done.warning for done in results if done.warning]
    for warning in warnings:
        show(f"loopin: {warning}", err=True)
    return exit_codes.PARTLY if warnings else exit_codes.DONE
