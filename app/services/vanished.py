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

if TYPE_CHECKING:
    from app.domain.ports import KnownTokens
    from app.services.activity import Trail
    from app.services.tokens import Listing, ListTokens


CLOCKS_DIFFER = timedelta(minutes=10)
"""How far this clock and the server's may be apart."""


@dataclass(frozen=True, slots=True)
class Vanished:
    """A token that somebody else revoked, and what is known of it: when, and whether the sweep may have."""

    token: APIToken
    detail: str


class NoticeVanished:
    """Compares a listing with the one before it, of the same organization at the same server.

    Only a token that the server itself shows as revoked counts: one that is merely not in the list may
    be hidden from a lesser role. Nothing is said of what was revoked while the trail could not be written.
    Each is appended to the trail once.
    """

    def __init__(self, known: KnownTokens, list_tokens: ListTokens, trail: Trail) -> None:
        self._known = known
        self._list = list_tokens
        self._trail = trail

    async def do(self, listing: Listing) -> tuple[Vanished, ...]:
        """Return what vanished since the last listing, and remember this one. A listing of a part, or of
        revoked tokens alone, says nothing; the first listing only remembers."""
        if not listing.whole or listing.status is StatusFilter.REVOKED:
            return ()
        place = (listing.endpoint, listing.identity.organization)
        before = await self._known.read(*place)
        # Sets of 100,000 ids: the screen would feel them.
        living, missing = await asyncio.to_thread(_compared, listing, before or frozenset())
        vanished = await self._revoked(missing, listing) if missing else ()
        # What another credential saw stays known until it is shown as revoked.
        hidden = missing - {token.id for token in vanished}
        if before is None or hidden != missing or len(living) + len(missing) != len(before):
            await self._known.write(*place, living | hidden)
        return await self._note(vanished, listing)

    async def _revoked(self, missing: Collection[str], listing: Listing) -> tuple[APIToken, ...]:
        if listing.status is not StatusFilter.ALL:
            listing = await self._list.list_again(listing, StatusFilter.REVOKED)
        return tuple(t for t in listing.tokens if t.id in missing and t.revoked_at is not None)

    async def _note(self, vanished: Collection[APIToken], listing: Listing) -> tuple[Vanished, ...]:
        if not vanished:
            return ()
        # A revocation of ours that was begun and never ended is ours, too.
        told = {Action.REVOKE, Action.VANISHED}
        ours = {e.subject_id for e in await self._trail.entries() if e.action in told}
        gap = await self._trail.gap()
        others = tuple(
            Vanished(token, _who(token))
            for token in vanished
            if token.id not in ours and not _within(token, gap)
        )
        for one in others:
            await self._trail.add(
                Action.VANISHED,
                identity=listing.identity,
                endpoint=listing.endpoint,
                subject=one.token.name,
                subject_id=one.token.id,
                detail=one.detail,
            )
        return others


def _within(token: APIToken, gap: tuple[datetime, datetime] | None) -> bool:
    """True for a token that this program may have revoked: its entry could not be written then."""
    if gap is None or token.revoked_at is None:
        return False
    return gap[0] - CLOCKS_DIFFER <= token.revoked_at <= gap[1] + CLOCKS_DIFFER


def _compared(listing: Listing, before: frozenset[str]) -> tuple[set[str], frozenset[str]]:
    """The ids of the unrevoked tokens, and those of `before` that are not among them."""
    living = {token.id for token in listing.tokens if token.revoked_at is None}
    return living, before - living


def _who(token: APIToken) -> str:
    """The sweep takes nothing that was used within the shortest threshold there is."""
    if token.revoked_at is None:
        return ""
    rested = token.revoked_at - active_since(token)
    when = f"revoked {token.revoked_at:%Y-%m-%d %H:%M} UTC"
    if rested < timedelta(days=MIN_DAYS):
        return f"{when}, not by the sweep: it was in use"
    return f"{when}, possibly by the sweep: {rested.days} days without use"
