"""API tokens, read: list, filter, check, and find those that other tokens created."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.domain.errors import LoopinError, UsageError
from app.domain.tokens import APIToken, ScopeFilter, StatusFilter

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.domain.filter import Filter
    from app.domain.inactivity import Deadline
    from app.domain.lineage import Descendants
    from app.domain.organizations import Identity
    from app.domain.ports import Clock
    from app.domain.request_context import RequestContext
    from app.domain.token_row import Row
    from app.services.activity import ActivityLog
    from app.services.chainloop_session import ChainloopSession

MAX_AGE = timedelta(minutes=1)
"""An older listing is read again before the descendants of a token are looked for in it."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The tokens that the identity may see, when they were read, and with which credential and organization.

    A change that is based on a listing is sent with its `context`. `whole` is false when a scope or a project
    was asked for: a token that is missing may exist.
    """

    tokens: tuple[APIToken, ...]
    identity: Identity
    as_of: datetime
    context: RequestContext
    status: StatusFilter = StatusFilter.ALL
    whole: bool = True

    @property
    def endpoint(self) -> str:
        """The address of the server."""
        return self.context.credential.endpoint.address


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for. `text` is in the filter language.

    `status` None: the one that the text names, else active tokens. `threshold` None: the organization's own.
    """

    text: str = ""
    status: StatusFilter | None = None
    scope: ScopeFilter = ScopeFilter.ANY
    project: str = ""
    threshold: int | None = None


@dataclass(frozen=True, slots=True)
class FilteredListing:
    """The rows that match a query, in the server's order; `threshold` None: it cannot be read."""

    listing: Listing
    rows: tuple[Row, ...]
    threshold: int | None


@dataclass(frozen=True, slots=True)
class EndingToken:
    """A token that stops working soon; `deadline` is the earlier one when there are two."""

    token: APIToken
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """The tokens that stop working soon, soonest first, of `checked` tokens.

    `not_seen` says which tokens this credential cannot list; empty for none.
    """

    listing: Listing
    ending: tuple[EndingToken, ...]
    checked: int
    threshold: int
    not_seen: str = ""


class TokenService:
    """Reads the tokens of an organization. `near` is the time that counts as near in filters."""

    def __init__(self, session: ChainloopSession, log: ActivityLog, clock: Clock, near: timedelta) -> None:
        self._session = session
        self._log = log
        self._clock = clock
        self._near = near

    async def list_tokens(
        self,
        status: StatusFilter = StatusFilter.ALL,
        scope: ScopeFilter = ScopeFilter.ANY,
        project: str = "",
    ) -> Listing:
        """List the tokens of the organization in use.

        Raise PermissionDenied, without asking, when the role may not list them.
        """
        context, identity = await self._session.identify()
        return await self.list_tokens_in(context, identity, status, scope, project)

    async def list_again(self, listing: Listing, status: StatusFilter = StatusFilter.ALL) -> Listing:
        """List all tokens of `status` in the organization of `listing`, with its credential."""
        return await self.list_tokens_in(listing.context, listing.identity, status)

    async def list_tokens_in(
        self,
        context: RequestContext,
        identity: Identity,
        status: StatusFilter,
        scope: ScopeFilter = ScopeFilter.ANY,
        project: str = "",
    ) -> Listing:
        """List the tokens that `identity` may see in the organization of `context`."""
        await self._session.check_organization(context, identity)
        identity.check_may_manage()
        tokens = await (await self._session.open_gateway_in(context)).list_tokens(status, scope, project)
        whole = scope is ScopeFilter.ANY and not project
        return Listing(tuple(tokens), identity, self._clock.now(), context, status, whole)

    async def find_tokens(self, query: Query) -> FilteredListing:
        """List and filter; raise FilterProblem, where possible before anything is sent."""
        # A plain list needs none of these modules.
        from app.domain import filter as filters
        from app.domain.gc_pause import pause_gc
        from app.domain.inactivity import check_threshold
        from app.domain.token_row import build_row

        parsed = filters.parse(query.text)
        if query.threshold is not None:
            check_threshold(query.threshold)
        listing = await self.list_tokens(query.status or _status(parsed), query.scope, query.project)
        threshold = listing.identity.threshold if query.threshold is None else query.threshold
        filters.parse(query.text, threshold_known=threshold is not None)
        with pause_gc(len(listing.tokens)):
            rows = [build_row(token, listing.as_of, threshold, self._near) for token in listing.tokens]
        if parsed:
            matches = parsed.at(listing.as_of)
            rows = [one for one in rows if matches(one)]
        return FilteredListing(listing, tuple(rows), threshold)

    async def check_tokens(
        self, within: timedelta, unused_within: timedelta, threshold: int | None = None
    ) -> TokenCheck:
        """Find unrevoked tokens that expire `within`, or are auto-revoked `unused_within`, unless used.

        `threshold` None is the organization's own; raise UsageError where that cannot be read. An expired
        token no longer expires, but is auto-revoked all the same.
        """
        from app.domain.inactivity import SWEEP_INTERVAL, check_threshold

        if threshold is not None:
            check_threshold(threshold)
        listing = await self.list_tokens(StatusFilter.ACTIVE)
        days = listing.identity.threshold if threshold is None else threshold
        if days is None:
            raise UsageError(
                "the auto-revoke threshold cannot be read with an API token",
                hint="add --threshold DAYS, as the organization has it; 0 when auto-revocation is off",
            )
        # The next sweep revokes what is due by then.
        spans = within, max(unused_within, SWEEP_INTERVAL)
        deadlines = [(token, _deadline(token, days, listing.as_of, spans)) for token in listing.tokens]
        ending = [EndingToken(token, deadline) for token, deadline in deadlines if deadline]
        ending.sort(key=lambda one: one.deadline.at)
        not_seen = (
            "an API token sees only the tokens of projects: those of the organization were not looked at"
            if listing.identity.is_token
            else ""
        )
        return TokenCheck(listing, tuple(ending), len(listing.tokens), days, not_seen)

    async def find_descendants(self, chosen: Collection[str], listing: Listing) -> Descendants:
        """Find the active tokens that those in `chosen` (ids) have created, see `app.domain.lineage`.

        A `listing` older than MAX_AGE is read again; when that fails, the old one counts. One without revoked
        tokens is read again where a token may have a revoked parent: a failure is raised then.
        """
        from app.domain.lineage import Descendants, descendants

        listing = await self._with_parents(listing)
        if not any(token.parent_id for token in listing.tokens):
            return Descendants()
        rotations: frozenset[tuple[str, str]] = frozenset()
        # Without the log, successors are known by their names.
        with suppress(LoopinError):
            rotations = await self._rotations()
        # 100,000 tokens would stop the event loop for a moment.
        return await asyncio.to_thread(descendants, chosen, listing.tokens, rotations, listing.as_of)

    async def _with_parents(self, listing: Listing) -> Listing:
        if listing.status is not StatusFilter.ALL and any(token.parent_id for token in listing.tokens):
            return await self.list_again(listing)
        if self._clock.now() - listing.as_of > MAX_AGE:
            with suppress(LoopinError):
                return await self.list_again(listing)
        return listing

    async def _rotations(self) -> frozenset[tuple[str, str]]:
        """Return the ids of rotated tokens, each with that of its successor, as the log has them."""
        from app.domain.activity import Action
        from app.services.journal import NEW_ID

        rotated = [
            (e.subject_id, dict(e.extra)) for e in await self._log.entries() if e.action is Action.ROTATE
        ]
        return frozenset((old, facts[NEW_ID]) for old, facts in rotated if NEW_ID in facts)


def _status(query: Filter) -> StatusFilter:
    return StatusFilter.ALL if any(term.field == "status" for term in query.terms) else StatusFilter.ACTIVE


def _deadline(
    token: APIToken, days: int, now: datetime, spans: tuple[timedelta, timedelta]
) -> Deadline | None:
    """Return the first deadline within `spans`: that of the expiry, and that of auto-revocation."""
    from app.domain.inactivity import Deadline, Reason, auto_revoked_at

    ends = []
    if token.expires_at is not None and now < token.expires_at <= now + spans[0]:
        ends.append(Deadline(token.expires_at, Reason.EXPIRY))
    revoked_at = auto_revoked_at(token, days)
    if revoked_at is not None and revoked_at <= now + spans[1]:
        ends.append(Deadline(revoked_at, Reason.IDLE))
    return min(ends, key=lambda end: end.at, default=None)
