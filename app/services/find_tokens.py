"""The tokens that a filter lets through."""

from dataclasses import dataclass
from datetime import timedelta

from app.domain import filter as filters
from app.domain.calm import calm
from app.domain.filter import Filter
from app.domain.inactivity import check_threshold
from app.domain.token_row import Row, row
from app.domain.tokens import ScopeFilter, StatusFilter
from app.services.tokens import Listing, ListTokens


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. `text` is in the filter language.

    `status` None means: what the text names, and active tokens when it names none. `threshold` None
    means the organization's own.
    """

    text: str = ""
    status: StatusFilter | None = None
    scope: ScopeFilter = ScopeFilter.ANY
    project: str = ""
    threshold: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """The rows that were let through, in the server's order; `threshold` None: it cannot be read."""

    listing: Listing
    rows: tuple[Row, ...]
    threshold: int | None


class FindTokens:
    """One listing, and what the filter makes of it."""

    def __init__(self, list_tokens: ListTokens, near: timedelta) -> None:
        self._list = list_tokens
        self._near = near

    async def do(self, query: Query) -> Found:
        """List and filter; raise FilterProblem, before anything is sent where it can be told by then."""
        wanted = filters.parse(query.text)
        if query.threshold is not None:
            check_threshold(query.threshold)
        listing = await self._list.do(query.status or _status(wanted), query.scope, query.project)
        threshold = listing.identity.threshold if query.threshold is None else query.threshold
        filters.parse(query.text, threshold_known=threshold is not None)
        with calm(len(listing.tokens)):
            rows = [row(token, listing.as_of, threshold, self._near) for token in listing.tokens]
        if wanted:
            test = wanted.at(listing.as_of)
            rows = [one for one in rows if test(one)]
        return Found(listing, tuple(rows), threshold)


def _status(wanted: Filter) -> StatusFilter:
    named = any(term.field == "status" for term in wanted.terms)
    return StatusFilter.ALL if named else StatusFilter.ACTIVE
