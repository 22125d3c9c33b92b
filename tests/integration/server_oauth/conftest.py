"""The server that the tests of a worker share, on the database of a test; a person and a client there.

The sample people are there to be read and to sign in. Whoever changes a person or a key takes one of the
test's own `organization`.
"""

from collections.abc import Iterator

import pytest

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
