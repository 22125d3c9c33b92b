"""A server with a person for every role, and a token for every scope."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from tests.integration.server.callers import Caller
from tests.support import databases
from tests.support import server as servers
from tests.support.databases import Prepare
from tests.support.server import AccountServer, sign_in

EXTRA = {"admin": "admin", "member": "member", "contributor": "contributor", "loner": ""}
STAMP = "2026-01-01 00:00:00.000000"


@dataclass(slots=True)
class Cast:
    """Who is who on one server: bearers by name, and callers made from them."""

    server: AccountServer
    bearers: dict[str, str] = field(default_factory=dict, repr=False)
    callers: dict[tuple[str, str], Caller] = field(default_factory=dict, repr=False)

    def __call__(self, who: str, organization: str = "") -> Caller:
        """The caller of that name: owner, admin, viewer, member, contributor, outsider, loner, org token,
        project token, nobody."""
        key = (who, organization)
        if key not in self.callers:
            self.callers[key] = Caller(self.server, self.bearers.get(who, ""), organization)
        return self.callers[key]


def add_person(server: AccountServer, email: str, role: str) -> None:
    """Add a person with the sample password, in acme unless `role` is empty."""
    connection = server.database()
    user = uuid4().hex
    connection.execute(
        "INSERT INTO users SELECT ?, ?, '', '', password_hash, false, created_at, updated_at, NULL"
        " FROM users WHERE email = ?",
        (user, email, server.owner[0]),
    )
    if role:
        connection.execute(
            "INSERT INTO memberships SELECT ?, ?, id, ?, true, ?, ? FROM organizations WHERE name = 'acme'",
            (uuid4().hex, user, role, STAMP, STAMP),
        )
    connection.close()


prepare_data = databases.on_both


@pytest.fixture(scope="package")
def people(tmp_path_factory: pytest.TempPathFactory, prepare_data: Prepare) -> Iterator[Cast]:
    """The cast, on a server of this folder's own; tests add to it and never take away what is in it."""
    folder = tmp_path_factory.mktemp("cast")
    prepare_data(folder)
    server = servers.start(folder)
    made = Cast(server)
    logins = {"owner": server.owner, "viewer": server.viewer, "outsider": server.outsider}
    for name, role in EXTRA.items():
        logins[name] = (f"{name}@acme.example", server.owner[1])
        add_person(server, logins[name][0], role)
    for name, (email, password) in logins.items():
        made.bearers[name] = sign_in(server, email, password)
    web = IdentityReference(name="web")
    made.bearers["org token"] = made("owner").create("cast-organization").jwt
    made.bearers["project token"] = made("owner").create("cast-project", project_reference=web).jwt
    yield made
    for caller in made.callers.values():
        caller.channel.close()
    servers.release(server.process)


@pytest.fixture
def name() -> str:
    """A name that no token has yet."""
    return f"t-{uuid4().hex[:12]}"
