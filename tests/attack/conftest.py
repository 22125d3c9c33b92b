"""The shared server, with everything switched on that it can be asked; and servers to exhaust."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app.server.persistence.engine import Database
from tests.support import databases
from tests.support.organizations import Organization, add_organization
from tests.support.server import FEDERATION_SECRET, AccountServer, ServerFactory, no_drain_limit
from tests.support.server_process import NO_CONSTANTS

SECRETS = {"/federated/verify": FEDERATION_SECRET}
TRUSTED = ("--trusted-proxy", "127.0.0.0/8", "--log-level", "debug")


@pytest.fixture(scope="session")
def target(account_server: AccountServer) -> AccountServer:
    """The shared server on SQLite, with verification of federated tokens."""
    return account_server


@pytest.fixture(scope="session")
def attacked(target: AccountServer) -> Iterator[Organization]:
    """One organization for all attacks: each leaves its people, and who they are, as they were."""
    database = Database(databases.url_of(target.data))
    yield add_organization(target, database)
    database.close()


@pytest.fixture(scope="session")
def bearer(attacked: Organization) -> str:
    """The JWT of its owner."""
    return attacked.owner.bearer


@pytest.fixture
def own_target(fresh_server: ServerFactory) -> Iterator[ServerFactory]:
    """Servers of a test's own, to exhaust; what held one up would hold up its stop for an hour."""
    started: list[AccountServer] = []

    def make(
        *flags: str,
        seed: str = "demo",
        data: Path | None = None,
        constants: Mapping[str, object] = NO_CONSTANTS,
    ) -> AccountServer:
        constants = {**no_drain_limit(), **constants}
        started.append(fresh_server(*TRUSTED, *flags, seed=seed, data=data, constants=constants))
        return started[-1]

    yield make
    for server in started:
        assert server.process.poll() in {None, 0}
        is_well(server.errors)


@pytest.fixture(autouse=True)
def still_well(target: AccountServer) -> Iterator[None]:
    """Whatever was tried: the server lives, and nothing went wrong in it that it did not expect."""
    with (target.data / "stderr").open() as log:
        log.seek(0, 2)
        yield
        assert target.process.poll() is None
        is_well(log.read())


def is_well(errors: str) -> None:
    """What a server wrote to standard error tells of no failure."""
    for word in ("failed", "Traceback", "http.trouble"):
        assert word not in errors, errors
