"""Gumloop sign-ins on the account server: its real pages, its rotating refresh tokens, its keys."""

import asyncio
from pathlib import Path

import httpx
import pytest

from app.bootstrap import Container
from app.domain.credentials import Method
from app.domain.errors import AccessDenied, SessionEnded
from app.services.login.browser import BrowserOptions
from app.settings import load
from tests.support.cli import Loopin
from tests.support.gumloop import AllowingBrowser, Desk, follow, result_of, told
from tests.support.gumloop_stub import Gumloop
from tests.support.login_steps import browser_steps, gumloop_key_steps
from tests.support.oauth import person_at
from tests.support.server import AccountServer, ServerFactory
from tests.support.vendor import Vendor

pytestmark = pytest.mark.slow

ANY_PORT = BrowserOptions(0)
PROCESSES = 20


class ConsentBrowser(AllowingBrowser):
    """Signs the sample owner in on the server's pages and presses a button on the consent page."""

    def __init__(self, server: AccountServer, decision: str = "allow") -> None:
        super().__init__()
        self._server = server
        self._decision = decision

    async def decide(self, url: str) -> str:
        return await asyncio.to_thread(self._decide, dict(httpx.URL(url).params))

    def _decide(self, params: dict[str, str]) -> str:
        with person_at(self._server, self._server.owner) as person:
            return person.decide(params, self._decision).headers["location"]


def base_url(server: AccountServer) -> str:
    """The Gumloop API of the server."""
    return f"{server.http}/api/v1"


@pytest.fixture
def office(tmp_path: Path, account_server: AccountServer) -> Desk:
    """A person beside the account server."""
    return Desk(tmp_path, Gumloop(base_url=base_url(account_server)), browser=ConsentBrowser(account_server))


async def test_signing_in_with_consent_tells_who_where_and_until_when(
    office: Desk, account_server: AccountServer
) -> None:
    async with office.loopin() as loopin:
        result = result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT)))
        status = await loopin.gumloop_status.read_status()
        teams = await loopin.teams.list_teams()
    assert (result.method, result.identity) == (Method.OAUTH, account_server.owner[0])
    assert result.organization == "acme"
    assert result.expires_at is not None
    assert status.error is None
    assert {team.name for team in teams.teams} == {"growth", "support"}
    assert "You are signed in" in office.browser.pages[-1]


async def test_denying_on_the_consent_page_is_told(office: Desk, account_server: AccountServer) -> None:
    office.browser = ConsentBrowser(account_server, "deny")
    async with office.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert isinstance(steps[-1].error, AccessDenied)
    assert "access was denied" in told(steps)
    assert "You are not signed in" in office.browser.pages[-1]


async def test_the_sample_key_signs_in_and_a_wrong_one_does_not(
    office: Desk, account_server: AccountServer
) -> None:
    sample = account_server.seed["gumloop"]
    async with office.loopin() as loopin:
        steps = await follow(gumloop_key_steps(loopin, "gum_wrong_not_real", sample["user_id"]))
        assert "does not accept this API key" in told(steps)
        result = result_of(await follow(gumloop_key_steps(loopin, sample["api_key"], sample["user_id"])))
    assert (result.method, result.organization) == (Method.API_KEY, "acme")


async def test_signing_out_ends_the_session_at_the_server(office: Desk) -> None:
    async with office.loopin() as loopin:
        result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT)))
        token = office.vault.entries()["access_token"]
        done = await loopin.gumloop_sign_out.sign_out()
    assert (done.forgotten, done.ended_at_server, done.warning) == (True, True, "")
    async with office.loopin(GUMLOOP_ACCESS_TOKEN=token) as loopin:
        with pytest.raises(SessionEnded):
            await loopin.gumloop_session.call(lambda api: api.verify())


async def _sign_in(command: Loopin, server: AccountServer) -> None:
    settings, browser = load(command.variables()), ConsentBrowser(server)
    container = Container(settings, browser=browser)
    try:
        result_of(await follow(browser_steps(container.gumloop_browser_sign_in(), ANY_PORT)))
    finally:
        await container.aclose()
        await browser.closed()


def _end_access_tokens(server: AccountServer) -> None:
    with server.database() as database:
        database.execute("UPDATE oauth_tokens SET expires_at = '2020-01-01 00:00:00' WHERE kind = 'access'")


@pytest.mark.usefixtures("secret_service")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_twenty_processes_on_one_ended_session_renew_it_once(
    fresh_server: ServerFactory, tmp_path: Path
) -> None:
    server = fresh_server()
    command = Loopin(tmp_path, {"GUMLOOP_BASE_URL": base_url(server)})
    await _sign_in(command, server)
    _end_access_tokens(server)
    for racer in await asyncio.to_thread(command.race, PROCESSES, "gumloop", "teams"):
        racer.works()
    with server.database() as database:
        # A whole date: SQLite would take a year alone for a number, and every date is more than that.
        since = "SELECT kind, count(*) FROM oauth_tokens WHERE expires_at > '2021-01-01' GROUP BY kind"
        kinds = dict(database.execute(since).fetchall())
    # Each call of the token endpoint would add a living access token.
    assert kinds == {"access": 1, "refresh": 2}


@pytest.mark.usefixtures("secret_service")
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
async def test_the_vendors_command_works_with_a_login_made_by_loopin(
    account_server: AccountServer, tmp_path: Path, vendor: Vendor
) -> None:
    command = Loopin(tmp_path, {"GUMLOOP_BASE_URL": base_url(account_server)})
    await _sign_in(command, account_server)
    await asyncio.to_thread(lambda: vendor("models", "list").works())
    await asyncio.to_thread(lambda: command("gumloop", "logout").works())
    assert (await asyncio.to_thread(vendor, "models", "list")).code != 0
