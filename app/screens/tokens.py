"""The Tokens room: every API token of the organization."""

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.worker import Worker

from app.commands.bindings import bindings_for
from app.commands.command import Room
from app.domain import filter as filters
from app.domain.book import Book
from app.domain.errors import LoopinError, NotSignedIn
from app.domain.listing import Row, Sort, SortKey, Tab
from app.domain.server_info import ServerInfo
from app.domain.text import clean
from app.domain.tokens import TokenState
from app.screens.frame import Frame, Presence
from app.screens.tokens_flows import TokenFlows
from app.screens.tokens_load import in_steps, made, ready, work_out
from app.screens.tokens_work import Listed, TokenWork
from app.services.tokens import Listing
from widgets.containers import Horizontal, Vertical
from widgets.detail_pane import Detail, DetailPane
from widgets.filter_bar import FilterBar
from widgets.key_bar import KeyHint
from widgets.state_view import StateView
from widgets.tabs_with_counts import CountedTab, TabsWithCounts
from widgets.token_table import TokenTable
from widgets.virtual_table import VirtualTable

_SHORT = {
    Tab.ACTIVE: "Active",
    Tab.AT_RISK: "Risk",
    Tab.EXPIRING: "Expir.",
    Tab.EXPIRED: "Exp'd",
    Tab.REVOKED: "Revoked",
    Tab.ALL: "All",
}
_CHANGES = {"new", "revoke", "rotate"}
_ON_TOKENS = {"mark", "mark_range", "mark_all", "revoke", "rotate", "copy_id", "copy_name", "keyless"}


class TokensScreen(TokenFlows):
    """Tabs, a filter and the list; the detail beside it where there is room."""

    ROOM = Room.TOKENS
    TAB = "app.tokens"
    CSS_PATH = "tokens.tcss"
    AUTO_FOCUS = "TokenTable"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Room.TOKENS)]

    def __init__(self, frame: Frame, tokens: TokenWork) -> None:
        super().__init__(frame, tokens)
        self._tab = Tab.ACTIVE
        self._sort = Sort()
        self._filter = filters.Filter()
        self._last_mark = ""
        self._stale = True
        self._looked = False
        self._kind: TokenState | None = None

    def compose_body(self) -> ComposeResult:
        with StateView(id="tokens-state"), Vertical(id="tokens-list"):
            yield TabsWithCounts(id="tokens-tabs")
            yield FilterBar(
                "filter: words, name:ci-* project:web idle>30d expires<7d never !…", id="tokens-filter"
            )
            with Horizontal(id="tokens-split"):
                yield TokenTable(id="tokens-table")
                yield DetailPane(id="tokens-detail")

    # ── data ──

    def on_mount(self) -> None:
        self._state.show_loading("listing the tokens …")
        if minutes := self._use.refresh_minutes:
            self.set_interval(minutes * 60, self.poll)

    def poll(self) -> None:
        """List again by the clock. Never under an API token: asking would keep alive what nobody uses."""
        if self.is_current and self._identity is not None and not self._identity.is_token:
            self.load()

    def on_screen_resume(self) -> None:
        if self._stale:
            self._stale = False
            self.call_after_refresh(self.load)

    def account_changed(self) -> None:
        """Forget what was somebody else's, and list again."""
        self._book, self._identity, self._server, self._marks = None, None, None, frozenset()
        self._state.show_loading("listing the tokens …")
        self._stale = True
        if self.is_current:
            self.on_screen_resume()

    def presence_changed(self, presence: Presence) -> None:
        """Something was done elsewhere: what is listed here may be old."""
        if self._book is not None and not self.is_current:
            self._stale = True

    @work(exclusive=True, group="list", description="list the tokens", exit_on_error=False)
    async def load(self) -> None:
        """List the tokens, and put them in order in small steps."""
        self.busy = "refreshing"
        try:
            listing = await self._use.list_tokens.do()
            server = self._server or await self._ask_server()
            near = timedelta(days=self._use.near_days)
            book = await made(listing, near, (self._tab, self._sort), whole=bool(self._filter))
        finally:
            self.busy = ""
        self.post_message(Listed(listing, book, server))

    async def _ask_server(self) -> ServerInfo | None:
        """What the server can do is good to know; the list does not wait for a server that won't tell."""
        try:
            return await self._use.server.do()
        except LoopinError:
            return None

    @work(exclusive=True, group="finish", description="work out the list", exit_on_error=False)
    async def finish(self, book: Book, before: Book | None) -> None:
        """Work out the rows that are not on the screen, and free what is no longer shown. A filter that was
        typed meanwhile has waited for it."""
        await work_out(book)
        if book is self._book and self._filter:
            self._show()
        if before is not None:
            await in_steps(before.let_go())

    @on(Listed)
    def _listed(self, event: Listed) -> None:
        before, self._book = self._book, event.book
        self._identity, self._server = event.listing.identity, event.server
        self.as_of = event.listing.as_of
        if self._marks:
            self._marks &= {token.id for token in event.book.tokens if token.revoked_at is None}
        self._table.tell(
            event.book.now, you=self._identity.token_id, threshold_known=event.book.threshold is not None
        )
        if event.book.tokens:
            if self._state.state != "filled":
                self._state.show_filled()
                self._focus_soon("#tokens-table")
            self._show()
            self._reach_new()
        else:
            self._table.show(())
            self._state.show_empty(
                f"No API tokens in {clean(self._identity.organization, 80)}",
                "A token lets a pipeline work without a person.",
                button="New token",
                action="new",
            )
            self._focus_soon("#state-note Button")
        self.refresh_bindings()
        self.call_after_refresh(self._after_listed, event.listing, before)

    def _after_listed(self, listing: Listing, before: Book | None) -> None:
        """What need not be done before the list is on the screen."""
        if self._book is not None:
            self.finish(self._book, before)
        self.notice_vanished(listing)
        if not self._looked:
            self._looked = True
            self.look_for_interrupted(listing)

    def _reach_new(self) -> None:
        """Put the cursor on the token that was just created."""
        wanted, self._go_to = self._go_to, ""
        if wanted and not self._table.move_to(wanted):
            self._filter_bar.type("")
            self._turn_to(Tab.ACTIVE)
            self._table.move_to(wanted)

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """A list that could not be read: said on the screen, unless an older one is there to keep."""
        if worker.group != "list" or self._book is not None or not isinstance(error, LoopinError):
            return False
        if isinstance(error, NotSignedIn):
            self._state.show_error(error, button="Go to Accounts", action="accounts")
        else:
            self._state.show_error(error)
        self._focus_soon("#state-note Button")
        return True

    def _focus_soon(self, selector: str) -> None:
        """Give the focus to what has only now come to be shown."""
        self.call_after_refresh(lambda: self.query_one(selector).focus())

    @on(StateView.Chosen)
    async def _offered(self, event: StateView.Chosen) -> None:
        actions = {"accounts": "app.room('accounts')", "new": "new"}
        await self.run_action(actions.get(event.action, "refresh"))

    # ── showing ──

    @property
    def _state(self) -> StateView:
        return self.query_one(StateView)

    @property
    def _filter_bar(self) -> FilterBar:
        return self.query_one(FilterBar)

    def _show(self) -> None:
        """Show the rows of the tab that the filter lets through."""
        if (book := self._book) is None:
            return
        if self._filter and not ready(book):
            self._filter_bar.note("filtering …")
            return
        rows = book.rows(self._tab, self._sort, self._filter)
        self._table.nothing = (
            "Nothing on this tab matches the filter. Escape clears it."
            if self._filter
            else f"No token is {self._tab.value.lower()}."
        )
        self._table.show(rows, sort=(self._sort.key.value, self._sort.descending))
        self._table.show_marks(self._marks)
        tabs = self.query_one(TabsWithCounts)
        tabs.tabs = tuple(
            CountedTab(tab.value, _SHORT[tab], book.counts[tab], f"screen.tab('{tab.name}')") for tab in Tab
        )
        tabs.current = list(Tab).index(self._tab)
        self._filter_bar.note(self._note(len(rows)))

    def _note(self, shown: int) -> str:
        marked = f"{len(self._marks):,} marked · " if self._marks else ""
        total = (self._book.counts[self._tab] or 0) if self._book else 0
        limited = " · project tokens only" if self._identity and self._identity.is_token else ""
        return f"{marked}{shown:,}{f' of {total:,}' if self._filter else ' shown'}{limited}"

    def _detail(self, row: Row | None) -> Detail | None:
        book, identity = self._book, self._identity
        if row is None or book is None or identity is None:
            return None
        you = row.token.id == identity.token_id
        return Detail(row, book.now, book.threshold, you, shows_permissions=self._knows_permissions())

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_detail)

    def _show_detail(self) -> None:
        pane = self.query_one(DetailPane)
        if pane.display:
            pane.show(self._detail(self._table.row))

    @on(VirtualTable.Moved)
    def _moved(self, event: VirtualTable.Moved) -> None:
        self._show_detail()
        kind = event.row.state if event.row else None
        if kind is not self._kind:
            # What can be done changes with the state of the row, not with the row.
            self._kind = kind
            self.refresh_bindings()

    @on(VirtualTable.Opened)
    def _opened(self, event: VirtualTable.Opened) -> None:
        if (detail := self._detail(event.row)) is not None and not self.has_class("-extra"):
            from app.screens.token_dialogs import TokenDialog

            self.app.push_screen(TokenDialog(detail))

    @on(VirtualTable.HeaderClicked)
    def _header(self, event: VirtualTable.HeaderClicked) -> None:
        self._sort = self._sort.clicked(SortKey(event.key))
        self._show()

    @on(FilterBar.Changed)
    def _typed(self, event: FilterBar.Changed) -> None:
        self._filter, problem = filters.understood(event.text)
        self._show()
        if problem is None:
            self._filter_bar.complain("")
        else:
            self._filter_bar.complain(clean(problem.message, 120), problem.start)
        self.refresh_bindings()

    def own_hints(self) -> tuple[KeyHint, ...]:
        """While a filter is typed, the footer names what works there."""
        return self._filter_bar.hints

    @on(FilterBar.Left)
    def _left(self) -> None:
        self.set_focus(self._table)

    def go_back(self) -> bool:
        """Clear the marks, then the filter."""
        if self._marks:
            self._take_marks(frozenset())
            return True
        if self._filter_bar.text:
            self._filter_bar.type("")
            return True
        return False

    # ── actions ──

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """What cannot be done without a list, or without a row."""
        if action in _CHANGES and (why := self._identity and self._identity.why_no_changes()):
            return why
        if action in _ON_TOKENS and self._table.row is None:
            return "there is no token here"
        row = self._table.row if action == "rotate" else None
        revoked = row is not None and row.state is TokenState.REVOKED
        if revoked or (action == "revoke" and not self._chosen()):
            return "it is revoked already"
        if action in {"new", "sort", "filter", "saved", "turn", "tab", "export"} and self._book is None:
            return "the tokens are not listed yet"
        if action in {"sort", "filter", "export"} and self._book is not None and not self._book.tokens:
            return "there is no token here"
        return ""

    def action_refresh(self) -> None:
        """List again."""
        self.load()

    def action_filter(self) -> None:
        """Let the person type a filter."""
        self._filter_bar.enter()

    def action_tab(self, name: str) -> None:
        """Turn to a tab."""
        self._turn_to(Tab[name])

    def action_turn(self, by: int) -> None:
        """Turn to the next or the previous tab, round and round."""
        tabs = list(Tab)
        self._turn_to(tabs[(tabs.index(self._tab) + by) % len(tabs)])

    def _turn_to(self, tab: Tab) -> None:
        self._tab = tab
        self._show()

    @work(group="sort", description="sort", exit_on_error=False)
    async def action_sort(self) -> None:
        """Choose the order."""
        from app.screens.token_dialogs import SortDialog

        if (chosen := await self.app.push_screen_wait(SortDialog(self._sort))) is not None:
            self._sort = chosen
            self._show()

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark off, and go on to the next."""
        row = self._table.row
        if row is not None and row.state is not TokenState.REVOKED:
            self._last_mark = row.token.id
            self._take_marks(self._marks ^ {row.token.id})
        self._table.action_move(1)

    def action_mark_range(self) -> None:
        """Mark everything between the last marked row and the cursor."""
        ids = [row.token.id for row in self._table.rows]
        here = self._table.cursor
        start = ids.index(self._last_mark) if self._last_mark in ids else here
        first, last = sorted((start, here))
        self._take_marks(self._marks | self._markable(self._table.rows[first : last + 1]))

    def action_mark_all(self) -> None:
        """Mark all rows shown; when they are marked already, take the marks off."""
        shown = self._markable(self._table.rows)
        self._take_marks(self._marks - shown if shown <= self._marks else self._marks | shown)

    def _markable(self, rows: Sequence[Row]) -> frozenset[str]:
        return frozenset(row.token.id for row in rows if row.state is not TokenState.REVOKED)

    def _take_marks(self, marks: frozenset[str]) -> None:
        self._marks = marks
        self._table.show_marks(marks)
        self._filter_bar.note(self._note(len(self._table.rows)))
        self.refresh_bindings()
