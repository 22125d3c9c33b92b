"""The Tokens room: the list, its tabs, its filter line, the pane beside it."""

from app.tui.screens.tokens.screen import TokensScreen
from tests.support.pages.create import CreatePage
from tests.support.pages.page import Question
from tests.support.pages.revoke import CountdownPage, RevokePage
from tests.support.pages.rooms import RoomPage
from tests.support.pages.token_dialogs import (
    DetailPage,
    ExportPage,
    KeylessWayPage,
    SavedFiltersPage,
    SortPage,
)
from widgets.detail_pane import DetailPane
from widgets.filter_bar import FilterBar
from widgets.tabs_with_counts import TabsWithCounts
from widgets.token_table import TokenTable


class TokensPage(RoomPage):
    """The list of API tokens."""

    KIND = TokensScreen

    async def ready(self) -> None:
        """Wait until it has read, and until there are rows where there are tokens."""
        await super().ready()
        await self.until(lambda: self.state() != "filled" or self.names())

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

    def counts(self) -> dict[str, int | None]:
        """Titles of the tabs, each with its number; None where nobody can say."""
        return {tab.title: tab.count for tab in self.room.query_one(TabsWithCounts).tabs}

    def filtered(self) -> str:
        """What stands in the filter line."""
        return self.room.query_one(FilterBar).text

    def has_pane(self) -> bool:
        """True when the token under the cursor is told beside the list."""
        return self.room.query_one(DetailPane).display

    async def next_tab(self) -> None:
        """One tab on."""
        await self.press("right")

    async def previous_tab(self) -> None:
        """One tab back."""
        await self.press("left")

    async def click_tab(self, title: str) -> None:
        """Click the tab that is called so."""
        await self.click_word(TabsWithCounts, title)

    async def click_header(self, title: str) -> None:
        """Click the head of a column."""
        await self.click_word(TokenTable, title)

    async def down(self, rows: int = 1) -> None:
        """Move the cursor down."""
        await self.press(*["j"] * rows)

    async def to_last(self) -> None:
        """Move the cursor to the last row."""
        await self.press("G")

    async def filter(self, words: str) -> None:
        """Open the filter line, and type."""
        await self.press("slash")
        await self.write(words)

    async def to_list(self) -> None:
        """From the filter line to the list."""
        await self.press("enter")

    async def clear(self) -> None:
        """Take off the marks, else what is typed."""
        await self.press("escape")

    async def mark(self, rows: int = 1) -> None:
        """Mark the row under the cursor, and those below it."""
        await self.press(*["space"] * rows)

    async def mark_range(self) -> None:
        """Mark from the last mark to the cursor."""
        await self.press("v")

    async def mark_all(self) -> None:
        """Mark all that is shown, or take all marks off."""
        await self.press("asterisk")

    async def ask_to_revoke(self, key: str = "ctrl+d") -> None:
        """Press the key alone."""
        await self.press(key)

    async def revoke(self, key: str = "ctrl+d") -> RevokePage:
        """Ask to revoke what is marked, or the row under the cursor; wait for the question."""
        await self.ask_to_revoke(key)
        return await self.over(RevokePage)

    async def count_down(self, count: int) -> CountdownPage:
        """Mark that many rows, confirm, and stand in the countdown."""
        await self.mark(count)
        question = await self.revoke()
        return await question.count(f"{count} acme")

    async def ask_to_rotate(self) -> None:
        """Press the key alone."""
        await self.press("R")

    async def rotate(self) -> Question:
        """Ask to replace the token under the cursor, and wait for the question."""
        await self.ask_to_rotate()
        return await self.over(Question)

    async def ask_for_new(self) -> None:
        """Press the key alone."""
        await self.press("n")

    async def new(self) -> CreatePage:
        """Open the form of a new token."""
        await self.ask_for_new()
        return await self.over(CreatePage)

    async def sort(self) -> SortPage:
        """Open the menu of orders."""
        await self.press("s")
        return await self.over(SortPage)

    async def open_row(self) -> None:
        """Ask for all that is known of the token under the cursor."""
        await self.press("enter")

    async def detail(self) -> DetailPage:
        """The same, and wait for the dialog, where it is one."""
        await self.open_row()
        return await self.over(DetailPage)

    async def saved(self) -> SavedFiltersPage:
        """Open the filters that have a name."""
        await self.press("F")
        return await self.over(SavedFiltersPage)

    async def keyless(self) -> KeylessWayPage:
        """Ask how a job does without the token."""
        await self.press("K")
        return await self.over(KeylessWayPage)

    async def export(self) -> ExportPage:
        """Ask to write what is shown to a file."""
        await self.press("ctrl+s")
        return await self.over(ExportPage)

    async def open_page(self) -> None:
        """Open the web pages of the control plane."""
        await self.press("o")

    async def copy_name(self) -> None:
        """Copy the name of the token under the cursor."""
        await self.press("Y")
