"""The server that the tests of a worker share, on the database of a test; a person and a client there.

The sample people are there to be read and to sign in. Whoever changes a person or a key takes one of the
test's own `organization`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.server import sample_data
from app.server.clock import Clock
from app.server.core.services import Services, build_services
from app.server.settings import ServerSettings
from tests.support import databases
from tests.support.databases import Prepare
from tests.support.oauth import Person, Program, person_at, program_at
from tests.support.server import AccountServer, SharedServers


@pytest.fixture
def account_server(shared_servers: SharedServers, database_kind: str) -> AccountServer:
    """The shared server on SQLite, or on both databases for a test that is marked with `ON_BOTH`."""
    return shared_servers.on(database_kind)


@pytest.fixture
def prepare_data(request: pytest.FixtureRequest, database_kind: str) -> Prepare:
    """A server of a test's own is on the same database."""
    return databases.on_kind(request, database_kind)


@pytest.fixture
def ada(account_server: AccountServer) -> Iterator[Person]:
    """The sample owner, signed in to the server's pages."""
    with person_at(account_server, account_server.owner) as person:
        yield person


@pytest.fixture
def own_ada(account_server: AccountServer) -> Iterator[Person]:
    """The same in a browser of its own, which may sign out."""
    with person_at(account_server, account_server.owner, own=True) as person:
        yield person


@pytest.fixture
def program(account_server: AccountServer) -> Iterator[Program]:
    """The public client."""
    with program_at(account_server) as found:
        yield found


@pytest.fixture
def clock() -> Clock | None:
    """None for the time of the machine and the database; tests override it."""
    return None


@pytest.fixture
def database_url(request: pytest.FixtureRequest, database_kind: str) -> str:
    """The database of a server in this process; empty for SQLite in its folder."""
    url: str = request.getfixturevalue("postgres_url") if database_kind == "postgresql" else ""
    return url


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> ServerSettings:
    """Those of a server in this process; tests override it."""
    return ServerSettings(data=tmp_path, database_url=database_url)


@pytest.fixture
def services(settings: ServerSettings, clock: Clock | None) -> Iterator[Services]:
    """The parts of a server in this process, with the sample data."""
    built = build_services(settings, clock)
    sample_data.seed(built)
    yield built
    built.database.close()
