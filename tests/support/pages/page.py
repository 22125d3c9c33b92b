"""What every screen has: keys, words, dialogs, toasts."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, TypeVar

from rich.cells import cell_len
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Input, OptionList, Static

from app.tui.app import LoopinApp
from app.tui.screens.dialogs.dialog import Confirm
from tests.support import pilot
from widgets.footer import Footer
from widgets.top_bar import TopBar

W = TypeVar("W", bound=Widget)
P = TypeVar("P", bound="Page")
D = TypeVar("D", bound="DialogPage")
SIZE = (120, 36)
SMALL = (80, 24)


class Page:
    """One running app, as a person sees it."""

    def __init__(self, of: Pilot[int]) -> None:
        self.pilot = of
        assert isinstance(of.app, LoopinApp)
        self.app = of.app

    async def ready(self) -> None:
        """Wait until there is something to see; pages of slow screens wait for more."""
        await self.until(lambda: bool(self.app.account_state.asked))

    @property
    def screen(self) -> Screen[Any]:
        """What is on top."""
        return self.app.screen

    @property
    def room(self) -> Screen[Any]:
        """The room under the dialogs."""
        return self.app.screen_stack[0]

    async def until(self, true: Callable[[], object]) -> None:
        """Let the app work until `true()`; fail when it never is."""
        if not await pilot.until(self.pilot, true):
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
        await pilot.settle(self.pilot)

    async def write(self, text: str) -> None:
        """Type text."""
        await self.press(*text)

    async def rest(self, turns: int = 10) -> None:
        """Give the app turns to do what it should not do; `until` is for what it should."""
        for _ in range(turns):
            await self.pilot.pause(pilot.SLEEP)

    async def resize(self, size: tuple[int, int]) -> None:
        """Give the terminal another size, columns and lines."""
        await pilot.resize(self.pilot, *size)

    async def click(self, selector: str) -> None:
        """Click a widget, as soon as it is there."""
        await self.until(lambda: any(found.region.area for found in self.screen.query(selector)))
        await self.pilot.click(selector)

    async def click_word(self, bar: type[Widget], word: str) -> None:
        """Click a word of a line: where it stands, not where it once stood."""
        line = self.room.query_one(bar).region
        shown = self.screen._compositor.render_strips()[line.y].text
        at = cell_len(shown[: shown.index(word)])
        await self.pilot.click(offset=(at + 1, line.y))
        await pilot.settle(self.pilot)

    async def fill(self, selector: str, value: str) -> None:
        """Let an input hold `value`, as pasted."""
        self.find(selector, Input).value = value
        await pilot.settle(self.pilot)

    async def dialog(self, kind: type[Screen[Any]]) -> None:
        """Wait for a screen of this kind on top."""
        await self.until(lambda: isinstance(self.screen, kind) and self.screen.is_mounted)

    async def over(self, kind: type[D]) -> D:
        """Wait for a dialog; return what can be seen and done there."""
        dialog = kind(self.pilot)
        await dialog.ready()
        return dialog

    async def closed(self) -> None:
        """Wait until no dialog is open."""
        await self.until(lambda: self.screen is self.room)

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
        return {hint.label: hint.enabled for hint in self.room.query_one(Footer).hints}

    def bar(self) -> str:
        """What stands on the top line."""
        return self.room.query_one(TopBar).render().plain

    def foot(self) -> str:
        """What stands on the bottom line."""
        return self.room.query_one(Footer).render().plain

    def notes(self) -> list[str]:
        """What is shown in toasts now."""
        return [note.message for note in self.app._notifications]

    def toasts(self) -> str:
        """The same with their titles, as one text."""
        return "\n".join(f"{note.title} {note.message}" for note in self.app._notifications)


class DialogPage(Page):
    """A dialog over a room."""

    KIND: ClassVar[type[Screen[Any]]]

    async def ready(self) -> None:
        """Wait until it is on top, and its keys reach what they are for."""
        await self.dialog(self.KIND)
        if self.screen.AUTO_FOCUS and not self.screen.has_class("-tiny"):
            await self.until(lambda: self.screen.focused)

    def is_open(self) -> bool:
        """True while it is on top."""
        return isinstance(self.screen, self.KIND)

    async def enter(self) -> None:
        """Press what has the focus."""
        await self.press("enter")

    async def yes(self) -> None:
        """Move from the button that has the focus to the next one, and press that."""
        await self.press("tab", "enter")

    async def leave(self) -> None:
        """Close it, or ask to."""
        await self.press("escape")


class Question(DialogPage):
    """Yes or no; the button that changes nothing has the focus."""

    KIND = Confirm


@asynccontextmanager
async def opened(kind: type[P], app: LoopinApp, size: tuple[int, int] = SIZE) -> AsyncIterator[P]:
    """Run the app and wait for the page."""
    async with app.run_test(size=size) as started:
        page = kind(started)
        await page.ready()
        yield page
