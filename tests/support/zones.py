"""The zone of the machine, set for one test."""

import time
from collections.abc import Iterator
from datetime import datetime

import pytest

ZONES = ("Pacific/Auckland", "America/New_York", "Pacific/Kiritimati", "Etc/GMT+12", "UTC")
"""Far east and far west of UTC among them, with and without a summer time."""


@pytest.fixture(params=ZONES)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of the zone that this process is in meanwhile."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def here(moment: datetime, pattern: str) -> str:
    """The moment as a screen shows it, in the zone that the tests run in."""
    return f"{moment.astimezone():{pattern}}"
