"""A provider over real HTTP."""

from collections.abc import Iterator

import pytest

from tests.support.provider import Provider, running_provider


@pytest.fixture
def provider() -> Iterator[Provider]:
    """One of the test's own."""
    with running_provider() as made:
        yield made
