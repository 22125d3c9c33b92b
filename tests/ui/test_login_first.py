"""`loopin gumloop login` opens the app on the sign-in."""

import pytest

from app.domain.credentials import Provider
from app.main import LoopinApp
from app.screens.accounts import AccountsScreen
from app.screens.login import LoginScreen
from tests.support import app as fakes
from tests.ui.pilots import settled, until


@pytest.mark.parametrize("provider", Provider)
async def test_the_app_opens_on_the_sign_in_and_escape_leads_to_the_accounts(provider: Provider) -> None:
    app = LoopinApp(fakes.container(signed_in=False), screen=f"login:{provider.value}")
    async with app.run_test(size=(100, 32)) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, LoginScreen)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
