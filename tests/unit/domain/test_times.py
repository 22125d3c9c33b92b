"""Moments at the edge of the calendar, in zones on both sides of UTC."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import times

ZERO = datetime(1, 1, 1, tzinfo=UTC)
"""What Go's `time.Time{}` is on the wire."""
LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)
EDGES = (ZERO, LAST_DAY, times.EARLIEST, times.LATEST, ZERO + timedelta(hours=11))


@pytest.mark.parametrize("moment", EDGES)
def test_the_edge_of_the_calendar_can_be_shown_everywhere(zone: str, moment: datetime) -> None:
    """At most a day from what it is."""
    here = times.local(moment)
    assert here.tzinfo is not None
    assert abs(here.replace(tzinfo=None) - moment.replace(tzinfo=None)) <= timedelta(days=1)
    assert f"{here:%Y-%m-%d %H:%M:%S %Z}"


def test_any_other_moment_is_converted_as_ever(zone: str) -> None:
    """With the offset of that day."""
    for month in (1, 7):
        moment = datetime(2026, month, 15, 12, tzinfo=UTC)
        assert times.local(moment) == moment
        assert times.local(moment).utcoffset() == moment.astimezone(ZoneInfo(zone)).utcoffset()


@pytest.mark.parametrize("hours", [-12, 14])
@pytest.mark.parametrize("edge", [times.EARLIEST, times.LATEST])
def test_a_moment_of_another_zone_is_clamped_to_utc(edge: datetime, hours: int) -> None:
    """An RFC 3339 text may name an offset that leads out of the calendar."""
    there = edge.replace(tzinfo=timezone(timedelta(hours=hours)))
    assert times.utc(there).utcoffset() == timedelta(0)
    assert len(times.iso(there)) == len("0001-01-01T00:00:00Z")


def test_a_year_has_four_digits() -> None:
    """RFC 3339 section 5.6."""
    assert times.iso(ZERO) == "0001-01-01T00:00:00Z"
    assert times.iso(None) == ""


@given(st.datetimes(timezones=st.just(UTC)), st.timedeltas(timedelta(days=-999_999_999), timedelta.max))
def test_a_moment_is_shifted_or_stays_at_the_edge(moment: datetime, span: timedelta) -> None:
    """In the direction that was asked for."""
    moved = times.shift(moment, span)
    assert (moved >= moment) if span >= timedelta() else (moved <= moment)
    if moved not in {times.EARLIEST, times.LATEST}:
        assert moved - moment == span


@pytest.mark.parametrize(
    ("zone", "day", "offset"),
    [
        ("Pacific/Auckland", date(2026, 7, 1), 12),
        ("Pacific/Auckland", date(2026, 1, 1), 13),
        ("America/New_York", date(2026, 7, 1), -4),
        ("America/New_York", date(2026, 1, 1), -5),
    ],
    indirect=["zone"],
)
def test_a_day_has_the_offset_that_it_has_then(zone: str, day: date, offset: int) -> None:
    """Not the offset of today."""
    expected = datetime.combine(day, time(23, 59, 59), tzinfo=UTC) - timedelta(hours=offset)
    assert times.at_time(day, time(23, 59, 59)) == expected


@pytest.mark.parametrize("day", [date.min, date.max])
def test_any_day_can_be_typed(zone: str, day: date) -> None:
    """Even the last one of the calendar."""
    for at in (time(), time(23, 59, 59)):
        assert times.EARLIEST <= times.at_time(day, at) <= times.LATEST
