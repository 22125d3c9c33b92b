"""`loopin gumloop login` opens the app on the sign-in."""

import pytest

from app.domain.credentials import Provider
from app.screens.accounts import AccountsScreen
from app.screens.login import LoginScreen
from tests.support import app as fakes
from tests.support.pages.login import signed_out
from tests.support.pages.page import Page, opened


@pytest.mark.parametrize("provider", Provider)
async def test_the_app_opens_on_the_sign_in_and_escape_leads_to_the_accounts(provider: Provider) -> None:
    app = fakes.app(signed_out(), screen=f"login:{provider.value}")
    async with opened(Page, app) as page:
        assert isinstance(page.screen, LoginScreen)
        await page.press("escape")
        await page.dialog(AccountsScreen)
