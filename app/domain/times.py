"""Times from a person or a server, clamped to what a calendar can hold.

Go's zero time (0001-01-01) and 9999-12-31 are ordinary values on the wire. In a zone west, or east, of UTC
they lie outside `datetime`; what would leave the calendar stays at its edge instead.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def shift(moment: datetime, span: timedelta) -> datetime:
    """Return the aware `moment` moved by `span`, or the edge of the calendar in UTC."""
    try:
        moved = moment + span
        # The sum may be in the calendar in its own zone and not in UTC.
        moved.astimezone(UTC)
    except OverflowError:
        return LATEST if span > timedelta() else EARLIEST
    return moved


def in_zone(moment: datetime, zone: tzinfo | None) -> datetime:
    """Return the aware `moment` in `zone` (None: the machine's own), or the edge of the calendar there."""
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError, OSError):
        late = moment > _LAST
        return (LATEST if late else EARLIEST).replace(
            tzinfo=(_LAST if late else _FIRST).astimezone(zone).tzinfo
        )


def local(moment: datetime) -> datetime:
    """Return the aware `moment` in the machine's own zone, or the edge of the calendar there."""
    return in_zone(moment, None)


def utc(moment: datetime) -> datetime:
    """Return the aware `moment` in UTC, or the edge of the calendar there."""
    # Most are, and a long list has many.
    return moment if moment.tzinfo is UTC else in_zone(moment, UTC)


def iso(moment: datetime | None) -> str:
    """Return the aware `moment` in UTC with whole seconds (RFC 3339); "" for None."""
    return utc(moment).isoformat(timespec="seconds").removesuffix("+00:00") + "Z" if moment else ""


def iso_exact(moment: datetime | None) -> str:
    """The same with the fraction of the second as it is, without trailing zeros; none for a whole second."""
    if moment is None:
        return ""
    text = utc(moment).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}Z"


def at_time(day: date, at: time, zone: tzinfo | None = None) -> datetime:
    """Return the moment of `day` and `at` in `zone` (None: the machine's own on that day), in UTC."""
    naive = datetime.combine(day, at)
    try:
        return (naive.astimezone() if zone is None else naive.replace(tzinfo=zone)).astimezone(UTC)
    except (OverflowError, ValueError, OSError):
        return LATEST if day.year > 1 else EARLIEST


# No offset reaches the edge of the calendar from these.
_FIRST, _LAST = datetime(1, 1, 3, tzinfo=UTC), datetime(9999, 12, 29, tzinfo=UTC)
