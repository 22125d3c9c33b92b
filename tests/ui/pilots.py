"""Small helpers for pilot tests: wait for a state, never for a time."""

from collections.abc import Callable

from textual.pilot import Pilot

TRIES, TURN = 500, 0.01


async def until(pilot: Pilot[int], reached: Callable[[], bool], what: str = "") -> None:
    """Let the app work until `reached`; fail when it never gets there."""
    for _ in range(TRIES):
        await pilot.pause(TURN)
        if reached():
            return
    raise AssertionError(f"never happened: {what or reached}")


async def settled(pilot: Pilot[int]) -> None:
    """Wait until the servers were asked who is signed in."""
    app = pilot.app
    await until(pilot, lambda: bool(app.frame.presence.asked), "accounts were asked")  # type: ignore[attr-defined]  # Pilot does not know the subclass


def notes(pilot: Pilot[int]) -> list[str]:
    """What is shown in toasts now."""
    return [note.message for note in pilot.app._notifications]
