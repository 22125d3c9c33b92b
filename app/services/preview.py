"""What a threshold would revoke, before anybody sets it."""

from dataclasses import dataclass
from datetime import datetime

from app.domain.errors import UsageError
from app.domain.inactivity import check_threshold
from app.domain.organizations import Identity
from app.domain.preview import Partition, Preview
from app.domain.tokens import StatusFilter
from app.services.tokens import ListTokens


@dataclass(frozen=True, slots=True)
class Forecast:
    """The tokens that the identity may see, parted by what becomes of them; read at `as_of`."""

    partition: Partition
    identity: Identity
    as_of: datetime


class PreviewAutoRevoke:
    """What the next sweep revokes under a threshold, and what follows within a week and a month."""

    def __init__(self, tokens: ListTokens) -> None:
        self._tokens = tokens

    async def do(self, days: int | None = None) -> Forecast:
        """`days` None means the threshold as it is. Raises UsageError when that cannot be read."""
        if days is not None:
            check_threshold(days)
        listing = await self._tokens.do(StatusFilter.ACTIVE)
        threshold = listing.identity.threshold if days is None else days
        if threshold is None:
            raise UsageError("this credential may not read the threshold", hint="give one: --days 90")
        return Forecast(Preview(listing.tokens, listing.as_of).at(threshold), listing.identity, listing.as_of)
