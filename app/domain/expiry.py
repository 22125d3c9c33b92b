"""How long a new token lives: the choices that are offered, and a date that a person types."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from app.domain import durations
from app.domain.errors import UsageError
from app.domain.text import clean
from app.domain.times import at_time, iso, shift


@dataclass(frozen=True, slots=True)
class Life:
    """One choice; `span` None means never. `dated` asks for a date, `latest` is as long as is allowed."""

    title: str
    span: timedelta | None
    dated: bool = False
    latest: bool = False


CHOICES = (
    Life("7 days", timedelta(days=7)),
    Life("30 days", timedelta(days=30)),
    Life("90 days", timedelta(days=90)),
    Life("1 year", timedelta(days=365)),
    Life("until a date", None, dated=True),
    Life("never", None),
)
DEFAULT = 2
LATEST = Life("as late as allowed", None, latest=True)
MARGIN = timedelta(minutes=1)
"""So much earlier than the latest end a token ends that is to live as long as is allowed: the request takes
time, and clocks differ."""
NEVER = "never"
_HINT = "write 24h, 90d, 1y, 720h or never"
LONGEST = timedelta(days=100 * 365)


def choices(now: datetime, latest: datetime | None) -> tuple[Life, ...]:
    """What is offered where a token ends by `latest`: what fits, a date, and as late as allowed."""
    if latest is None:
        return CHOICES
    return (*(life for life in CHOICES if life.dated or not is_too_long(life.span, now, latest)), LATEST)


def is_too_long(life: timedelta | None, now: datetime, latest: datetime | None) -> bool:
    """True for a life from `now` on, None for no end, that goes on after `latest`."""
    return latest is not None and (life is None or shift(now, life) > latest)


def longest(now: datetime, latest: datetime) -> timedelta:
    """How long a token may live that is created now and ends by `latest`; raise UsageError for no time."""
    if (remaining := latest - now - MARGIN) <= timedelta():
        message = f"the API token in effect ends {iso(latest)}, too soon to create another"
        raise UsageError(message, hint="use a credential that ends later")
    return remaining


def check_end(life: timedelta | None, now: datetime, latest: datetime | None) -> None:
    """Raise UsageError for a life that goes on after `latest`, the end of the API token in effect."""
    if latest is not None and is_too_long(life, now, latest):
        message = f"it would outlive the API token in effect: the latest end allowed is {iso(latest)}"
        raise UsageError(message, hint=f"choose {durations.typed(longest(now, latest))} or less")


def read_life(text: str, source: str) -> timedelta | None:
    """Return how long a token lives, as `app.domain.durations.parse` reads it; None for `never` and 0.

    No time at all means no end, as for the vendor's command, of which 0 is the default. Raise UsageError for
    what is no length of time or is over 100 years.
    """
    if text.strip().lower() in {NEVER, "0"}:
        return None
    span = durations.parse(text)
    if span is None:
        raise UsageError(f"{source} {clean(text, 80)!r} is not a length of time", hint=_HINT)
    if not span and not any(digit in text for digit in "123456789"):
        return None
    if not span:
        raise UsageError(f"{source} {clean(text, 80)!r} is too short", hint=_HINT)
    if span > LONGEST:
        raise UsageError(f"{source} {clean(text, 80)!r} is longer than 100 years", hint="write never instead")
    return span


def until_date(text: str, now: datetime, zone: tzinfo | None = None) -> timedelta:
    """Return the time from `now` to the end of the day `text`, YYYY-MM-DD, in `zone` (None: here).

    Raise UsageError when it is not a date, lies in the past, or is over 100 years away.
    """
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise UsageError("this is not a date", hint="write it as 2026-12-31") from None
    end = at_time(day, time(23, 59, 59), zone)
    if end <= now:
        raise UsageError("this day is over", hint="choose a later one")
    if end - now > LONGEST:
        raise UsageError("this is over 100 years away", hint="choose never instead")
    return end - now
