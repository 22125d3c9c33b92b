"""One server for these tests, on which clients may register."""

from collections.abc import Iterator

import pytest

from tests.support import databases
from tests.support import server as servers
from tests.support.databases import Prepare
from tests.support.oauth import Person, Program, person_at, program_at
from tests.support.server import AccountServer

REGISTRATION_SECRET = "registration-secret-not-real"


prepare_data = databases.on_both


@pytest.fixture(scope="package")
def oauth_server(tmp_path_factory: pytest.TempPathFactory, prepare_data: Prepare) -> Iterator[AccountServer]:
    """A server with sample data and registration turned on."""
    folder = tmp_path_factory.mktemp("oauth-server")
    prepare_data(folder / "data")
    secret = folder / "registration-secret"
    secret.write_text(REGISTRATION_SECRET)
    server = servers.start(folder / "data", "--registration-secret-file", str(secret))
    yield server
    servers.release(server.process)


@pytest.fixture
def ada(oauth_server: AccountServer) -> Iterator[Person]:
    """The sample owner, signed in to the server's pages."""
    with person_at(oauth_server, oauth_server.owner) as person:
        yield person


@pytest.fixture
def own_ada(oauth_server: AccountServer) -> Iterator[Person]:
    """The same in a browser of its own, which may sign out."""
    with person_at(oauth_server, oauth_server.owner, own=True) as person:
        yield person


@pytest.fixture
def program(oauth_server: AccountServer) -> Iterator[Program]:
    """The public client."""
    with program_at(oauth_server) as found:
        yield found
