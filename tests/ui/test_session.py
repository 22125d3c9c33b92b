"""A session that ends: told before and after, and mended without losing the screen."""

from datetime import timedelta

import grpc
import httpx

from app.adapters.chainloop import errors as chainloop_errors
from app.adapters.gumloop import errors as gumloop_errors
from app.domain.credentials import Endpoint, Method, Provider
from app.domain.errors import APITokenGone, SessionEnded
from app.domain.gumloop import GumloopLogin
from app.services.stored_logins import GumloopVault
from app.tui.app import LoopinApp
from app.tui.screens.login.screen import LoginScreen
from app.tui.screens.tokens.screen import TokensScreen
from app.tui.screens.workers import WorkerFailed
from tests.support import app as fakes
from tests.support.fake_gumloop import ACCESS
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.login import CHAINLOOP_BROWSER, GUMLOOP_OAUTH, LoginPage
from tests.support.pages.page import Page, opened
from tests.support.pages.tokens import TokensPage


def ended(provider: Provider) -> SessionEnded:
    return SessionEnded("the session has ended", hint="sign in again", provider=provider)


HOURS = timedelta(hours=22, minutes=50).total_seconds()


async def test_a_quarter_of_an_hour_before_the_end_is_told_once() -> None:
    box = fakes.container()
    box.fake_clock.advance(HOURS)
    async with opened(AccountsPage, fakes.app(box)) as page:
        assert page.notes() == []
        box.fake_clock.advance(8 * 60)
        await page.refresh()
        await page.until(lambda: len(page.notes()) == 1)
        assert "session ends in 14 minutes. Press ctrl+l to sign in again" in page.notes()[0]
        await page.refresh()
        await page.until(lambda: not any(worker.is_running for worker in page.app.workers))
        assert len(page.notes()) == 1


async def test_a_variable_that_is_rejected_is_not_mended_by_signing_in() -> None:
    """The stored login would not be used: what is named is the variable, and no key is offered."""
    box = fakes.container(environment=fakes.CI_TOKEN)
    gone = APITokenGone(
        "CHAINLOOP_TOKEN was revoked",
        hint="set CHAINLOOP_TOKEN to another one, or unset it",
        provider=Provider.CHAINLOOP,
        stored=False,
    )
    box.plane.fail["current"] = gone
    async with opened(AccountsPage, fakes.app(box)) as page:
        card = await page.told("refused by the server")
        assert card.note == ("CHAINLOOP_TOKEN was revoked. Set CHAINLOOP_TOKEN to another one, or unset it")
        assert dict(card.rows).get("token", "") == "", "no time is left of a token that is not accepted"
        await page.until(page.notes)
        assert not any("ctrl+l" in note for note in page.notes())


async def test_sentences_name_the_key_as_the_person_has_mapped_it() -> None:
    box = fakes.container(keys={"app.sign_in": "f5"})
    box.plane.fail["current"] = SessionEnded(
        "the session has expired",
        hint="sign in again: loopin chainloop auth login",
        provider=Provider.CHAINLOOP,
    )
    box.plane.fail["list_tokens"] = box.plane.fail["current"]
    async with opened(Page, fakes.app(box, screen="tokens")) as page:
        await page.reads("press f5 to sign in again")
        await page.press("1")
        await page.reads("Press f5 to sign in again")
        assert "ctrl+l" not in page.text()


async def test_under_an_api_token_nothing_is_told_of_a_session() -> None:
    async with opened(Page, fakes.app(fakes.container(environment=fakes.CI_TOKEN))) as page:
        assert page.notes() == []


async def test_signing_in_again_comes_back_to_the_screen_as_it_was() -> None:
    box = fakes.container()
    async with opened(TokensPage, fakes.app(box, screen="tokens")) as page:
        await page.until(lambda: box.plane.calls.count("list_tokens") > 0)
        await page.filter("ci-")
        await page.to_list()
        here = page.screen
        assert isinstance(here, TokensScreen)
        box.plane.fail["list_tokens"] = ended(Provider.CHAINLOOP)
        await page.refresh()
        await page.until(lambda: any("has ended. Press ctrl+l" in note for note in page.notes()))
        del box.plane.fail["list_tokens"]
        before = box.plane.calls.count("list_tokens")
        login = LoginPage(page.pilot)
        await login.open("ctrl+l")
        await page.press("enter")
        await login.waits()
        await login.comes_back()
        await page.press("enter")
        await page.until(lambda: page.screen is here)
        await page.until(lambda: box.plane.calls.count("list_tokens") > before)
        assert page.filtered() == "ci-"


def at_both() -> fakes.FakeContainer:
    """Ada at Chainloop, and an access token of Gumloop's."""
    box = fakes.container()
    login = GumloopLogin(Method.ACCESS_TOKEN, ACCESS, box.settings.gumloop.default)
    fakes.finish(GumloopVault(box.fake_vault, login.endpoint).write("default", login))
    return box


async def test_a_session_of_gumloop_is_told_as_gumloops_and_signed_in_there() -> None:
    box = at_both()
    async with opened(AccountsPage, fakes.app(box)) as page:
        box.gumloop.fail["teams"] = ended(Provider.GUMLOOP)
        await page.teams()
        await page.until(lambda: any("The Gumloop session has ended" in note for note in page.notes()))
        assert not any("Chainloop" in note for note in page.notes())
        login = LoginPage(page.pilot)
        await login.open("ctrl+l")
        assert GUMLOOP_OAUTH in login.highlighted()


async def test_of_two_sessions_that_ended_the_one_told_last_is_signed_in_first() -> None:
    box = at_both()
    async with opened(TokensPage, fakes.app(box, screen="tokens")) as page:
        await page.until(lambda: box.plane.calls.count("list_tokens") > 0)
        app = page.app
        assert isinstance(app, LoopinApp)
        for provider, way in ((Provider.GUMLOOP, GUMLOOP_OAUTH), (Provider.CHAINLOOP, CHAINLOOP_BROWSER)):
            app.post_message(WorkerFailed(ended(provider), "test"))
            await page.until(lambda: any(f"The {provider.title} session" in note for note in page.notes()))  # noqa: B023
            login = LoginPage(page.pilot)
            await login.open("ctrl+l")
            assert way in login.highlighted()
            await page.press("escape")
            await page.until(lambda: isinstance(page.screen, TokensScreen))


def test_what_an_adapter_raises_says_whose_session_ended() -> None:
    answer = httpx.Response(401, request=httpx.Request("GET", "https://gumloop.example/api/v1/models"))
    gumloop = gumloop_errors.translate_error(answer)
    assert isinstance(gumloop, SessionEnded)
    assert gumloop.provider is Provider.GUMLOOP
    plane = Endpoint(Provider.CHAINLOOP, "plane.example:443")
    for code, text in (("UNAUTHENTICATED", "Token is invalid"), ("UNKNOWN", "x: API token revoked")):
        said = grpc.aio.AioRpcError(grpc.StatusCode[code], grpc.aio.Metadata(), grpc.aio.Metadata(), text)
        chainloop = chainloop_errors.translate_error(said, plane, 60)
        assert isinstance(chainloop, SessionEnded)
        assert chainloop.provider is Provider.CHAINLOOP


async def test_over_a_sign_in_there_is_no_other() -> None:
    async with opened(Page, fakes.app()) as page:
        await page.press("ctrl+l")
        await page.dialog(LoginScreen)
        depth = len(page.app.screen_stack)
        await page.press("ctrl+l")
        await page.rest()
        assert len(page.app.screen_stack) == depth
