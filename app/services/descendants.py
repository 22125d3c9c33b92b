"""The tokens that were created with tokens which are to be revoked."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from app.domain.errors import LoopinError
from app.domain.lineage import Descendants, descendants
from app.domain.ports import Clock
from app.domain.tokens import StatusFilter
from app.services.activity import Trail
from app.services.rotate_token import rotations
from app.services.tokens import Listing, ListTokens

FRESH = timedelta(minutes=1)


class FindDescendants:
    """What may be revoked together with a token, because that token created it."""

    def __init__(self, list_tokens: ListTokens, trail: Trail, clock: Clock) -> None:
        self._list = list_tokens
        self._trail = trail
        self._clock = clock

    async def do(self, chosen: Collection[str], listing: Listing) -> Descendants:
        """Find the active tokens that those in `chosen` (ids) have created, see `domain.lineage`.

        A `listing` that is older than FRESH is read again; where that fails, the old one counts. One without
        revoked tokens is read again where a token may have a parent among those: without them children would
        be missed, so a failure is raised.
        """
        listing = await self._current(listing)
        if not any(token.parent_id for token in listing.tokens):
            return Descendants()
        known: frozenset[tuple[str, str]] = frozenset()
        # A trail that cannot be read leaves the names to tell.
        with suppress(LoopinError):
            known = rotations(await self._trail.entries())
        # Of a hundred thousand tokens it takes too long for the event loop.
        return await asyncio.to_thread(descendants, chosen, listing.tokens, known, listing.as_of)

    async def _current(self, listing: Listing) -> Listing:
        old = self._clock.now() - listing.as_of > FRESH
        lacks = listing.status is not StatusFilter.ALL and any(token.parent_id for token in listing.tokens)
        if lacks:
            return await self._list.list_again(listing)
        if old:
            with suppress(LoopinError):
                return await self._list.list_again(listing)
        return listing
