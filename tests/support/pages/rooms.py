"""The rooms behind the number keys: tokens, auto-revoke, activity."""

from typing import Any

from textual.screen import Screen
from textual.widgets import Input, OptionList

from app.screens.activity import ActivityScreen
from app.screens.auto_revoke import AutoRevokeScreen
from app.screens.tokens import TokensScreen
from tests.support.pages.page import Page
from widgets.state_view import StateView
from widgets.tabs_with_counts import TabsWithCounts
from widgets.token_table import TokenTable
from widgets.virtual_table import VirtualTable


class RoomPage(Page):
    """A room, whatever dialog stands over it."""

    KIND: type[Screen[Any]] | tuple[type[Screen[Any]], ...] = TokensScreen

    @property
    def room(self) -> Screen[Any]:
        """The room under the dialogs."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, self.KIND))

    async def ready(self) -> None:
        """Wait until it has read what it shows."""
        await self.listed()

    async def listed(self) -> None:
        """Wait until the room has read what it shows."""
        await self.until(lambda: self.room.query(StateView) and self.state() != "loading")

    def state(self) -> str:
        """loading, filled, empty or error."""
        return self.room.query_one(StateView).state

    @property
    def table(self) -> "VirtualTable[Any]":
        """The list of the room."""
        return self.room.query_one(VirtualTable)


class TokensPage(RoomPage):
    """The list of API tokens."""

    def names(self) -> list[str]:
        """Names of the rows."""
        return [row.token.name for row in self.room.query_one(TokenTable).rows]

    def under_cursor(self) -> str:
        """Name of the token under the cursor."""
        row = self.room.query_one(TokenTable).row
        return row.token.name if row else ""

    def tab(self) -> str:
        """Title of the tab that is shown."""
        tabs = self.room.query_one(TabsWithCounts)
        return tabs.tabs[tabs.current].title

    async def filter(self, words: str) -> None:
        """Open the filter line, and type."""
        await self.press("slash")
        await self.write(words)


class AutoRevokePage(RoomPage):
    """The threshold, and what it would revoke."""

    KIND = AutoRevokeScreen

    async def threshold(self, days: str) -> None:
        """Put a number into the field."""
        await self.fill("#revoke-days", days)


class ActivityPage(RoomPage):
    """The trail."""

    KIND = ActivityScreen

    def rows(self) -> list[str]:
        """What the list shows."""
        return [str(option.prompt) for option in self.room.query_one(OptionList).options]

    def count(self) -> str:
        """The line above."""
        return self.says("#activity-count")

    async def filter(self, words: str) -> None:
        """Open the filter line, and type."""
        await self.press("slash")
        await self.write(words)

    @property
    def line(self) -> Input:
        """The filter line."""
        return self.room.query_one(Input)
