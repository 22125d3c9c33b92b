"""How long a token lives, as one types it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import UsageError
from app.domain.expiry import read_life


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", timedelta(hours=24)),
        ("90d", timedelta(days=90)),
        ("1y", timedelta(days=365)),
        ("2w", timedelta(weeks=2)),
        ("720h", timedelta(days=30)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("2160h0m0s", timedelta(days=90)),
        ("never", None),
        *((text, None) for text in ("0", "0s", "0h0m", " 0.0h ")),
        (" 24H ", timedelta(hours=24)),
    ],
)
def test_reads_days_and_go_durations(text: str, expected: timedelta | None) -> None:
    assert read_life(text, "--expiration") == expected


@pytest.mark.parametrize(
    "text", ["", "24", "h", "24x", "-24h", "24h!", "1h 30m", "tomorrow", "1ns", "00", "200y", "9" * 400 + "h"]
)
def test_refuses_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(UsageError):
        read_life(text, "--expiration")


@given(st.text(max_size=20))
def test_never_fails_in_another_way(text: str) -> None:
    try:
        found = read_life(text, "--expiration")
    except UsageError:
        return
    assert found is None or found > timedelta(0)


@given(st.integers(1, 10_000))
def test_days_are_days(days: int) -> None:
    assert read_life(f"{days}d", "--expiration") == timedelta(days=days)
