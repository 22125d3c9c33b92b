"""How long a new token lives."""

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import expiry
from app.domain.errors import UsageError

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)


def test_ninety_days_is_the_default_and_never_must_be_chosen() -> None:
    """The choice that is taken when nobody chooses ends by itself."""
    assert expiry.CHOICES[expiry.DEFAULT].span == timedelta(days=90)


def test_a_date_counts_to_the_end_of_its_day() -> None:
    """Today is still a date that one can choose."""
    assert expiry.until_date("2026-03-14", NOW, UTC) == timedelta(hours=11, minutes=59, seconds=59)


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "2026-02-30", "14.3.2026", "2026-03-13", "2126-03-15", "9999-12-31"]
)
def test_what_is_no_date_over_or_never_is_refused(text: str) -> None:
    """With the form that is understood, or the reason."""
    with pytest.raises(UsageError):
        expiry.until_date(text, NOW, UTC)
