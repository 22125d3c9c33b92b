"""Lets a picture wait until an app has nothing left to do, whatever the speed and the load of the machine."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar
from unittest.mock import patch

from textual.app import App
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.screen import Screen
from textual.timer import Timer

from tests.support.pilot import wait_for_idle

P = ParamSpec("P")
R = TypeVar("R")
SHORT = 1.0
"""Seconds. A timer of less than that belongs to what is going on; a toast stays for longer."""
TURNS = 30_000
"""More passes than any scene needs: a minute of them when each waits for a timer."""
TIMER_POLL = 0.002
"""Seconds between two looks at a timer that runs."""


async def _here(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """`asyncio.to_thread` without a thread, which the event loop would not know of."""
    return function(*args, **kwargs)


@contextmanager
def exact() -> Iterator[None]:
    """Pauses of a pilot end when the event loop is idle; nothing runs in threads."""
    with (
        patch("textual.pilot.wait_for_idle", wait_for_idle),
        patch("textual.app.wait_for_idle", wait_for_idle),
        patch("asyncio.to_thread", _here),
    ):
        yield


async def settle(pilot: Pilot[Any]) -> None:
    """Return when every message is handled, every visible screen is laid out, and no short timer runs."""
    assert asyncio.to_thread is _here, "only exact() makes it so that no thread works unseen"
    app = pilot.app
    for _ in range(TURNS):
        await wait_for_idle()
        if app._exception is not None:
            return  # run_test raises it
        visible = [*app._background_screens, app.screen]
        waiting = [screen for screen in visible if _to_lay_out(screen)]
        for screen in waiting:
            # What its own timer does sixty times a second.
            screen._on_timer_update()
        if waiting:
            continue
        if not _busy(app):
            return
        await asyncio.sleep(TIMER_POLL)
    raise AssertionError("the app never comes to rest")


def _to_lay_out(screen: Screen[Any]) -> bool:
    """What needs only to be painted is not asked for: a picture paints everything."""
    return bool(
        screen._layout_required or screen._scroll_required or screen._recompose_required or screen._callbacks
    )


def _busy(app: App[Any]) -> bool:
    """Something that ends by itself, after a time, is running: a timer, or the search of a palette."""
    # Another worker that runs when the event loop is idle waits for a person, a browser or the test's clock.
    if any(worker.is_running and isinstance(worker.node, CommandPalette) for worker in app.workers):
        return True
    nodes: list[DOMNode] = [app]
    for screen in app.screen_stack:
        nodes += screen.walk_children(with_self=True)
    return any(_pending(timer) for node in nodes for timer in node._timers)


def _pending(timer: Timer) -> bool:
    """It will fire once, soon."""
    task = timer._task
    return timer._repeat == 0 and timer._interval < SHORT and task is not None and not task.done()
