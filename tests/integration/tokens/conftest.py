"""An owner at the real server, through a proxy that can refuse and hold single calls."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.support.between import Between, between
from tests.support.cli import Loopin, signed_in
from tests.support.server import AccountServer


@pytest.fixture
def proxy(account_server: AccountServer) -> Iterator[Between]:
    """The way to the sample server."""
    with between(account_server.grpc) as made:
        yield made


@pytest.fixture
def owner(loopin: Loopin, account_server: AccountServer, proxy: Between) -> Loopin:
    """The command as the sample owner, through the proxy."""
    signed_in(loopin, account_server, account_server.owner)
    loopin.environment["CHAINLOOP_CONTROL_PLANE_API"] = proxy.address
    return loopin


@pytest.fixture
def stem() -> str:
    """How names begin that nobody else uses."""
    return f"t-{uuid4().hex[:10]}"
