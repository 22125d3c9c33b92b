"""The inactivity rule: when an API token counts as unused, and when it will be auto-revoked.

Written once. The sweep, the preview and the deadline column all call it. As published by the vendor:
a token is inactive when its last use is older than the threshold, or when it was never used and was
created before the threshold. An expired token that nobody revoked is swept too; there is no grace
period. The threshold is a whole number of days, 1 to 365; 0 turns auto-revocation off.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol

from app.domain.errors import UsageError

MIN_DAYS, MAX_DAYS = 1, 365
SWEEP_INTERVAL = timedelta(hours=1)
"""The next sweep comes within this time, on every server; the time itself is not known."""


class Used(Protocol):
    """What the rule needs to know of a token; all times are aware."""

    @property
    def created_at(self) -> datetime: ...
    @property
    def last_used_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...
    @property
    def revoked_at(self) -> datetime | None: ...


def check_threshold(days: int) -> int:
    """Return `days` when it is 0 or 1 to 365, else raise UsageError."""
    if 0 <= days <= MAX_DAYS:
        return days
    raise UsageError(
        f"{days} is not a valid threshold", hint=f"use {MIN_DAYS} to {MAX_DAYS} days, or 0 to turn it off"
    )


def active_since(token: Used) -> datetime:
    """The moment that idle time is counted from: the last use, else the creation."""
    return token.last_used_at or token.created_at


def idle(token: Used, now: datetime) -> timedelta:
    """Time since the last use, or since creation if never used; never negative."""
    return max(now - active_since(token), timedelta(0))


def cutoff(threshold: int, now: datetime) -> datetime:
    """What was last active before this moment is inactive."""
    return now - timedelta(days=threshold)


def is_inactive(token: Used, threshold: int, now: datetime) -> bool:
    """True when a sweep at `now` would revoke the token under `threshold` days (0 = off)."""
    return bool(threshold) and token.revoked_at is None and active_since(token) < cutoff(threshold, now)


def auto_revoked_at(token: Used, threshold: int) -> datetime | None:
    """The moment the token becomes inactive if nobody uses it; None when off or already revoked."""
    if not threshold or token.revoked_at is not None:
        return None
    try:
        return active_since(token) + timedelta(days=threshold)
    except OverflowError:
        # A server may say anything; no calendar goes further than this.
        return datetime.max.replace(tzinfo=UTC)


def risky_since(threshold: int, now: datetime, near: timedelta) -> datetime | None:
    """Unrevoked tokens that were last active at this moment or before are auto-revoked within `near`; None
    when that is off. Tells the same as `auto_revoked_at`, for all tokens at once."""
    return now + near - timedelta(days=threshold) if threshold else None


class Reason(Enum):
    """Why a token will stop working."""

    EXPIRY = "expires"
    IDLE = "idle"


@dataclass(frozen=True, slots=True)
class Deadline:
    """The earlier of expiry and auto-revocation."""

    at: datetime
    reason: Reason


def deadline(token: Used, threshold: int | None) -> Deadline | None:
    """When and why the token stops working.

    `threshold` None means that it cannot be read (an API token may not): then expiry alone counts.
    """
    if token.revoked_at is not None:
        return None
    swept = auto_revoked_at(token, threshold or 0)
    expiry = token.expires_at
    if swept is not None and (expiry is None or swept < expiry):
        return Deadline(swept, Reason.IDLE)
    return Deadline(expiry, Reason.EXPIRY) if expiry is not None else None


class Fate(Enum):
    """What a threshold means for one token that nobody uses, from the most urgent on; disjoint.

    The next sweep takes what is due now and may take what is due within the hour: nobody tells when it
    comes.
    """

    DUE = "due now"
    WITHIN_HOUR = "within the hour"
    WITHIN_WEEK = "within 7 d"
    WITHIN_MONTH = "within 30 d"
    SAFE = "safe"


def fate(token: Used, threshold: int, now: datetime) -> Fate:
    """Say into which part of the preview an unrevoked token falls."""
    swept = auto_revoked_at(token, threshold)
    if swept is None:
        return Fate.SAFE
    if swept < now:
        return Fate.DUE
    left = swept - now
    if left < SWEEP_INTERVAL:
        return Fate.WITHIN_HOUR
    if left <= timedelta(days=7):
        return Fate.WITHIN_WEEK
    return Fate.WITHIN_MONTH if left <= timedelta(days=30) else Fate.SAFE
