"""The shared servers, on the database of a test, and a person for every role and a token for every scope."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest

from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.persistence.engine import Database
from tests.integration.server.callers import Caller
from tests.support import databases
from tests.support.databases import Prepare
from tests.support.organizations import Organization, add_organization
from tests.support.server import AccountServer, SharedServers, own_address

WEB = IdentityReference(name="web")
ROLES = ("owner", "admin", "member", "contributor", "viewer")


@dataclass(slots=True)
class Cast:
    """Who is who in one organization: bearers by name, and callers made from them.

    The outsider owns another organization, the loner is in none.
    """

    organization: Organization
    elsewhere: Organization
    bearers: dict[str, str] = field(default_factory=dict, repr=False)
    callers: dict[tuple[str, str], Caller] = field(default_factory=dict, repr=False)

    @property
    def server(self) -> AccountServer:
        """The server that they are on."""
        return self.organization.server

    @property
    def home(self) -> str:
        """The name of their organization."""
        return self.organization.name

    @property
    def login(self) -> tuple[str, str]:
        """E-mail address and password of the owner."""
        return self.organization.owner.login

    def __call__(self, who: str, organization: str = "") -> Caller:
        """The caller of that name: owner, admin, viewer, member, contributor, outsider, loner, org token,
        project token, nobody."""
        key = (who, organization)
        if key not in self.callers:
            self.callers[key] = Caller(self.server, self.bearers.get(who, ""), organization)
        return self.callers[key]


def make_cast(server: AccountServer, database: Database) -> Cast:
    """A person with every role, an outsider, a person without an organization, and two API tokens."""
    organization = add_organization(server, database)
    elsewhere = add_organization(server, database, projects=())
    made = Cast(organization, elsewhere)
    made.bearers = {role: organization.member(role).bearer for role in ROLES}
    made.bearers["outsider"] = elsewhere.owner.bearer
    made.bearers["loner"] = organization.add_member(f"loner@{organization.name}.example", "").bearer
    made.bearers["org token"] = made("owner").create("cast-organization").jwt
    made.bearers["project token"] = made("owner").create("cast-project", project_reference=WEB).jwt
    return made


@pytest.fixture
def prepare_data(request: pytest.FixtureRequest, database_kind: str) -> Prepare:
    """Servers of a test's own are on its database too."""
    return databases.on_kind(request, database_kind)


@pytest.fixture
def account_server(shared_servers: SharedServers, database_kind: str) -> AccountServer:
    """The shared server on the database of the test."""
    return shared_servers.on(database_kind)


@pytest.fixture(scope="session")
def casts(shared_servers: SharedServers) -> Iterator[Callable[[str], Cast]]:
    """One cast for each database, made when it is first asked for."""
    made: dict[str, tuple[Cast, Database]] = {}

    def on(kind: str) -> Cast:
        if kind not in made:
            server = shared_servers.on(kind)
            database = Database(databases.url_of(server.data))
            made[kind] = make_cast(server, database), database
        return made[kind][0]

    yield on
    for cast, database in made.values():
        for caller in cast.callers.values():
            caller.channel.close()
        database.close()


@pytest.fixture
def people(casts: Callable[[str], Cast], database_kind: str) -> Cast:
    """The cast on the database of the test; tests add to it and never take away what is in it."""
    return casts(database_kind)


@pytest.fixture
def name() -> str:
    """A name that no token has yet."""
    return f"t-{uuid4().hex[:12]}"


@pytest.fixture
def browser(account_server: AccountServer) -> Iterator[httpx.Client]:
    """Keeps cookies, follows nothing; has an address, and so a limit of wrong passwords, of its own."""
    with client_of(account_server) as client:
        yield client


def client_of(server: AccountServer, address: str = "") -> httpx.Client:
    """A browser behind the trusted proxy; its address is its own unless one is given."""
    headers = {"X-Forwarded-For": address or own_address()}
    return httpx.Client(base_url=server.http, trust_env=False, headers=headers, timeout=60)
