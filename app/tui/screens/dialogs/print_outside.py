"""Printing outside the full screen, where the terminal can copy a long line whole."""

import asyncio
import contextlib
import os
import signal
import sys
from typing import Any

from textual.app import App


async def print_outside(app: App[Any], text: str, over: asyncio.Event) -> None:
    """Leave the full screen, print `text`, and come back at enter, ctrl+c or when `over` is set.

    The app goes on meanwhile, unseen. Raise SuspendNotSupported where there is nothing to leave it for.
    """
    with app.batch_update(), app.suspend():
        print(f"\n{text}\n\nPress enter to go back to Loopin ", end="", flush=True)  # noqa: T201 - outside the app
        await _line_or(over)
        print()  # noqa: T201 - outside the app


async def _line_or(over: asyncio.Event) -> None:
    """Wait for a line at the terminal, ctrl+c or `over`."""
    if sys.__stdin__ is None:
        return
    loop, terminal = asyncio.get_running_loop(), sys.__stdin__.fileno()
    interrupt = signal.getsignal(signal.SIGINT)

    def read() -> None:
        # Else it would be typed into the app.
        with contextlib.suppress(OSError):
            os.read(terminal, 4096)
        over.set()

    try:
        loop.add_reader(terminal, read)
        loop.add_signal_handler(signal.SIGINT, over.set)
    except NotImplementedError:
        # On Windows the loop watches no terminal.
        await asyncio.to_thread(sys.__stdin__.readline)
        return
    try:
        await over.wait()
    finally:
        loop.remove_reader(terminal)
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, interrupt)
