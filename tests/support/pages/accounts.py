"""Who is signed in: the cards, the credential in effect, and the dialogs above them."""

from typing import Any

from textual.screen import Screen
from textual.widgets import Button

from app.domain.credentials import Provider
from app.screens.accounts import AccountsScreen
from app.screens.dialog import Confirm
from app.screens.organization import OrganizationDialog
from app.screens.profile import ProfileDialog
from app.screens.team import TeamDialog
from tests.support.pages.page import Page
from widgets.account_card import AccountCard, CardFacts
from widgets.credential_panel import CredentialPanel


class AccountsPage(Page):
    """Both providers' cards."""

    @property
    def room(self) -> Screen[Any]:
        """The accounts, whatever dialog stands over them."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, AccountsScreen))

    def card(self, provider: Provider = Provider.CHAINLOOP) -> CardFacts:
        """What the card of the provider shows."""
        return self.room.query_one(f"#card-{provider.value}", AccountCard).facts

    def row(self, label: str, provider: Provider = Provider.CHAINLOOP) -> str:
        """One line of the card, empty when it has none."""
        return dict(self.card(provider).rows).get(label, "")

    async def told(self, state: str) -> CardFacts:
        """Wait until the Chainloop card says this."""
        await self.until(lambda: self.card().state == state)
        return self.card()

    def panel(self) -> str:
        """The lines about the credential in effect."""
        return self.find("CredentialPanel", CredentialPanel).render().plain

    async def sign_out(self) -> None:
        """Ask to sign out, and wait for the question."""
        await self.press("L")
        await self.dialog(Confirm)

    async def confirm(self) -> None:
        """Say yes to the question."""
        await self.click("#yes")

    def ways_on(self) -> list[str]:
        """The buttons of an empty house."""
        return [str(button.label) for button in self.screen.query("#welcome Button").results(Button)]

    async def organizations(self) -> None:
        """Open the list of organizations."""
        await self.press("O")
        await self.dialog(OrganizationDialog)

    async def profiles(self) -> None:
        """Open the list of profiles, and wait for it."""
        await self.press("p")
        await self.dialog(ProfileDialog)
        await self.until(self.options)

    async def teams(self) -> None:
        """Open the list of teams."""
        await self.press("T")
        await self.dialog(TeamDialog)

    async def can_choose(self) -> None:
        """Wait until the dialog's list has come and has the focus."""
        await self.until(lambda: self.app.focused is not None and self.app.focused.id != "cancel")

    async def take(self, *keys: str) -> None:
        """Move with `keys`, and take the row."""
        await self.press(*keys, "enter")

    def refusal(self) -> str:
        """What stands under the dialog's list."""
        return self.says(".dialog-error")
