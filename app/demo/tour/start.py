"""`loopin demo --tour`: the sample server, a stand-in for the person at the browser, and the tour on both."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from app.adapters.system.clock import SystemClock
from app.bootstrap import Container
from app.demo.sample_folder import sample_folder
from app.demo.sample_server import (
    SampleServer,
    answer_sign_in,
    need_server,
    sample_container,
    sample_server,
    unwind_on_signals,
)

READING = 2.5
"""Seconds for which the stand-in looks at the sign-in page."""


class HurriedClock(SystemClock):
    """The real time, in which short waits are shorter. Waiting for a person is not hurried."""

    def __init__(self, speed: float) -> None:
        self._speed = speed

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await super().sleep(seconds / self._speed if seconds <= 1 else seconds)


class StandIn:
    """Satisfies `Browser`: signs the sample person in on the server's real page."""

    def __init__(self, server: SampleServer, speed: float) -> None:
        self._server = server
        self._wait = READING / speed
        self._visits: set[asyncio.Task[None]] = set()

    async def open(self, url: str) -> str:
        """Begin the visit and return the browser's name."""
        visit = asyncio.create_task(self._visit(url))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)
        return "the tour's own browser"

    async def _visit(self, url: str) -> None:
        import httpx

        await asyncio.sleep(self._wait)
        address = await answer_sign_in(self._server, url)
        async with httpx.AsyncClient(trust_env=False) as browser:
            await browser.get(address)


def start(speed: float, flags: Mapping[str, str | None] | None = None) -> int:
    """Play the tour `speed` times as fast as it is meant to be watched; return the exit code."""
    need_server()
    from app.demo.tour.player import TourApp

    unwind_on_signals()
    with sample_folder("loopin-tour-") as folder, sample_server(folder) as server:
        app = TourApp(container(folder, server, speed, flags), server, speed=speed)
        result = app.run()
        return result if result is not None else app.return_code or 0


def container(
    folder: Path, server: SampleServer, speed: float, flags: Mapping[str, str | None] | None = None
) -> Container:
    """The demo's parts, with the stand-in for a browser; a browser is always at hand."""
    sample = sample_container(folder, server, flags)
    return Container(
        sample.settings,
        vault=sample.vault,
        browser=StandIn(server, speed),
        browser_obstacle="",
        clock=HurriedClock(speed),
    )
