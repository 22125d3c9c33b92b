"""The CI system of these tests, and an organization on the shared server that can be told to trust it."""

from collections.abc import Callable, Iterator

import pytest

from app.server.clock import utc_now
from app.server.core.audit import Actor
from app.server.core.trusted_issuers import IssuerDetails, NewIssuer, TrustedIssuers
from app.server.persistence.engine import Database
from tests.support.issuer import Issuer, issuer
from tests.support.organizations import Organization
from tests.support.server import AccountServer, SharedServers

__all__ = ["issuer"]

OPERATOR = Actor("operator", name="test")
Trust = Callable[..., IssuerDetails]


@pytest.fixture
def plane(shared_servers: SharedServers, database_kind: str) -> AccountServer:
    """The shared server; each test brings an issuer and an organization of its own, so nothing mixes."""
    return shared_servers.on(database_kind)


@pytest.fixture
def account_server(plane: AccountServer) -> AccountServer:
    """The same for what asks for a server by this name, such as `organization`."""
    return plane


def add_issuer(
    database: Database,
    issuer: Issuer,
    organization: str,
    project: str = "",
    audience: str = "chainloop",
    **claims: str,
) -> IssuerDetails:
    """Let the organization trust `issuer`; without claims the jobs of projects below acme/."""
    wanted = claims or {"project_path": "acme/*"}
    draft = NewIssuer(organization, issuer.name, audience, wanted, project)
    return TrustedIssuers(database, utc_now).add_issuer(OPERATOR, draft)


@pytest.fixture
def trust(organization: Organization, issuer: Issuer) -> Iterator[Trust]:
    """Make an organization trust the issuer, for this test: the next one may get its port.

    It is the test's own organization unless another one is named.
    """
    added: list[IssuerDetails] = []
    database = organization.database

    def add(name: str = "", project: str = "", audience: str = "chainloop", **claims: str) -> IssuerDetails:
        added.append(add_issuer(database, issuer, name or organization.name, project, audience, **claims))
        return added[-1]

    yield add
    there = {trusted.issuer.id for trusted in TrustedIssuers(database).list_issuers()}
    for trusted in added:
        if trusted.issuer.id in there:
            TrustedIssuers(database, utc_now).remove_issuer(OPERATOR, str(trusted.issuer.id))
