"""The two organizations, once for all these tests."""

from collections.abc import Iterator, Mapping

import pytest

from tests.support.issuer import running_issuer
from tests.support.server import AccountServer
from tests.tenants.tenants import NAMES, Tenant, tenants


@pytest.fixture(scope="session")
def plane(account_server: AccountServer) -> AccountServer:
    """Their server, which others share."""
    return account_server


@pytest.fixture(scope="session")
def both(plane: AccountServer) -> Iterator[Mapping[str, Tenant]]:
    """North and south, once for each worker."""
    with running_issuer() as issuer, tenants(plane, issuer) as made:
        yield made


@pytest.fixture(params=NAMES)
def side(request: pytest.FixtureRequest) -> str:
    """Whose credentials are used."""
    name: str = request.param
    return name


@pytest.fixture
def ours(both: Mapping[str, Tenant], side: str) -> Tenant:
    """The organization of the caller."""
    return both[side]


@pytest.fixture
def theirs(both: Mapping[str, Tenant], side: str) -> Tenant:
    """The other one."""
    return next(tenant for name, tenant in both.items() if name != side)
