"""How long a token lives, as one types it."""

import re
from datetime import timedelta

from app.domain.errors import UsageError
from app.domain.expiry import LONGEST

NEVER = "never"
_UNITS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
    "d": 86400.0, "w": 7 * 86400.0, "y": 365 * 86400.0,
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d|w|y)")
_HINT = "write 24h, 90d, 1y, 720h or never"


def parse(text: str) -> timedelta | None:
    """Read `90d`, `1y`, `never`, or a Go duration such as `1h30m`; None means never.

    A year is 365 days. Raise UsageError for what is no duration, is not above zero, or is over 100 years.
    """
    wanted = text.strip().lower()
    if wanted == NEVER:
        return None
    parts = _PART.findall(wanted)
    if not parts or "".join(number + unit for number, unit in parts) != wanted:
        raise UsageError(f"--expiration {text[:80]!r} is not a length of time", hint=_HINT)
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds <= 0:
        raise UsageError(f"--expiration {text[:80]!r} is already over", hint=_HINT)
    if seconds > LONGEST.total_seconds():
        raise UsageError(f"--expiration {text[:80]!r} is longer than 100 years", hint="write never instead")
    return timedelta(seconds=seconds)
