"""A picture is taken when the app is idle, and not when some time has passed."""

from collections.abc import Iterator

import pytest

from tests.support import idle


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """Pauses end when the app is idle."""
    with idle.exact():
        yield
