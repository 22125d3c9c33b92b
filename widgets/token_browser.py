"""Browsing a list of API tokens: tabs, a filter, the rows, and beside them one token in full."""

from collections.abc import Iterable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive

from app.domain import filter as filters
from app.domain.organizations import Identity
from app.domain.token_index import TokenIndex
from app.domain.token_row import Row, Sort, SortKey, Tab
from app.domain.tokens import APIToken, TokenState
from widgets.containers import Horizontal, Vertical
from widgets.detail_pane import Detail, DetailPane
from widgets.filter_bar import FilterBar
from widgets.footer import KeyHint
from widgets.presenter import clean
from widgets.tabs_with_counts import CountedTab, TabsWithCounts
from widgets.token_table import TokenTable
from widgets.virtual_table import VirtualTable

_HINT = "filter: words, name:ci-* project:web idle>30d expires<7d !never"
_SHORT = {
    Tab.ACTIVE: "Active",
    Tab.AT_RISK: "Risk",
    Tab.EXPIRING: "Expir.",
    Tab.EXPIRED: "Exp'd",
    Tab.REVOKED: "Revoked",
    Tab.ALL: "All",
}


class TokenBrowser(Vertical):
    """Tabs, a filter line and the table; the detail beside it where the style sheet makes room.

    `browse` hands it the index; which part of that is shown, and in which order, is decided here.
    """

    tab: reactive[Tab] = reactive(Tab.ACTIVE, repaint=False, init=False)
    """The tab that is shown."""
    sort: reactive[Sort] = reactive(Sort(), repaint=False, init=False)
    """Its order."""
    filter: reactive[filters.Filter] = reactive(filters.Filter(), repaint=False, init=False)
    """The filter: all terms of the typed text that are valid."""
    marks: reactive[frozenset[str]] = reactive(frozenset(), repaint=False, init=False)
    """Ids of the tokens that are marked, whether they are shown or not."""

    class Opened(Message):
        """A token was opened where there is no detail pane."""

        def __init__(self, detail: Detail) -> None:
            super().__init__()
            self.detail = detail

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.index: TokenIndex | None = None
        self.identity: Identity | None = None
        self.permissions = False
        self._last_mark = ""
        self._kind: TokenState | None = None
        self._problem: filters.FilterProblem | None = None
        self._tabs = TabsWithCounts(id="tokens-tabs")
        self._filter_bar = FilterBar(_HINT, id="tokens-filter")
        self._table = TokenTable(id="tokens-table")
        self._pane = DetailPane(id="tokens-detail")

    def compose(self) -> ComposeResult:
        yield self._tabs
        yield self._filter_bar
        with Horizontal(id="tokens-split"):
            yield self._table
            yield self._pane

    # ── contents ──

    @property
    def rows(self) -> Sequence[Row]:
        """The rows shown, in order."""
        return self._table.rows

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._table.row

    @property
    def typed(self) -> str:
        """The typed filter."""
        return self._filter_bar.text

    @property
    def hints(self) -> tuple[KeyHint, ...]:
        """What the keys do while a filter is typed."""
        return self._filter_bar.hints

    def chosen(self) -> list[APIToken]:
        """The marked tokens, or else the one under the cursor; revoked ones are not among them."""
        if self.marks and self.index is not None:
            return [token for token in self.index.tokens if token.id in self.marks]
        return [self.row.token] if self.row is not None and _may_mark(self.row) else []

    def chosen_as_shown(self) -> list[APIToken]:
        """The same in the order of the rows; what is marked and not shown comes last."""
        chosen = self.chosen()
        if len(chosen) < 2:
            return chosen
        place = {row.token.id: number for number, row in enumerate(self.rows)}
        return sorted(chosen, key=lambda token: place.get(token.id, len(place)))

    def browse(self, index: TokenIndex, identity: Identity, *, permissions: bool) -> None:
        """Show another list, read by `identity`; the cursor and the marks stay on their tokens.

        `permissions` is true when the server tells what a token may do.
        """
        self.index, self.identity, self.permissions = index, identity, permissions
        if self.marks:
            self.marks &= {token.id for token in index.tokens if token.revoked_at is None}
        self._table.set_columns(index.now, you=identity.token_id, threshold_known=index.threshold is not None)
        self._show()

    def forget(self) -> None:
        """Clear the list."""
        self.index, self.identity, self.marks = None, None, frozenset()
        self._table.show(())

    def focus_table(self) -> None:
        """Focus the table."""
        self._table.focus()

    def show_token(self, token_id: str) -> None:
        """Put the cursor on a token; clear the filter and switch the tab if they hide it."""
        if not self._table.move_to(token_id):
            self.type("")
            self.filter, self.tab = filters.Filter(), Tab.ACTIVE
            self._table.move_to(token_id)

    def apply_pending_filter(self) -> None:
        """Apply a filter that waited for the rows of the index."""
        if self.filter:
            self._show()

    def _show(self) -> None:
        """Show the rows of the tab that the filter lets through."""
        if (index := self.index) is None:
            return
        if self.filter and not index.can_filter:
            self._filter_bar.show_note("filtering …")
            return
        self._table.nothing = (
            "Nothing on this tab matches the filter. Escape clears it."
            if self.filter
            else f"No token is {self.tab.value.lower()}."
        )
        shown = index.rows(self.tab, self.sort, self.filter)
        self._table.show(shown, sort=(self.sort.key.value, self.sort.descending))
        self._tabs.tabs = tuple(
            CountedTab(tab.value, _SHORT[tab], index.counts[tab], f"screen.tab('{tab.name}')") for tab in Tab
        )
        self._tabs.current = list(Tab).index(self.tab)
        self._show_count()

    def _show_count(self) -> None:
        marked = f"{len(self.marks):,} marked · " if self.marks else ""
        total = (self.index.counts[self.tab] or 0) if self.index else 0
        of_all = f" of {total:,}" if self.filter else " shown"
        limited = " · project tokens only" if self.identity and self.identity.is_token else ""
        self._filter_bar.show_note(f"{marked}{len(self.rows):,}{of_all}{limited}")

    def watch_tab(self) -> None:
        self._show()

    def watch_sort(self) -> None:
        self._show()

    def watch_filter(self) -> None:
        self._show()

    def watch_marks(self) -> None:
        self._table.show_marks(self.marks)
        self._show_count()
        self.refresh_bindings()

    # ── the filter ──

    def enter_filter(self) -> None:
        """Focus the filter."""
        self._filter_bar.enter()

    def type(self, text: str) -> None:
        """Replace the typed filter."""
        self._filter_bar.type(text)

    @on(FilterBar.Changed)
    def _typed(self, event: FilterBar.Changed) -> None:
        event.stop()
        self.filter, self._problem = filters.understood(event.text)
        self._show_problem(self._problem.message if self._problem else "")
        self.refresh_bindings()

    def _show_problem(self, words: str) -> None:
        self._filter_bar.show_problem(clean(words, 120), self._problem.start if self._problem else 0)

    @on(FilterBar.Left)
    def _left(self, event: FilterBar.Left) -> None:
        event.stop()
        self.screen.set_focus(self._table)

    def go_back(self) -> bool:
        """Clear the marks, else the filter; False when there is neither."""
        if self.marks:
            self.marks = frozenset()
        elif self.typed:
            self.type("")
        else:
            return False
        return True

    # ── the table, and what stands beside it ──

    def turn(self, by: int) -> None:
        """Show the next or the previous tab, cyclically."""
        tabs = list(Tab)
        self.tab = tabs[(tabs.index(self.tab) + by) % len(tabs)]

    @on(VirtualTable.HeaderClicked)
    def _header(self, event: VirtualTable.HeaderClicked) -> None:
        event.stop()
        self.sort = self.sort.clicked(SortKey(event.key))

    @on(VirtualTable.Moved)
    def _moved(self, event: VirtualTable.Moved) -> None:
        event.stop()
        # The cursor is seen at once; the detail follows.
        self.call_after_refresh(self._show_detail)
        kind = event.row.state if event.row else None
        if kind is not self._kind:
            # What can be done changes with the state of the row, not with the row.
            self._kind = kind
            self.refresh_bindings()

    @on(VirtualTable.Opened)
    def _opened(self, event: VirtualTable.Opened) -> None:
        event.stop()
        if (detail := self._detail(event.row)) is not None and not self._pane.display:
            self.post_message(self.Opened(detail))

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_detail)

    def _show_detail(self) -> None:
        if self._pane.display:
            self._pane.show(self._detail(self.row))

    def _detail(self, row: Row | None) -> Detail | None:
        index, identity = self.index, self.identity
        if row is None or index is None or identity is None:
            return None
        token = row.token
        parent = index.find(token.parent_id) if token.parent_id else None
        return Detail(
            row,
            index.now,
            index.threshold,
            token.id == identity.token_id,
            shows_permissions=self.permissions,
            creator=parent.token.name if parent else token.parent_id,
            created=index.created_by(token.id),
        )

    # ── marks ──

    def mark(self) -> None:
        """Mark or unmark the row under the cursor, and move to the next."""
        if self.row is not None and _may_mark(self.row):
            self._last_mark = self.row.token.id
            self.marks ^= {self._last_mark}
        self._table.action_move(1)

    def mark_range(self) -> None:
        """Mark everything between the last marked row and the cursor."""
        ids = [row.token.id for row in self.rows]
        here = self._table.cursor
        start = ids.index(self._last_mark) if self._last_mark in ids else here
        first, last = sorted((start, here))
        self.marks |= _markable(self.rows[first : last + 1])

    def mark_all(self) -> None:
        """Mark all rows shown; when they are marked already, unmark them.

        A filter with a term that is not understood shows more than was asked for: then nothing is marked.
        """
        if self._problem is not None:
            self._show_problem(f"correct this before you mark all: {self._problem.message}")
            return
        shown = _markable(self.rows)
        self.marks = self.marks - shown if shown <= self.marks else self.marks | shown


def _may_mark(row: Row) -> bool:
    return row.state is not TokenState.REVOKED


def _markable(rows: Iterable[Row]) -> frozenset[str]:
    return frozenset(row.token.id for row in rows if _may_mark(row))
