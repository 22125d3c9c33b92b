"""Browsing a list, without a screen and without a server."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from app.domain.organizations import Identity, Role
from app.domain.token_index import AT_ONCE, TokenIndex
from app.domain.token_row import Sort, SortKey, Tab
from app.domain.tokens import APIToken
from tests.support.sample_tokens import NOW, tokens
from widgets.detail_pane import Detail, DetailPane
from widgets.filter_bar import FilterBar
from widgets.tabs_with_counts import TabsWithCounts
from widgets.token_browser import TokenBrowser

NEAR = timedelta(days=14)
ADA = Identity("Ada Lovelace", "acme", Role.OWNER, "browser", threshold=90)


class BrowserApp(App[None]):
    """A browser alone on the screen; what it wants to be opened is in `opened`."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[Detail] = []

    def compose(self) -> ComposeResult:
        yield TokenBrowser()

    @on(TokenBrowser.Opened)
    def _keep(self, event: TokenBrowser.Opened) -> None:
        self.opened.append(event.detail)


class Browsing:
    """What a test does with a browser, and sees of it."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot
        self.browser = pilot.app.query_one(TokenBrowser)

    async def show(self, listed: Sequence[APIToken]) -> None:
        """Another list."""
        self.browser.browse(TokenIndex(listed, NOW, 90, NEAR), ADA, permissions=False)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """A filter."""
        self.browser.type(text)
        await self.pilot.pause()

    def names(self) -> list[str]:
        """Of the rows that are shown."""
        return [row.token.name for row in self.browser.rows]

    def under_cursor(self) -> str:
        """The name of the token there."""
        assert self.browser.row is not None
        return self.browser.row.token.name


@asynccontextmanager
async def browsing() -> AsyncIterator[Browsing]:
    async with BrowserApp().run_test(size=(140, 36)) as pilot:
        found = Browsing(pilot)
        await found.show(tokens())
        yield found


def named(name: str) -> APIToken:
    return next(token for token in tokens() if token.name == name)


async def test_tab_order_and_filter_decide_together_what_is_shown() -> None:
    async with browsing() as here:
        here.browser.tab, here.browser.sort = Tab.EXPIRED, Sort(SortKey.NAME)
        assert here.names() == ["ml-batch-2025-09", "web-e2e-2025"]
        here.browser.sort = Sort(SortKey.NAME, descending=True)
        assert here.names() == ["web-e2e-2025", "ml-batch-2025-09"]
        await here.type("ml")
        assert here.names() == ["ml-batch-2025-09"]
        here.browser.turn(-3)
        assert here.browser.tab is Tab.ACTIVE
        assert here.names() == sorted((n for n in here.names() if "ml" in n), reverse=True) != []
        tabs = here.browser.query_one(TabsWithCounts)
        assert tabs.tabs[tabs.current].title == "Active"


async def test_another_list_keeps_the_marks_of_what_still_lives() -> None:
    async with browsing() as here:
        living, ending, gone = named("ci-legacy"), named("poc-2025"), named("web-smoke")
        here.browser.marks = frozenset({living.id, ending.id, gone.id})
        listed = [token for token in tokens() if token not in {ending, gone}]
        await here.show([*listed, replace(ending, revoked_at=NOW)])
        assert here.browser.marks == {living.id}
        assert [token.name for token in here.browser.chosen()] == ["ci-legacy"]


async def test_what_is_chosen_is_marked_or_under_the_cursor_and_never_revoked() -> None:
    async with browsing() as here:
        assert [token.name for token in here.browser.chosen()] == [here.under_cursor()]
        here.browser.tab = Tab.REVOKED
        assert here.browser.chosen() == []
        here.browser.mark()
        here.browser.mark_all()
        assert here.browser.marks == frozenset()


async def test_a_token_is_reached_past_the_filter_and_the_tab_that_hide_it() -> None:
    async with browsing() as here:
        here.browser.tab = Tab.EXPIRED
        await here.type("ml")
        here.browser.show_token(named("web-smoke").id)
        assert here.under_cursor() == "web-smoke"
        await here.pilot.pause()
        assert (here.browser.tab, here.browser.typed, here.under_cursor()) == (Tab.ACTIVE, "", "web-smoke")


async def test_going_back_takes_off_the_marks_then_the_filter() -> None:
    async with browsing() as here:
        await here.type("ml")
        here.browser.mark_all()
        shown = here.names()
        assert here.browser.go_back()
        assert (here.browser.marks, here.names()) == (frozenset(), shown)
        assert here.browser.go_back()
        await here.pilot.pause()
        assert len(here.names()) > len(shown)
        assert not here.browser.go_back()


async def test_a_token_is_opened_where_no_pane_shows_it() -> None:
    async with browsing() as here:
        app, pane = here.pilot.app, here.browser.query_one(DetailPane)
        assert isinstance(app, BrowserApp)
        here.browser.query_one("#tokens-table").focus()
        await here.pilot.press("enter")
        assert app.opened == []
        pane.display = False
        await here.pilot.press("down", "enter")
        assert [detail.row.token.name for detail in app.opened] == [here.under_cursor()]


async def test_a_filter_waits_for_a_long_list() -> None:
    """Its rows are built in another thread."""
    one = named("web-smoke")
    listed = [replace(one, id=str(number), name=f"bulk-{number}") for number in range(AT_ONCE + 1)]
    async with browsing() as here:
        index = TokenIndex(listed, NOW, 90, NEAR)
        here.browser.browse(index, ADA, permissions=False)
        await here.type("bulk-77")
        assert len(here.names()) == len(listed)
        assert "filtering" in str(here.browser.query_one(FilterBar).query_one("#filter-note").render())
        index.build_rows()
        here.browser.apply_pending_filter()
        assert here.names() == ["bulk-77", *(f"bulk-77{last}" for last in range(10))]


async def test_what_is_forgotten_is_nowhere_any_more() -> None:
    async with browsing() as here:
        here.browser.mark_all()
        here.browser.forget()
        assert (here.browser.index, here.browser.identity, here.browser.row) == (None, None, None)
        assert (here.browser.marks, here.browser.chosen(), here.names()) == (frozenset(), [], [])
