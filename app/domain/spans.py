"""Spans of time in the few characters that a column has: "94 d", "3 h", "12 min", "94 d ago".

One unit is enough, rounded down, so that a deadline is never shown later than it is. The words are the
same in a table, on a card and in a sentence.
"""

from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_YEAR = timedelta(days=365)


def short(span: timedelta) -> str:
    """Return `span` in its largest useful unit; a negative one counts as nothing.

    Days up to 1,000 of them, because thresholds and expiries are spoken of in days; hours under two days.
    """
    if span < _MINUTE:
        return "<1 min"
    if span < _HOUR:
        return f"{span // _MINUTE} min"
    if span < 2 * _DAY:
        return f"{span // _HOUR} h"
    return f"{span // _DAY} d" if span < 1000 * _DAY else f"{span // _YEAR} y"


def ago(moment: datetime | None, now: datetime) -> str:
    """Return how long ago `moment` was: "94 d ago", "just now"; "never" for None."""
    if moment is None:
        return "never"
    span = now - moment
    return "just now" if span < _MINUTE else f"{short(span)} ago"


def until(moment: datetime | None, now: datetime) -> str:
    """Return how far away `moment` is: "6 d", or "6 d ago" when it is over; "never" for None."""
    if moment is None:
        return "never"
    return short(moment - now) if moment > now else ago(moment, now)
