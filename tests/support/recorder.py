"""Records the tour as asciicast v2, in a time of its own: a beat lasts as long as it says, on any machine.

The app is the real one on the adapters of the tests, with the demo's sample data at a fixed moment. After
every key the recorder waits until the picture stands still, and writes down the lines that changed.
"""

import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from textual._compositor import LayoutUpdate
from textual.widgets import Input

from app.demo.tour.player import TourApp
from app.demo.tour.player import keys_of as pairs
from app.demo.tour.script import CHAPTERS, Beat
from app.domain.tokens import APIToken, Project
from app.server.sample_data import SAMPLES, Sample
from app.tui.screens.login.progress import LoginProgressScreen
from app.tui.screens.tokens.revoke_many import Countdown
from tests.support import app as fakes
from tests.support import scenes
from tests.support.scenes import Pilots, Size

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "recordings"
SIZE: Size = (100, 30)
TITLES = {
    "sign-in": "Loopin: sign in, and watch it happen",
    "revoke": "Loopin: find and revoke what nobody uses",
    "threshold": "Loopin: what a threshold would revoke, before it is saved",
}
TYPING, READING = 0.12, 2.5
"""Seconds between two keys, and until the person at the browser has pressed Allow."""
STILL, LOOKS, LOOK = 8, 600, 0.02
"""A picture stands still when so many looks in a row found it the same; how many looks at most; seconds."""
MARGIN = timedelta(hours=2)


@dataclass
class Recording:
    """One chapter: `events` are seconds and what the terminal gets."""

    title: str
    now: float = 0.0
    events: list[tuple[float, str]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    def show(self, lines: list[str]) -> None:
        """Write the lines that changed."""
        old = self._lines or [""] * len(lines)
        changed = "".join(
            f"\x1b[{y};1H{line}"
            for y, (line, was) in enumerate(zip(lines, old, strict=True), 1)
            if line != was
        )
        start = "" if self._lines else "\x1b[?25l\x1b[2J"
        if start or changed:
            self.events.append((round(self.now, 2), start + changed))
        self._lines = lines

    def text(self) -> str:
        """The file: a header, then one event a line (asciicast v2, "File format")."""
        columns, rows = SIZE
        header = {"version": 2, "width": columns, "height": rows, "title": self.title}
        end = (round(self.now, 2), "\x1b[0m")
        lines = [json.dumps(header)]
        lines += [json.dumps([at, "o", data], ensure_ascii=False) for at, data in (*self.events, end)]
        return "\n".join(lines) + "\n"


class Recorder:
    """Plays the chapters one after another in one app."""

    def __init__(self, app: TourApp, pilot: Pilots, box: fakes.FakeContainer) -> None:
        self._app, self._pilot, self._box = app, pilot, box
        self._recording = Recording("")

    async def record(self, chapter: str) -> Recording:
        """Play it from the screen on which the last one ended."""
        self._recording = Recording(TITLES[chapter])
        for beat in CHAPTERS[chapter]:
            await self._play(beat)
        return self._recording

    async def _play(self, beat: Beat) -> None:
        self._app.say("")
        for key in keys_of(beat.keys):
            await self._press(key)
        while not beat.reached(self._app):
            await self._go_on(beat)
        self._app.say(beat.caption)
        await self._take(0.0)
        self._recording.now += beat.seconds

    async def _press(self, key: str) -> None:
        await self._pilot.press(key)
        await self._take(TYPING)

    async def _go_on(self, beat: Beat) -> None:
        """What lets the time pass: the next key, the person at the browser, or the countdown."""
        if beat.again:
            await self._press(beat.again)
        elif isinstance(self._app.screen, LoginProgressScreen):
            await self._take(READING)
            await scenes.callback(self._pilot)
            await self._take(0.0)
        elif isinstance(self._app.screen, Countdown):
            self._box.fake_clock.advance(1)
            await self._take(1.0)
        else:
            await self._take(TYPING)

    async def _take(self, seconds: float) -> None:
        """Wait until the picture stands still, and write it down `seconds` after the last one."""
        lines: list[str] = []
        same = 0
        for _ in range(LOOKS):
            await self._pilot.pause(LOOK)
            for box in self._app.screen.query(Input):
                box.cursor_blink = False
            found = self._picture()
            same = same + 1 if found == lines else 0
            lines = found
            if same >= STILL:
                break
        self._recording.now += seconds
        self._recording.show(lines)

    def _picture(self) -> list[str]:
        """The screen, line by line, as a terminal with 24-bit colours gets it."""
        columns, rows = SIZE
        console = Console(
            file=io.StringIO(), width=columns, height=rows, force_terminal=True, color_system="truecolor",
            legacy_windows=False, _environ={},
        )  # fmt: skip
        update = self._app.screen._compositor.render_update(
            full=True, screen_stack=self._app._background_screens
        )
        assert isinstance(update, LayoutUpdate)
        return ["".join(strip.render(console) for strip in line) for line in update.strips]


@asynccontextmanager
async def studio() -> AsyncIterator[Recorder]:
    """The app, signed out, on the demo's sample data."""
    box = fakes.container(signed_in=False)
    box.plane.tokens = list(samples())
    app = TourApp(box, fakes.FakeDemo(), script=())
    async with app.run_test(size=SIZE) as pilot:
        assert app.tour is not None
        app.workers.cancel_group(app, "tour")
        while app.playing:
            await pilot.pause(LOOK)
        yield Recorder(app, pilot, box)


async def record() -> dict[str, str]:
    """All chapters: their files by name."""
    async with studio() as recorder:
        return {name: (await recorder.record(name)).text() for name in CHAPTERS}


def keys_of(text: str) -> Iterator[str]:
    """`a<enter>` as the names that a pilot presses."""
    return (character or key for key, character in pairs(text))


def samples() -> Iterator[APIToken]:
    """The demo's tokens, at the moment at which the tests' clock stands."""
    projects = {name: Project(f"p-{name}", name) for name in ("web", "ml")}
    return (_token(number, sample, projects) for number, sample in enumerate(SAMPLES, 1))


def _token(number: int, sample: Sample, projects: dict[str, Project]) -> APIToken:
    now = fakes.NOW
    return APIToken(
        f"70000000-0000-4000-8000-{number:012d}",
        sample.name,
        sample.description,
        "0rg",
        "acme",
        now - sample.created,
        now + sample.expires + MARGIN if sample.expires else None,
        now - sample.revoked if sample.revoked is not None else None,
        now - sample.used if sample.used is not None else None,
        projects.get(sample.project),
    )
