"""What every screen has: keys, words, dialogs, toasts."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Static

from app.main import LoopinApp
from widgets.key_bar import KeyBar

W = TypeVar("W", bound=Widget)
P = TypeVar("P", bound="Page")
SIZE = (120, 36)
TURNS = 400


class Page:
    """One running app, as a person sees it. `MODE` is the room's number key, empty for a screen above."""

    def __init__(self, pilot: Pilot[int]) -> None:
        self.pilot = pilot
        assert isinstance(pilot.app, LoopinApp)
        self.app = pilot.app

    async def ready(self) -> None:
        """Wait until there is something to see; pages of slow screens wait for more."""
        await self.until(lambda: bool(self.app.frame.presence.asked))

    @property
    def screen(self) -> Screen[Any]:
        """What is on top."""
        return self.app.screen

    @property
    def room(self) -> Screen[Any]:
        """The room under the dialogs."""
        return self.app.screen_stack[-1]

    async def until(self, true: Callable[[], object]) -> None:
        """Let the app work until `true()`; fail when it never is."""
        for _ in range(TURNS):
            if true():
                return
            await self.pilot.pause()
        raise AssertionError(f"it never came; on the screen: {self.text()[:2000]}")

    async def reads(self, words: str) -> None:
        """Wait until these words stand on the screen, wherever a line or a dialog breaks them."""
        wanted = " ".join(words.split())
        await self.until(lambda: any(wanted in " ".join(text.split()) for text in self._texts()))

    def _texts(self) -> Iterator[str]:
        yield self.text()
        yield from (str(line.visual) for line in self.screen.query(Static) if line.region.area)

    def text(self) -> str:
        """The screen as text, cut where the terminal ends."""
        lines = self.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in lines)

    def shown(self) -> str:
        """Everything that the widgets say, also what is scrolled away."""
        return "\n".join(str(widget.render()) for widget in self.screen.query("*") if widget.display)

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def write(self, text: str) -> None:
        """Type text."""
        await self.press(*text)

    async def click(self, selector: str) -> None:
        """Click a widget."""
        await self.pilot.click(selector)

    async def fill(self, selector: str, value: str) -> None:
        """Let an input hold `value`, as pasted."""
        self.find(selector, Input).value = value
        await self.pilot.pause()

    async def dialog(self, kind: type[Screen[Any]]) -> None:
        """Wait for a screen of this kind on top."""
        await self.until(lambda: isinstance(self.screen, kind) and self.screen.is_mounted)
        await self.pilot.pause()

    async def closed(self) -> None:
        """Wait until no dialog is open."""
        await self.until(lambda: self.screen is self.room)
        await self.pilot.pause()

    def find(self, selector: str, kind: type[W]) -> W:
        """A widget of the screen on top."""
        return self.screen.query_one(selector, kind)

    def says(self, selector: str) -> str:
        """The words of a widget."""
        return str(self.screen.query_one(selector).render())

    def options(self) -> list[str]:
        """The rows of the list on top."""
        return [str(option.prompt) for option in self.screen.query_one(OptionList).options]

    def enabled(self, selector: str) -> bool:
        """True when a button can be pressed."""
        return not self.find(selector, Button).disabled

    def footer(self) -> dict[str, bool]:
        """Words of the footer, and whether each works."""
        return {hint.label: hint.enabled for hint in self.room.query_one(KeyBar).hints}

    def notes(self) -> list[str]:
        """What is shown in toasts now."""
        return [note.message for note in self.app._notifications]

    def toasts(self) -> str:
        """The same with their titles, as one text."""
        return "\n".join(f"{note.title} {note.message}" for note in self.app._notifications)


@asynccontextmanager
async def opened(kind: type[P], app: LoopinApp, size: tuple[int, int] = SIZE) -> AsyncIterator[P]:
    """Run the app and wait for the page."""
    async with app.run_test(size=size) as pilot:
        page = kind(pilot)
        await page.ready()
        yield page
