"""What is there in every room: the way to the others, help, palette, quitting."""

from typing import Any

from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Input

from app.tui.screens.dialogs.help import HelpScreen
from tests.support.pages.page import DialogPage, Page
from tests.support.pilot import settle
from widgets.top_bar import TopBar
from widgets.wrapped_text import Paragraphs


class HelpPage(DialogPage):
    """Keys and what they do."""

    KIND = HelpScreen

    def words(self) -> str:
        """All of its text, also what is scrolled away."""
        return self.screen.query_one(Paragraphs).render().plain

    async def search(self, words: str) -> None:
        """Type in place of what was typed before."""
        await self.press("ctrl+u", *words)

    def scrolled(self) -> float:
        """How many lines are above the window."""
        return self.screen.query_one(VerticalScroll).scroll_offset.y


class FramePage(Page):
    """Any room, for what is the same in all of them."""

    async def to(self, room: type[Screen[Any]]) -> None:
        """Wait until this room is open."""
        await self.until(lambda: isinstance(self.screen, room))

    async def click_tab(self, title: str) -> None:
        """Click a room's name in the top line."""
        await self.click_word(TopBar, title)

    async def help(self, key: str = "question_mark") -> HelpPage:
        """Open the help."""
        await self.press(key)
        return await self.over(HelpPage)

    async def palette(self, words: str) -> None:
        """Open the palette, type, and wait until it finds that first."""
        await self.press("colon")
        await self.until(lambda: self.screen is not self.room)
        await self.write(words)
        await self.until(lambda: any(words in found.lower() for found in self.options()[:1]))

    async def why(self) -> None:
        """Open a dialog that changes nothing: why this credential."""
        await self.press("w")
        await self.until(lambda: len(self.app.screen_stack) == 2)

    async def quit(self) -> None:
        """Leave the dialog, or the app."""
        await self.press("q")

    async def interrupt(self) -> None:
        """As in a shell."""
        await self.press("ctrl+c")

    async def filter(self, *keys: str) -> None:
        """Open the filter line of the room, and type."""
        await self.press("slash", *keys)

    def typed(self) -> str:
        """What stands in the input of the room."""
        return self.screen.query_one(Input).value

    async def take_demo(self) -> None:
        """Take the way into the demo that an empty house offers."""
        await self.until(lambda: any(found.region for found in self.screen.query("#welcome-demo")))
        await self.click("#welcome-demo")
        await settle(self.pilot)
