"""The tokens that were created with tokens which are to be revoked."""

from collections.abc import Collection
from contextlib import suppress

from app.domain.errors import LoopinError
from app.domain.lineage import descendants
from app.domain.tokens import APIToken, StatusFilter
from app.services.activity import Trail
from app.services.rotate_token import rotations
from app.services.tokens import Listing, ListTokens


class FindDescendants:
    """What may be revoked together with a token, because that token created it."""

    def __init__(self, list_tokens: ListTokens, trail: Trail) -> None:
        self._list = list_tokens
        self._trail = trail

    async def do(self, chosen: Collection[str], listing: Listing) -> tuple[APIToken, ...]:
        """Return the active tokens that those in `chosen` (ids) have created, see `domain.lineage`.

        Where `listing` lacks revoked tokens, or others, all are listed: one of those may stand between.
        """
        if not any(token.parent_id for token in listing.tokens):
            return ()
        if listing.status is not StatusFilter.ALL or not listing.whole:
            listing = await self._list.list_again(listing)
        known: frozenset[tuple[str, str]] = frozenset()
        # A trail that cannot be read leaves the names to tell.
        with suppress(LoopinError):
            known = rotations(await self._trail.entries())
        return descendants(chosen, listing.tokens, known, listing.as_of)
