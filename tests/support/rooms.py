"""Walking the Tokens and the Auto-revoke room in a test: what is on the screen, in a few words."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Static

from app.main import LoopinApp
from app.screens.auto_revoke import AutoRevokeScreen
from app.screens.tokens import TokensScreen
from tests.support import app as fakes
from tests.support.sample_tokens import tokens
from widgets.key_bar import KeyBar
from widgets.state_view import StateView
from widgets.tabs_with_counts import TabsWithCounts
from widgets.token_table import TokenTable
from widgets.virtual_table import VirtualTable

W = TypeVar("W", bound=Widget)
SIZE = (120, 36)
TURNS = 400


def stage(box: fakes.FakeContainer | None = None, *, screen: str = "tokens", demo: bool = False) -> LoopinApp:
    """The app on the fakes, in one of the rooms."""
    return fakes.app(box or story(), screen=screen, demo=fakes.FakeDemo() if demo else None)


def story() -> fakes.FakeContainer:
    """Signed in as Ada, owner, with the sample tokens."""
    box = fakes.container()
    box.plane.tokens = list(tokens(fakes.NOW))
    return box


class Room:
    """One running app, as a person sees it."""

    def __init__(self, pilot: Pilot[int]) -> None:
        self.pilot = pilot
        self.app = pilot.app

    @property
    def screen(self) -> Screen[Any]:
        """What is on top."""
        return self.app.screen

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

    async def listed(self) -> None:
        """Wait until the room has read what it shows."""
        await self.until(
            lambda: self.room.query(StateView) and self.room.query_one(StateView).state != "loading"
        )

    @property
    def room(self) -> Screen[Any]:
        """The room under the dialogs."""
        return next(s for s in self.app.screen_stack if isinstance(s, TokensScreen | AutoRevokeScreen))

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def write(self, text: str) -> None:
        """Type text."""
        await self.press(*text)

    async def dialog(self, kind: type[Screen[Any]]) -> None:
        """Wait for a dialog of this kind."""
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
        """The words of a Static."""
        return str(self.find(selector, Static).visual)

    def enabled(self, selector: str) -> bool:
        """True when a button can be pressed."""
        return not self.find(selector, Button).disabled

    @property
    def table(self) -> "VirtualTable[Any]":
        """The list of the room."""
        return self.room.query_one(VirtualTable)

    def names(self) -> list[str]:
        """Names of the rows of the Tokens list."""
        return [row.token.name for row in self.room.query_one(TokenTable).rows]

    def under_cursor(self) -> str:
        """Name of the token under the cursor."""
        row = self.room.query_one(TokenTable).row
        return row.token.name if row else ""

    def tab(self) -> str:
        """Title of the tab that is shown."""
        tabs = self.room.query_one(TabsWithCounts)
        return tabs.tabs[tabs.current].title

    def footer(self) -> dict[str, bool]:
        """Words of the footer, and whether each works."""
        return {hint.label: hint.enabled for hint in self.room.query_one(KeyBar).hints}

    def toasts(self) -> str:
        """Everything that was notified."""
        return "\n".join(f"{n.title} {n.message}" for n in self.app._notifications)

    def text(self) -> str:
        """The screen as text."""
        lines = self.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in lines)
