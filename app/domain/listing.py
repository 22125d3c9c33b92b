"""A list of API tokens as a person works with it: tabs, their counts, and the order of the rows.

Pure and free of the screen, so that commands sort and count by the same rules.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from app.domain.inactivity import Deadline, auto_revoked_at, deadline
from app.domain.tokens import APIToken, TokenState

SLICE = 1000
"""Rows worked out in one step: a few milliseconds."""

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_RANK = {TokenState.ACTIVE: 0, TokenState.EXPIRED: 1, TokenState.REVOKED: 2}


class Tab(Enum):
    """A part of the list. A token may be in several; ALL has every one."""

    ACTIVE = "Active"
    AT_RISK = "At risk"
    EXPIRING = "Expiring"
    EXPIRED = "Expired"
    REVOKED = "Revoked"
    ALL = "All"


class SortKey(Enum):
    """What a list is ordered by; the value is the column's name."""

    STATE = "state"
    NAME = "name"
    SCOPE = "scope"
    LAST_USED = "last used"
    DEADLINE = "deadline"
    EXPIRES = "expires"
    CREATED = "created"
    DESCRIPTION = "description"


@dataclass(frozen=True, slots=True)
class Sort:
    """An order; equal rows keep the order of the server."""

    key: SortKey = SortKey.DEADLINE
    descending: bool = False

    def clicked(self, key: SortKey) -> "Sort":
        """The order after a click on a column: a new column ascends, the same one turns around."""
        return Sort(key, not self.descending) if key is self.key else Sort(key)


@dataclass(frozen=True, slots=True)
class Row:
    """One token with what follows from the clock and the threshold.

    `at_risk`: active, and auto-revoked within the near days. `expiring`: active, and expires within them.
    `text` is what a plain filter searches, in lower case.
    """

    token: APIToken
    state: TokenState
    deadline: Deadline | None
    at_risk: bool
    expiring: bool
    text: str


def row(token: APIToken, now: datetime, threshold: int | None, near: timedelta) -> Row:
    """Work out one row; `threshold` None means that it cannot be read."""
    state = token.state(now)
    active = state is TokenState.ACTIVE
    swept = auto_revoked_at(token, threshold or 0) if active else None
    return Row(
        token,
        state,
        deadline(token, threshold),
        swept is not None and swept <= now + near,
        active and token.expires_at is not None and token.expires_at <= now + near,
        "\n".join((token.name, token.scope, token.id, token.description)).lower(),
    )


_IN_TAB: Mapping[Tab, Callable[[Row], bool]] = {
    Tab.ACTIVE: lambda r: r.state is TokenState.ACTIVE,
    Tab.AT_RISK: lambda r: r.at_risk,
    Tab.EXPIRING: lambda r: r.expiring,
    Tab.EXPIRED: lambda r: r.state is TokenState.EXPIRED,
    Tab.REVOKED: lambda r: r.state is TokenState.REVOKED,
    Tab.ALL: lambda r: True,
}


def in_tab(tab: Tab, row: Row) -> bool:
    """True when the row belongs on the tab."""
    return _IN_TAB[tab](row)


def _by_deadline(r: Row) -> tuple[int, datetime, datetime]:
    # What still works comes first; without a deadline the longest unused, never used being the oldest.
    # What is over follows, the latest first.
    if r.state is not TokenState.ACTIVE:
        over = r.token.revoked_at or r.token.expires_at or _FIRST
        return _RANK[r.state], _LAST - (over - _FIRST), _FIRST
    at = r.deadline.at if r.deadline else _LAST
    return _RANK[r.state], at, r.token.last_used_at or _FIRST


_KEYS: Mapping[SortKey, Callable[[Row], Any]] = {
    SortKey.STATE: lambda r: (_RANK[r.state], not r.at_risk, not r.expiring),
    SortKey.NAME: lambda r: r.token.name,
    SortKey.SCOPE: lambda r: (r.token.project is not None, r.token.scope),
    SortKey.LAST_USED: lambda r: r.token.last_used_at or _FIRST,
    SortKey.DEADLINE: _by_deadline,
    SortKey.EXPIRES: lambda r: r.token.expires_at or _LAST,
    SortKey.CREATED: lambda r: r.token.created_at,
    SortKey.DESCRIPTION: lambda r: r.token.description.lower(),
}


def ordered(rows: Iterable[Row], order: Sort) -> list[Row]:
    """Sort, stably in both directions."""
    return sorted(rows, key=_KEYS[order.key], reverse=order.descending)


class Book:
    """All rows of one listing, with the tabs cut out and sorted once.

    `threshold` None means unknown: then nobody can say what is at risk, and that count is None.
    """

    def __init__(
        self, tokens: Iterable[APIToken], now: datetime, threshold: int | None, near: timedelta
    ) -> None:
        self.now = now
        self.threshold = threshold
        self.near = near
        self.all: list[Row] = []
        self.counts: Mapping[Tab, int | None] = {}
        self._sorted: dict[tuple[Tab, Sort], list[Row]] = {}
        for _ in self._fill(list(tokens)):
            pass

    @classmethod
    def in_slices(
        cls,
        tokens: Sequence[APIToken],
        now: datetime,
        threshold: int | None,
        near: timedelta,
        first: tuple[Tab, Sort],
    ) -> Generator[None, None, "Book"]:
        """Make the same book in steps of some milliseconds, with the rows of `first` sorted already."""
        book = cls((), now, threshold, near)
        yield from book._fill(tokens)
        yield from book._sort(*first)
        return book

    def _fill(self, tokens: Sequence[APIToken]) -> Iterator[None]:
        """Work out the rows, and count them."""
        counts = dict.fromkeys(Tab, 0)
        for start in range(0, len(tokens), SLICE):
            rows = [
                row(token, self.now, self.threshold, self.near) for token in tokens[start : start + SLICE]
            ]
            self.all += rows
            for tab, inside in _IN_TAB.items():
                counts[tab] += sum(map(inside, rows))
            yield
        self.counts = {**counts, Tab.AT_RISK: counts[Tab.AT_RISK] if self.threshold is not None else None}

    def _sort(self, tab: Tab, order: Sort) -> Iterator[None]:
        """Sort the slices, then the whole: what lies in sorted runs is merged, which takes few looks."""
        inside, key = _IN_TAB[tab], _KEYS[order.key]
        rows: list[Row] = []
        keys: list[Any] = []
        runs: list[int] = []
        for start in range(0, len(self.all), SLICE):
            some = [r for r in self.all[start : start + SLICE] if inside(r)]
            rows += some
            keys += map(key, some)
            places = range(len(rows) - len(some), len(rows))
            runs += sorted(places, key=keys.__getitem__, reverse=order.descending)
            yield
        runs.sort(key=keys.__getitem__, reverse=order.descending)
        self._sorted[tab, order] = [rows[place] for place in runs]

    def let_go(self) -> Iterator[None]:
        """Take the book apart in steps: to free 100,000 rows at once would be felt."""
        self._sorted.clear()
        while self.all:
            del self.all[-SLICE:]
            yield

    def rows(self, tab: Tab, order: Sort, wanted: Callable[[Row], bool] | None = None) -> list[Row]:
        """The rows of a tab, in order, that `wanted` lets through."""
        known = self._sorted.get((tab, order))
        if known is None:
            inside = _IN_TAB[tab]
            known = ordered((r for r in self.all if inside(r)), order)
            self._sorted[tab, order] = known
        return known if wanted is None else [r for r in known if wanted(r)]

    def find(self, token_id: str) -> Row | None:
        """The row of one token."""
        return next((r for r in self.all if r.token.id == token_id), None)

    def projects(self) -> tuple[str, ...]:
        """Names of the projects that any token is limited to, in order."""
        return tuple(sorted({r.token.project.name for r in self.all if r.token.project}))
