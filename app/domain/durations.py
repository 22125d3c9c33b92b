"""Spans of time, as one types them and in the few characters that a column has.

Typed: "90d", "6w", "1y", or a Go duration such as "1h30m". Shown: "94 d", "3 h", "12 min", "94 d ago". One
unit is enough, rounded down, so that a deadline is never shown later than it is. The words are the
same in a table, on a card and in a sentence.
"""

import re
from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_YEAR = timedelta(days=365)


_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
    "d": 86400.0, "w": 7 * 86400.0, "y": 365 * 86400.0,
}  # fmt: skip
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h|d|w|y)")


def parse(text: str) -> timedelta | None:
    """Return the span that `text` names, at most `timedelta.max`; None for any other text.

    A year is 365 days, `m` are minutes. Case does not count.
    """
    lowered = text.strip().lower()
    parts = _PART.findall(lowered)
    if not parts or "".join(number + unit for number, unit in parts) != lowered:
        return None
    try:
        return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))
    except OverflowError:
        return timedelta.max


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


def typed(span: timedelta) -> str:
    """Return `span` as one types it, in its largest whole unit up to days, rounded down."""
    for unit, letter in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if span >= unit:
            return f"{span // unit}{letter}"
    return f"{span // timedelta(seconds=1)}s"


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
