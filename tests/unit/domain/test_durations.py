"""Spans of time in a few characters."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import durations

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=-5), "<1 min"),
        (timedelta(seconds=59), "<1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2), "2 d"),
        (timedelta(days=999), "999 d"),
        (timedelta(days=1100), "3 y"),
    ],
)
def test_one_unit_rounded_down(span: timedelta, said: str) -> None:
    """A deadline is never shown later than it is."""
    assert durations.short(span) == said


def test_ago_and_until_speak_of_both_directions() -> None:
    """What is over says so, and what never was says never."""
    day = timedelta(days=94)
    assert durations.ago(NOW - day, NOW) == "94 d ago"
    assert durations.ago(NOW, NOW) == "just now"
    assert durations.ago(None, NOW) == "never"
    assert durations.until(NOW + day, NOW) == "94 d"
    assert durations.until(NOW - day, NOW) == "94 d ago"
    assert durations.until(None, NOW) == "never"
