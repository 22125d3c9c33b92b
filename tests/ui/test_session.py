"""A session that ends: told before and after, and mended without losing the screen."""

from datetime import timedelta

from app.domain.errors import APITokenGone, SessionEnded
from app.screens.login import LoginScreen
from app.screens.tokens import TokensScreen
from app.screens.words import sentence
from tests.support import app as fakes
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.login import LoginPage
from tests.support.pages.page import Page, opened
from tests.support.pages.tokens import TokensPage

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


def test_an_api_token_that_was_revoked_is_not_called_a_session() -> None:
    hint = "sign in again: loopin chainloop auth login"
    told = sentence(APITokenGone("API token revoked", hint=hint))
    assert told == "API token revoked. Replace it where it comes from, or press ctrl+l to sign in"
    assert sentence(SessionEnded("Token is invalid", hint=hint)) == (
        "your session has ended. Press ctrl+l to sign in again"
    )


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
        box.plane.fail["list_tokens"] = SessionEnded("the session has ended", hint="sign in again")
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


async def test_over_a_sign_in_there_is_no_other() -> None:
    async with opened(Page, fakes.app()) as page:
        await page.press("ctrl+l")
        await page.dialog(LoginScreen)
        depth = len(page.app.screen_stack)
        await page.press("ctrl+l")
        await page.rest()
        assert len(page.app.screen_stack) == depth
