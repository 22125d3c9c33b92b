"""The inactivity rule."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import UsageError
from app.domain.inactivity import (
    Fate,
    Reason,
    active_since,
    auto_revoked_at,
    check_threshold,
    cutoff,
    deadline,
    fate,
    idle,
    is_inactive,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Token:
    created_at: datetime
    last_used_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


moments = st.timedeltas(-2000 * DAY, 2000 * DAY).map(lambda distance: NOW + distance)
tokens = st.builds(Token, moments, st.none() | moments, st.none() | moments, st.none() | moments)
living = st.builds(Token, moments, st.none() | moments, st.none() | moments)
thresholds = st.integers(min_value=0, max_value=365)


@given(living, thresholds, moments)
def test_every_token_has_exactly_one_fate(token: Token, threshold: int, now: datetime) -> None:
    end = auto_revoked_at(token, threshold)
    claims = {
        Fate.DUE: end is not None and end < now,
        Fate.WITHIN_HOUR: end is not None and now <= end < now + HOUR,
        Fate.WITHIN_WEEK: end is not None and now + HOUR <= end <= now + 7 * DAY,
        Fate.WITHIN_MONTH: end is not None and now + 7 * DAY < end <= now + 30 * DAY,
        Fate.SAFE: end is None or end > now + 30 * DAY,
    }
    assert [which for which, holds in claims.items() if holds] == [fate(token, threshold, now)]


@given(tokens, thresholds, moments)
def test_inactive_means_that_the_moment_of_auto_revocation_has_passed(
    token: Token, threshold: int, now: datetime
) -> None:
    end = auto_revoked_at(token, threshold)
    assert is_inactive(token, threshold, now) == (end is not None and end < now)
    assert is_inactive(token, threshold, now) == (fate(token, threshold, now) is Fate.DUE)


@given(tokens, thresholds)
def test_the_deadline_is_the_earlier_of_expiry_and_auto_revocation(token: Token, threshold: int) -> None:
    found = deadline(token, threshold)
    if token.revoked_at is not None:
        assert found is None
        return
    ends = [end for end in (token.expires_at, auto_revoked_at(token, threshold)) if end is not None]
    assert (found.at if found else None) == (min(ends) if ends else None)
    if found is not None and found.reason is Reason.EXPIRY:
        assert found.at == token.expires_at


@given(living)
def test_without_a_readable_threshold_only_expiry_counts(token: Token) -> None:
    found = deadline(token, None)
    assert (found.at if found else None) == token.expires_at


@given(living, moments, st.integers(1, 364), st.integers(1, 364))
def test_a_lower_threshold_never_spares_a_token(token: Token, now: datetime, one: int, other: int) -> None:
    low, high = sorted((one, other))
    if is_inactive(token, high, now):
        assert is_inactive(token, low, now)


@given(tokens, moments)
def test_off_revokes_nothing(token: Token, now: datetime) -> None:
    assert not is_inactive(token, 0, now)
    assert fate(token, 0, now) is Fate.SAFE


@given(tokens, moments)
def test_idle_time_is_never_negative(token: Token, now: datetime) -> None:
    assert idle(token, now) >= timedelta(0)
    assert active_since(token) == (token.last_used_at or token.created_at)


@pytest.mark.parametrize(
    ("used", "inactive"),
    [(90 * DAY, False), (90 * DAY + timedelta(microseconds=1), True), (89 * DAY, False), (-DAY, False)],
)
def test_exactly_at_the_threshold_is_still_active(used: timedelta, inactive: bool) -> None:
    assert is_inactive(Token(NOW - 400 * DAY, NOW - used), 90, NOW) is inactive
    assert is_inactive(Token(NOW - used), 90, NOW) is inactive


def test_one_that_was_never_used_counts_from_its_creation() -> None:
    assert is_inactive(Token(NOW - 100 * DAY), 90, NOW)
    assert not is_inactive(Token(NOW - 100 * DAY, NOW - DAY), 90, NOW)


def test_an_expired_token_is_swept_too_and_a_revoked_one_is_not() -> None:
    expired = Token(NOW - 100 * DAY, None, NOW - 50 * DAY)
    assert is_inactive(expired, 90, NOW)
    assert not is_inactive(Token(NOW - 100 * DAY, None, None, NOW - DAY), 90, NOW)


def test_the_cutoff_is_whole_days_of_24_hours() -> None:
    assert NOW - cutoff(90, NOW) == timedelta(hours=90 * 24)


@given(st.integers())
def test_thresholds_are_0_to_365(days: int) -> None:
    if 0 <= days <= 365:
        assert check_threshold(days) == days
    else:
        with pytest.raises(UsageError, match="not a valid threshold"):
            check_threshold(days)
