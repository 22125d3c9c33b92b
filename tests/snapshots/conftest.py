"""Pictures are taken when the app is idle, and not when some time has passed."""

from collections.abc import Iterator

import pytest

from tests.support import pictures


@pytest.fixture(autouse=True)
def reproducible() -> Iterator[None]:
    """The same on every machine."""
    with pictures.reproducible():
        yield
