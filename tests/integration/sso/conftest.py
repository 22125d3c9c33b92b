"""One account server with an identity provider for this folder."""

from collections.abc import Iterator

import pytest

from tests.support import server as servers
from tests.support.provider import Provider, new_person, running_provider
from tests.support.server import AccountServer
from tests.support.sso import Browser, browser_at, flags

DOMAINS = ("--oidc-allowed-domain", "acme.example", "--oidc-allowed-domain", "@Partner.example")


@pytest.fixture(scope="package")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AccountServer, Provider]]:
    """Both ends, for the whole folder."""
    folder = tmp_path_factory.mktemp("team")
    with running_provider() as provider:
        server = servers.start(
            folder / "data", *flags(provider, folder, *DOMAINS, "--oidc-join", "acme:viewer")
        )
        yield server, provider
        servers.release(server.process)


@pytest.fixture
def server(team: tuple[AccountServer, Provider]) -> AccountServer:
    """The account server."""
    return team[0]


@pytest.fixture
def provider(team: tuple[AccountServer, Provider]) -> Iterator[Provider]:
    """The provider, with somebody new in front of it, and well-behaved again afterwards."""
    provider = team[1]
    fresh = Provider(provider.url, person=new_person())
    provider.person = fresh.person
    provider.requests.clear()
    yield provider
    for name in ("key", "header", "document", "token_claims", "token_answer", "callback_extra"):
        setattr(provider, name, getattr(fresh, name))
    provider.in_userinfo, provider.userinfo, provider.answers = (), {}, {}
    provider.held = set()
    provider.hold.clear()


@pytest.fixture
def browser(server: AccountServer) -> Iterator[Browser]:
    """A fresh browser at the account server."""
    with browser_at(server.http) as made:
        yield made
