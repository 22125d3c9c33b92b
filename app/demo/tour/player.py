"""Plays the tour in the real app: it presses the keys that a person would."""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import ClassVar
from unicodedata import name as unicode_name

from textual import events, work
from textual.content import Content
from textual.widgets import Static
from textual.worker import Worker

from app.bootstrap import Container
from app.demo.tour.script import SCRIPT, Beat
from app.domain.errors import Failed
from app.tui.app import LoopinApp
from app.tui.screen_factory import DemoServer

PACE = 0.12
"""Seconds between two keys, and between two looks at the screen."""
PATIENCE = 40.0
END = "That was the tour. The app is yours now: ? helps, q leaves."
_TOKEN = re.compile(r"<([\w+]+)>|(.)")
_KEYS = {"/": "slash", "-": "minus", " ": "space"}
Seen = Callable[[Beat], None]


class Caption(Static):
    """One sentence, above whatever screen is on top."""

    DEFAULT_CSS = """
    Caption {
        layer: _toastrack; dock: bottom; width: 1fr; height: auto; margin: 0 0 1 0; padding: 0 2;
        background: $warning; color: $background; text-style: bold; text-align: center;
    }
    """


class TourApp(LoopinApp):
    """The app, playing `script`. Any key pauses and goes on, escape during a pause takes over."""

    CSS_PATH = LoopinApp.CSS_PATH
    PAUSED: ClassVar[str] = "⏸ any key goes on · escape: take over"

    def __init__(
        self,
        container: Container,
        demo: DemoServer,
        *,
        speed: float = 1.0,
        script: tuple[Beat, ...] = SCRIPT,
        seen: Seen | None = None,
    ) -> None:
        super().__init__(container, demo=demo)
        self._speed = speed
        self.script = script
        self._seen = seen
        self._going = asyncio.Event()
        self._going.set()
        # More than are ever on their way at once; a slow machine works off several in a row.
        self._played: deque[events.Key] = deque(maxlen=64)
        self._words = ""
        self.playing = True
        self.tour: Worker[None] | None = None
        """What plays it, once it has begun."""

    async def on_mount(self) -> None:
        # Textual calls the handler of the base class besides this one.
        self.tour = self.play()

    @work(exclusive=True, group="tour", description="play the tour", exit_on_error=False)
    async def play(self) -> None:
        """Play everything, then hand the app over."""
        try:
            for beat in self.script:
                await self._play(beat)
            self.say(END)
            await self._hold(4)
        finally:
            self.playing = False
            self.say("")

    async def _play(self, beat: Beat) -> None:
        for key, character in keys_of(beat.keys):
            await self._press(key, character)
        await self._reach(beat)
        self.say(beat.caption)
        if self._seen is not None:
            self._seen(beat)
        await self._hold(beat.seconds)

    async def _reach(self, beat: Beat) -> None:
        """Wait until the screen is what the beat is about; raise Failed when it never is."""
        end = self.container.clock.monotonic() + PATIENCE
        while not (self.is_screen_ready and beat.reached(self)):
            if self.container.clock.monotonic() > end:
                raise Failed(f"the tour came to a stop at {beat.name}", hint="the app can be used as it is")
            if beat.again and self.is_screen_ready:
                await self._press(beat.again, None)
            await asyncio.sleep(PACE / self._speed)
            await self._going.wait()

    @property
    def is_screen_ready(self) -> bool:
        """True when the screen on top has been composed."""
        return bool(self.screen_stack) and self.screen.is_mounted

    async def _press(self, key: str, character: str | None) -> None:
        await self._going.wait()
        event = events.Key(key, character)
        self._played.append(event)
        self.post_message(event)
        await asyncio.sleep(PACE / self._speed)

    async def _hold(self, seconds: float) -> None:
        """Let the caption be read; a pause does not count."""
        for _ in range(max(1, round(seconds / PACE))):
            await self._going.wait()
            await asyncio.sleep(PACE / self._speed)

    # ── captions ──

    def say(self, words: str) -> None:
        """Show the caption on the screen on top; none with empty words."""
        self._words = words
        for screen in self.screen_stack:
            screen.query(Caption).remove()
        if words:
            self.screen.mount(Caption(Content(words)))

    # ── the person's own keys ──

    async def on_event(self, event: events.Event) -> None:
        """A key that the tour did not press is the person's."""
        if self.playing and isinstance(event, events.Key) and not self._is_ours(event):
            if not event.is_forwarded:
                self._touched(event.key)
            return
        await super().on_event(event)

    def _is_ours(self, event: events.Key) -> bool:
        return any(event is played for played in self._played)

    def _touched(self, key: str) -> None:
        if key == "ctrl+c":
            self.exit(0)
        elif self._going.is_set():
            self._going.clear()
            said = self._words
            self.say(f"{said}  {self.PAUSED}".strip())
            self._words = said
        elif key == "escape":
            self.workers.cancel_group(self, "tour")
            self._going.set()
        else:
            self.say(self._words)
            self._going.set()


def keys_of(text: str) -> Iterator[tuple[str, str | None]]:
    """`a<enter>` as pairs of Textual's key name and the character that it types."""
    for word, character in _TOKEN.findall(text):
        yield (word, None) if word else (_key_of(character), character)


def _key_of(character: str) -> str:
    if character.isalnum():
        return character
    return _KEYS.get(character, unicode_name(character).lower().replace("-", "_").replace(" ", "_"))
