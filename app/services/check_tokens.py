"""Which tokens are about to stop working, for a job that runs every day."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.domain.errors import UsageError
from app.domain.inactivity import SWEEP_INTERVAL, Deadline, Reason, auto_revoked_at, check_threshold
from app.domain.organizations import Identity
from app.domain.tokens import APIToken, StatusFilter
from app.services.tokens import Listing, ListTokens


@dataclass(frozen=True, slots=True)
class Near:
    """A token that stops working soon, when, and why; the earlier moment when there are two."""

    token: APIToken
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Checked:
    """What is near, soonest first. `not_seen` says what this credential could not look at."""

    listing: Listing
    near: tuple[Near, ...]
    looked_at: int
    threshold: int
    not_seen: str = ""


class CheckTokens:
    """Unrevoked tokens that expire, or are auto-revoked when nobody uses them, within the given times.

    An expired one no longer expires; the sweep takes it all the same.
    """

    def __init__(self, list_tokens: ListTokens) -> None:
        self._list = list_tokens

    async def do(self, within: timedelta, idle_within: timedelta, threshold: int | None = None) -> Checked:
        """Look now; `threshold` None means the organization's own.

        Raise UsageError where that cannot be read: a check that left the sweep out would be no check.
        """
        if threshold is not None:
            check_threshold(threshold)
        listing = await self._list.do(StatusFilter.ACTIVE)
        days = listing.identity.threshold if threshold is None else threshold
        if days is None:
            raise UsageError(
                "the auto-revoke threshold cannot be read with an API token",
                hint="add --threshold DAYS, as the organization has it; 0 when auto-revocation is off",
            )
        now = listing.as_of
        # The next sweep may come in an hour, and takes what is due by then.
        spans = within, max(idle_within, SWEEP_INTERVAL)
        found = [(token, _first(token, days, now, spans)) for token in listing.tokens]
        near = sorted((Near(t, end) for t, end in found if end), key=lambda one: one.deadline.at)
        return Checked(listing, tuple(near), len(listing.tokens), days, _not_seen(listing.identity))


def _first(token: APIToken, days: int, now: datetime, spans: tuple[timedelta, timedelta]) -> Deadline | None:
    """`spans`: until its expiry, and until it is auto-revoked."""
    ends = []
    if token.expires_at is not None and now < token.expires_at <= now + spans[0]:
        ends.append(Deadline(token.expires_at, Reason.EXPIRY))
    swept = auto_revoked_at(token, days)
    if swept is not None and swept <= now + spans[1]:
        ends.append(Deadline(swept, Reason.IDLE))
    return min(ends, key=lambda end: end.at, default=None)


def _not_seen(identity: Identity) -> str:
    if not identity.is_token:
        return ""
    return "an API token sees only the tokens of projects: those of the organization were not looked at"
