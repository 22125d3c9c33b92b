"""Textual's pilot waits for the event loop of the app, not for the load of the machine.

After each key and in each pause, Textual's pilot sleeps and compares the CPU time that the process used with
the time that passed, until the process did little. That takes 20 ms or more although an app on in-memory
adapters has finished in a fraction of it, and what it decides depends on the machine. Here a pilot waits
until no task of the event loop can run: then the app has handled every message, and only a timer, a thread or
another process can make it go on.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import textual.app
import textual.pilot
from textual.geometry import Size
from textual.pilot import Pilot

# A turn without anything to do also has to look for timers that are due and for sockets; what these start
# may take one more.
QUIET_TURNS = 3
# An app that always has something to do is waited for this long at most.
MOST_TURNS = 10_000
# How often `until` looks: at once while the app has something to do, then after a sleep. A minute in all.
QUICK_LOOKS, LOOKS = 10, 6000
SLEEP = 0.01


async def wait_for_idle(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Return when nothing is left to run; the arguments are those of Textual's function, and not used."""
    # The event loop tells nobody whether it has something to run.
    loop: Any = asyncio.get_running_loop()
    quiet = 0
    for _ in range(MOST_TURNS):
        await asyncio.sleep(0)
        quiet = 0 if loop._ready else quiet + 1
        if quiet == QUIET_TURNS:
            return


async def settle(pilot: Pilot[Any]) -> None:
    """Let the app handle every message, lay out and paint what these changed, and handle what follows."""
    for _ in range(2):
        await wait_for_idle()
        if not pilot.app.is_running:
            return
        # What the timer of the screen does, 60 times a second.
        pilot.app.screen._on_timer_update()
    await wait_for_idle()


async def until(pilot: Pilot[Any], true: Callable[[], object]) -> bool:
    """Let the app work until `true()`, and on until it has nothing to do; return whether it came.

    What happens inside the app takes turns and no time; timers, threads and servers get a minute.
    """
    for look in range(LOOKS):
        came = true()
        if look >= QUICK_LOOKS and not came:
            await asyncio.sleep(SLEEP)
        await settle(pilot)
        if came:
            return True
    return False


async def resize(pilot: Pilot[Any], width: int, height: int) -> None:
    """Give the terminal another size; Textual lays the screen out by a timer."""
    await pilot.resize_terminal(width, height)
    assert await until(pilot, lambda: pilot.app.screen._compositor.size == Size(width, height))


def pytest_collection_finish() -> None:
    """Let every pilot wait like this."""
    modules: tuple[Any, ...] = (textual.app, textual.pilot)
    for module in modules:
        assert module.wait_for_idle
        module.wait_for_idle = wait_for_idle
