"""The CI system of these tests, and a server whose organizations can be told to trust it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.server.clock import utc_now
from app.server.database.engine import Database
from app.server.federation.issuers import AddIssuer, Draft, ListIssuers, RemoveIssuer, Trusted
from app.server.usecases.audit import Who
from tests.support import server as servers
from tests.support.issuer import Issuer, issuer
from tests.support.server import AccountServer

__all__ = ["issuer"]

OPERATOR = Who("operator", name="test")
FEDERATION_SECRET = "federation-secret-not-real"
Trust = Callable[..., Trusted]


@pytest.fixture(scope="package")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountServer]:
    """A server that verifies for others too; each test brings an issuer of its own, so nobody's keys mix."""
    folder = tmp_path_factory.mktemp("plane")
    secret = folder / "federation"
    secret.write_text(f"{FEDERATION_SECRET}\n")
    server = servers.start(folder, "--federation-secret-file", str(secret), "--log-level", "debug")
    yield server
    servers.release(server.process)


def add_issuer(
    data: Path,
    issuer: Issuer,
    organization: str = "acme",
    project: str = "",
    audience: str = "chainloop",
    **claims: str,
) -> Trusted:
    """Trust `issuer` on the server whose data is there; without claims those of acme's projects."""
    database = Database(f"sqlite:///{data / 'loopin.db'}")
    wanted = claims or {"project_path": "acme/*"}
    try:
        return AddIssuer(database, utc_now).do(
            OPERATOR, Draft(organization, issuer.name, audience, wanted, project)
        )
    finally:
        database.close()


@pytest.fixture
def trust(plane: AccountServer, issuer: Issuer) -> Iterator[Trust]:
    """Make an organization trust the issuer, for this test: the next one may get its port."""
    added: list[Trusted] = []

    def add(
        organization: str = "acme", project: str = "", audience: str = "chainloop", **claims: str
    ) -> Trusted:
        added.append(add_issuer(plane.data, issuer, organization, project, audience, **claims))
        return added[-1]

    yield add
    database = Database(f"sqlite:///{plane.data / 'loopin.db'}")
    there = {trusted.id for trusted in ListIssuers(database).do()}
    for trusted in added:
        if trusted.id in there:
            RemoveIssuer(database, utc_now).do(OPERATOR, str(trusted.id))
    database.close()
