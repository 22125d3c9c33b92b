"""`loopin gumloop login` opens the app on the sign-in, and the app ends with it."""

import pytest

from app.domain.credentials import Provider
from app.domain.errors import Cancelled
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.login.screen import LoginScreen
from tests.support import app as fakes
from tests.support.pages.login import CHAINLOOP_BROWSER, LoginPage, signed_out
from tests.support.pages.page import Page, opened


@pytest.mark.parametrize("provider", Provider)
async def test_the_app_opens_on_the_sign_in_and_escape_leads_to_the_accounts(provider: Provider) -> None:
    app = fakes.app(signed_out(), screen=f"login:{provider.value}")
    async with opened(Page, app) as page:
        assert isinstance(page.screen, LoginScreen)
        await page.press("escape")
        await page.dialog(AccountsScreen)


async def test_it_ends_with_the_sign_in_it_was_opened_for(capfd: pytest.CaptureFixture[str]) -> None:
    app = fakes.app(signed_out(), screen="login:gumloop")
    async with opened(LoginPage, app) as page:
        await page.press("enter")
        await page.waits()
        await page.allowed()
        await page.signed_in()
        await page.press("enter")
        await page.until(lambda: not app.is_running)
    assert app.return_value == 0
    assert capfd.readouterr().err == "Signed in to Gumloop as ada@acme.example\n"


async def test_a_sign_in_to_the_other_provider_is_not_the_one_it_was_opened_for() -> None:
    app = fakes.app(signed_out(), screen="login:gumloop")
    async with opened(LoginPage, app) as page:
        await page.choose(CHAINLOOP_BROWSER)
        await page.waits()
        await page.comes_back()
        await page.signed_in()
        await page.press("enter")
        await page.dialog(AccountsScreen)
        with pytest.raises(Cancelled, match="nobody signed in to Gumloop"):
            app.check_login()
