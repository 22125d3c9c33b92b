"""Tokens that were revoked between two listings, and not by this Loopin."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.domain.activity import Action
from app.domain.inactivity import MIN_DAYS, active_since
from app.domain.tokens import APIToken, StatusFilter
from app.services.journal import CLOCK_SKEW

if TYPE_CHECKING:
    from app.domain.ports import KnownTokens
    from app.services.activity import ActivityLog
    from app.services.tokens import Listing, TokenService


@dataclass(frozen=True, slots=True)
class VanishedToken:
    """A token that somebody else revoked; `detail` says when, and whether the sweep may have."""

    token: APIToken
    detail: str


class VanishedTokens:
    """Compares a listing with the last one of the same organization at the same server.

    Only a token that the server shows as revoked counts: one that is not in the list may be hidden from a
    lesser role. Tokens that were revoked while the activity log could not be written are left out. Each is
    written into the log once.
    """

    def __init__(self, known: KnownTokens, tokens: TokenService, log: ActivityLog) -> None:
        self._known = known
        self._tokens = tokens
        self._log = log

    async def find_vanished(self, listing: Listing) -> tuple[VanishedToken, ...]:
        """Return the tokens that vanished since the last listing, and store the ids of this one.

        A listing of a part, or of revoked tokens alone, says nothing; the first listing is only stored.
        """
        if not listing.whole or listing.status is StatusFilter.REVOKED:
            return ()
        place = (listing.endpoint, listing.identity.organization)
        before = await self._known.read(*place)
        # 100,000 ids would stop the event loop for a moment.
        active, missing = await asyncio.to_thread(_compare, listing, before or frozenset())
        revoked = await self._revoked(missing, listing) if missing else ()
        # What another credential saw stays known until it is shown as revoked.
        hidden = missing - {token.id for token in revoked}
        if before is None or hidden != missing or len(active) + len(missing) != len(before):
            await self._known.write(*place, active | hidden)
        return await self._record(revoked, listing)

    async def _revoked(self, missing: Collection[str], listing: Listing) -> tuple[APIToken, ...]:
        if listing.status is not StatusFilter.ALL:
            listing = await self._tokens.list_again(listing, StatusFilter.REVOKED)
        return tuple(t for t in listing.tokens if t.id in missing and t.revoked_at is not None)

    async def _record(self, revoked: Collection[APIToken], listing: Listing) -> tuple[VanishedToken, ...]:
        if not revoked:
            return ()
        # A revocation that was begun here and never ended counts as ours.
        recorded = {
            entry.subject_id
            for entry in await self._log.entries()
            if entry.action in {Action.REVOKE, Action.VANISHED}
        }
        gap = await self._log.gap()
        vanished = tuple(
            VanishedToken(token, _describe(token))
            for token in revoked
            if token.id not in recorded and not _is_in_gap(token, gap)
        )
        for one in vanished:
            await self._log.add(
                Action.VANISHED,
                identity=listing.identity,
                endpoint=listing.endpoint,
                subject=one.token.name,
                subject_id=one.token.id,
                detail=one.detail,
            )
        return vanished


def _is_in_gap(token: APIToken, gap: tuple[datetime, datetime] | None) -> bool:
    """Return whether this program may have revoked the token while no entry could be written."""
    if gap is None or token.revoked_at is None:
        return False
    return gap[0] - CLOCK_SKEW <= token.revoked_at <= gap[1] + CLOCK_SKEW


def _compare(listing: Listing, before: frozenset[str]) -> tuple[set[str], frozenset[str]]:
    """Return the ids of the unrevoked tokens, and those of `before` that are not among them."""
    active = {token.id for token in listing.tokens if token.revoked_at is None}
    return active, before - active


def _describe(token: APIToken) -> str:
    """Say when it was revoked; the sweep revokes nothing that was used within the shortest threshold."""
    if token.revoked_at is None:
        return ""
    unused = token.revoked_at - active_since(token)
    when = f"revoked {token.revoked_at:%Y-%m-%d %H:%M} UTC"
    if unused < timedelta(days=MIN_DAYS):
        return f"{when}, not by the sweep: it was in use"
    return f"{when}, possibly by the sweep: {unused.days} days without use"
