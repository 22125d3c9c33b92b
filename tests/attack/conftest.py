"""One server for the attacks, with everything switched on that it can be asked."""

from collections.abc import Iterator

import pytest

from tests.support import server as servers
from tests.support.server import AccountServer, sign_in

SECRET = "attack-secret-not-real-0000"


@pytest.fixture(scope="package")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountServer]:
    """A server with sample data, registration and verification of federated tokens."""
    folder = tmp_path_factory.mktemp("target")
    secret = folder / "secret"
    secret.write_text(SECRET)
    server = servers.start(
        folder / "data",
        *("--registration-secret-file", str(secret), "--federation-secret-file", str(secret)),
        *("--trusted-proxy", "127.0.0.0/8", "--log-level", "info"),
    )
    yield server
    servers.release(server.process)


@pytest.fixture(scope="package")
def bearer(target: AccountServer) -> str:
    """The JWT of the sample owner."""
    return sign_in(target, *target.owner)


@pytest.fixture(autouse=True)
def still_well(target: AccountServer) -> Iterator[None]:
    """Whatever was tried: the server lives, and nothing went wrong in it that it did not expect."""
    before = len(target.errors)
    yield
    assert target.process.poll() is None
    fresh = target.errors[before:]
    assert "failed" not in fresh, fresh
    assert "Traceback" not in fresh, fresh
    assert "http.trouble" not in fresh, fresh
