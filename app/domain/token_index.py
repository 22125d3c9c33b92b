"""Index of a list of API tokens: counts for each tab, orders, and rows that are built on demand.

A first look needs the counts, the order, and the two dozen rows that fit on a screen. So the tokens are
classified by what can be compared at once, and a row is built when it is shown. A filter needs all rows:
`build_rows`.

The constructor, `build_rows` and `clear` take long for 100,000 tokens and may run in another thread. They
work in slices, since one call into C holds the interpreter lock, and so the event loop, until it returns.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import compress, islice
from operator import attrgetter, eq, indexOf
from typing import Any, overload

from app.domain.filter import Filter
from app.domain.inactivity import risky_since
from app.domain.times import shift
from app.domain.token_row import Row, Sort, SortKey, Tab, build_row
from app.domain.tokens import APIToken

SLICE = 10_000
"""Tokens classified or sorted in one call into C."""
FEW = 1000
"""Rows built or freed in one call into C; so many tokens are also indexed without another thread."""
AT_ONCE = 2 * FEW
"""A list of so many tokens builds its rows when a filter first needs them, within 8 ms; until then none is
kept."""

# Up to this share of all rows, looking at them one by one costs less than a look at every row.
_FEW_OF_ALL = 1 / 8
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

# A token's kind is a number: 0 is active, with these two added; the other two stand alone.
_RISKY, _EXPIRING, _EXPIRED, _REVOKED = 1, 2, 4, 5
_LIVING = bytes((0, _RISKY, _EXPIRING, _RISKY + _EXPIRING))
_KINDS = {
    Tab.ACTIVE: _LIVING,
    Tab.AT_RISK: bytes((_RISKY, _RISKY + _EXPIRING)),
    Tab.EXPIRING: bytes((_EXPIRING, _RISKY + _EXPIRING)),
    Tab.EXPIRED: bytes((_EXPIRED,)),
    Tab.REVOKED: bytes((_REVOKED,)),
    Tab.ALL: bytes((*_LIVING, _EXPIRED, _REVOKED)),
}
# The most urgent first: at risk and expiring, at risk, expiring, active, expired, revoked.
_URGENCY = (3, 1, 2, 0, 4, 5)

_KEYS: dict[SortKey, Callable[[APIToken], Any]] = {
    SortKey.NAME: attrgetter("name"),
    SortKey.SCOPE: lambda token: (token.project is not None, token.scope),
    SortKey.LAST_USED: lambda token: token.last_used_at or _FIRST,
    SortKey.EXPIRES: lambda token: token.expires_at or _LAST,
    SortKey.CREATED: attrgetter("created_at"),
    SortKey.DESCRIPTION: lambda token: token.description.lower(),
}
Places = Sequence[int]


class Rows(Sequence[Row]):
    """Some rows of an index, in an order; each is built when it is read."""

    __slots__ = ("_index", "_places")

    def __init__(self, index: "TokenIndex", places: Places) -> None:
        self._index = index
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows": ...
    def __getitem__(self, index: int | slice) -> "Row | Rows":
        if isinstance(index, slice):
            return Rows(self._index, self._places[index])
        return self._index.row_at(self._places[index])

    def __iter__(self) -> Iterator[Row]:
        return map(self._index.row_at, self._places)

    def tokens(self) -> Iterator[APIToken]:
        """Their tokens, without building rows."""
        return map(self._index.tokens.__getitem__, self._places)

    def place_of(self, token_id: str) -> int | None:
        """Where the token with this id is; None when it is not among them."""
        place = self._index.place_of(token_id)
        try:
            return None if place is None else self._places.index(place)
        except ValueError:
            return None


class TokenIndex:
    """One listing, with the tabs counted and each order computed once.

    `threshold` None means unknown: then nobody can say what is at risk, and that count is None.
    """

    def __init__(
        self, tokens: Sequence[APIToken], now: datetime, threshold: int | None, near: timedelta
    ) -> None:
        self.tokens = tokens
        self.now = now
        self.threshold = threshold
        self.near = near
        self._kinds = bytearray()
        self._created: Counter[str] = Counter()
        self._orders: dict[tuple[Tab, Sort], array[int]] = {}
        self._ranks: dict[tuple[Tab, Sort], array[int]] = {}
        self._rows: list[Row] = []
        for start in range(0, len(tokens), SLICE):
            self._kinds += self._classify(tokens[start : start + SLICE])
        of_kind = [self._kinds.count(kind) for kind in range(_REVOKED + 1)]
        counts = {tab: sum(map(of_kind.__getitem__, kinds)) for tab, kinds in _KINDS.items()}
        self.counts: dict[Tab, int | None] = {
            **counts,
            Tab.AT_RISK: None if threshold is None else counts[Tab.AT_RISK],
        }

    def _classify(self, tokens: Sequence[APIToken]) -> bytearray:
        now, soon = self.now, self.now + self.near
        risky = risky_since(self.threshold or 0, now, self.near)
        kinds = bytearray()
        for token in tokens:
            end = token.expires_at
            if token.revoked_at is not None:
                kind = _REVOKED
            elif end is not None and end <= now:
                kind = _EXPIRED
            else:
                kind = _EXPIRING if end is not None and end <= soon else 0
                if risky is not None and (token.last_used_at or token.created_at) <= risky:
                    kind += _RISKY
            if token.parent_id and kind < _EXPIRED:
                self._created[token.parent_id] += 1
            kinds.append(kind)
        return kinds

    # ── rows ──

    @property
    def all(self) -> Rows:
        """All rows, in the server's order."""
        return Rows(self, range(len(self.tokens)))

    @property
    def has_all_rows(self) -> bool:
        """Whether every row is built."""
        return len(self._rows) == len(self.tokens)

    @property
    def can_filter(self) -> bool:
        """Whether a filter can be applied at once: all rows are built, or few are to be."""
        return self.has_all_rows or len(self.tokens) <= AT_ONCE

    def build_rows(self) -> None:
        """Build the rows that are not built yet."""
        tokens = self.tokens
        for start in range(len(self._rows), len(tokens), FEW):
            self._rows += [self._row(token) for token in tokens[start : start + FEW]]

    def clear(self) -> None:
        """Free rows and tokens in slices: 100,000 at once would be felt."""
        self._orders.clear()
        self._ranks.clear()
        tokens, self.tokens = list(self.tokens), ()
        while tokens or self._rows:
            del self._rows[-FEW:], tokens[-FEW:]

    def row_at(self, place: int) -> Row:
        """The row of one token, by its place in the server's order."""
        return self._rows[place] if place < len(self._rows) else self._row(self.tokens[place])

    def _row(self, token: APIToken) -> Row:
        return build_row(token, self.now, self.threshold, self.near)

    def rows(self, tab: Tab, order: Sort, filter: Filter | None = None) -> Rows:
        """The rows of a tab that pass `filter`, in order; equal ones in the server's order, in both
        directions.

        A filter builds the rows that are not built yet.
        """
        places = self.sort(tab, order)
        if filter:
            self.build_rows()
            # The rows are read in the order in which they lie in memory: that is several times as fast.
            places = _select(places, self._ranks_of(tab, order), filter.mask(self._rows, self.now))
        return Rows(self, places)

    def sort(self, tab: Tab, order: Sort) -> "array[int]":
        """The places of the tokens of a tab, in order; computed once."""
        places = self._orders.get((tab, order))
        if places is None:
            places = self._orders[tab, order] = self._in_order(tab, order)
        return places

    def _ranks_of(self, tab: Tab, order: Sort) -> "array[int]":
        """For each place its rank in an order; -1 for what is not in the tab."""
        ranks = self._ranks.get((tab, order))
        if ranks is None:
            ranks = self._ranks[tab, order] = array("i", (-1,)) * len(self.tokens)
            for rank, place in enumerate(self._orders[tab, order]):
                ranks[place] = rank
        return ranks

    def place_of(self, token_id: str) -> int | None:
        """The place of a token in the server's order; None when it is not there."""
        try:
            # Loops in C: there may be 100,000 tokens.
            return indexOf(map(attrgetter("id"), self.tokens), token_id)
        except ValueError:
            return None

    def find(self, token_id: str) -> Row | None:
        """The row of one token."""
        place = self.place_of(token_id)
        return None if place is None else self.row_at(place)

    def created_by(self, token_id: str) -> int:
        """How many active tokens the token with this id has created."""
        return self._created[token_id]

    def projects(self) -> tuple[str, ...]:
        """Names of the projects that any token is limited to, in order."""
        return tuple(sorted({token.project.name for token in self.tokens if token.project}))

    # ── order ──

    def _in_order(self, tab: Tab, order: Sort) -> "array[int]":
        kinds = _KINDS[tab]
        if order.key is SortKey.DEADLINE:
            return self._by_deadline(kinds, order.descending)
        places = self._of(kinds)
        if order.key is SortKey.STATE:
            return _sorted(places, lambda part: [_URGENCY[self._kinds[p]] for p in part], order.descending)
        key = _KEYS[order.key]
        return _sorted(places, lambda part: [key(self.tokens[p]) for p in part], order.descending)

    def _of(self, kinds: bytes) -> "array[int]":
        """The places of the tokens of these kinds."""
        selected = bytes(kind in kinds for kind in range(256))
        return array("i", compress(range(len(self._kinds)), self._kinds.translate(selected)))

    def _by_deadline(self, kinds: bytes, descending: bool) -> "array[int]":
        """What still works comes first, the soonest deadline leading; then what has none, the longest unused
        leading, never used being the oldest. What is over follows, the latest first."""
        ends, endless = self._of(bytes(set(kinds) & set(_LIVING))), array("i")
        if not self.threshold:
            living = ends
            ends = array("i", (p for p in living if self.tokens[p].expires_at is not None))
            endless = array("i", (p for p in living if self.tokens[p].expires_at is None))
        blocks = [
            _sorted(ends, self._ends, descending, self._uses),
            _sorted(endless, self._uses, descending),
            *(
                _sorted(self._of(bytes((kind,))), self._overs, not descending)
                for kind in (_EXPIRED, _REVOKED)
                if kind in kinds
            ),
        ]
        places = array("i")
        for block in reversed(blocks) if descending else blocks:
            places += block
        return places

    def _ends(self, places: Places) -> list[datetime]:
        """The deadlines, all of them earlier by the threshold: its sum with the last use might lie beyond the
        last day that there is."""
        if not (span := timedelta(days=self.threshold or 0)):
            return [self.tokens[p].expires_at or _LAST for p in places]
        ends = []
        for token in map(self.tokens.__getitem__, places):
            since, end = token.last_used_at or token.created_at, token.expires_at
            if end is not None and end - since < span:
                since = shift(end, -span)
            ends.append(since)
        return ends

    def _uses(self, places: Places) -> list[datetime]:
        return [self.tokens[p].last_used_at or _FIRST for p in places]

    def _overs(self, places: Places) -> list[datetime]:
        tokens = map(self.tokens.__getitem__, places)
        return [token.revoked_at or token.expires_at or _FIRST for token in tokens]


def _select(places: "array[int]", ranks: "array[int]", mask: bytearray) -> "array[int]":
    """The places where `mask` is 1, in their order.

    Few that stay are sorted by rank; few that go are cut out; only between the two each place is looked up.
    """
    stay = mask.count(1)
    if stay <= len(mask) * _FEW_OF_ALL:
        return array("i", map(places.__getitem__, _ranks_where(1, mask, ranks)))
    if len(mask) - stay > len(mask) * _FEW_OF_ALL:
        return array("i", compress(places, map(mask.__getitem__, places)))
    result, start = array("i"), 0
    for end in _ranks_where(0, mask, ranks):
        result += places[start:end]
        start = end + 1
    return result + places[start:]


def _ranks_where(value: int, mask: bytearray, ranks: "array[int]") -> list[int]:
    """The ranks, ascending, of the places where `mask` is `value`; what is in another tab has none."""
    result, place = [], mask.find(value)
    while place >= 0:
        result.append(ranks[place])
        place = mask.find(value, place + 1)
    result.sort()
    return result[bisect_left(result, 0) :]


Keys = Callable[[Places], list[Any]]


def _sorted(places: Places, keys_of: Keys, descending: bool, second: Keys | None = None) -> "array[int]":
    """Sort slices, then the whole: sorted runs are merged, which takes few comparisons.

    `second` orders those whose first keys are equal; what is equal then, too, stays as it was.
    """
    keys: list[Any] = []
    runs: list[int] = []
    for start in range(0, len(places), SLICE):
        part = places[start : start + SLICE]
        keys += keys_of(part)
        runs += sorted(range(start, start + len(part)), key=keys.__getitem__, reverse=descending)
    runs.sort(key=keys.__getitem__, reverse=descending)
    result = array("i", map(places.__getitem__, runs))
    if second is not None:
        _untie(result, [keys[n] for n in runs], second, descending)
    return result


def _untie(places: "array[int]", keys: Sequence[Any], second: Keys, descending: bool) -> None:
    """Put the places with equal keys in order by their second keys."""
    stop = 0
    for start in compress(range(len(keys)), map(eq, keys, islice(keys, 1, None))):
        if start < stop:
            continue
        stop = start + 2
        while stop < len(keys) and keys[stop] == keys[start]:
            stop += 1
        part = places[start:stop]
        other = second(part)
        order = sorted(range(len(part)), key=other.__getitem__, reverse=descending)
        places[start:stop] = array("i", map(part.__getitem__, order))
