"""Account servers with an identity provider: one for each database, shared by the tests of a worker."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support import databases
from tests.support import server as servers
from tests.support.provider import Provider, new_person, running_provider
from tests.support.server import AccountServer
from tests.support.server_process import ServerProcess
from tests.support.sso import Browser, browser_at, flags

_DOMAINS = ("--oidc-allowed-domain", "acme.example", "--oidc-allowed-domain", "@Partner.example")

# The provider says something else in every test.
_FORGETFUL = {"app.oidc.discovery.LIFE": 0.0, "app.oidc.discovery.REST": 0.0}


class Team:
    """A provider, and the servers behind it that were asked for."""

    def __init__(self, provider: Provider, folder: Path, postgres_folder: Callable[[], Path]) -> None:
        self.provider = provider
        self._folder, self._postgres_folder = folder, postgres_folder
        self.started: dict[str, AccountServer] = {}

    def on(self, database_kind: str) -> AccountServer:
        """The server on "sqlite" or "postgresql"."""
        if database_kind not in self.started:
            data = self._folder / database_kind
            if database_kind == "postgresql":
                databases.on_postgres(self._postgres_folder(), data)
            rules = flags(self.provider, self._folder, *_DOMAINS, "--oidc-join", "acme:viewer")
            launch = partial(ServerProcess, constants=_FORGETFUL)
            self.started[database_kind] = servers.start(data, *rules, launch=launch)
        return self.started[database_kind]


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Team]:
    """Both ends."""
    folder = tmp_path_factory.mktemp("team")
    with running_provider() as provider:
        made = Team(provider, folder, lambda: request.getfixturevalue("postgres_folder"))
        yield made
        for server in made.started.values():
            servers.release(server.process)


@pytest.fixture
def server(team: Team, database_kind: str) -> AccountServer:
    """The account server on SQLite, or on both databases for a test that is marked with `ON_BOTH`."""
    return team.on(database_kind)


@pytest.fixture
def provider(team: Team) -> Iterator[Provider]:
    """The provider, with somebody new in front of it, and well-behaved again afterwards."""
    provider = team.provider
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
