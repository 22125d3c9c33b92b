"""Who is signed in: the cards, the credential in effect, and the dialogs above them."""

from typing import Any

from textual.screen import Screen
from textual.widgets import Button, Input

from app.domain.credentials import Provider
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.dialogs.credential_dialog import CredentialDialog
from app.tui.screens.dialogs.organizations import OrganizationDialog
from app.tui.screens.dialogs.profiles import ProfileDialog
from app.tui.screens.dialogs.teams import TeamDialog
from tests.support.pages.page import DialogPage, Page, Question
from widgets.account_card import AccountCard, CardFacts
from widgets.content_state import ContentState
from widgets.credential_panel import CredentialPanel
from widgets.wrapped_text import Paragraphs


class WhyPage(DialogPage):
    """Every credential, and why one of them counts."""

    KIND = CredentialDialog


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

    def waiting(self, provider: Provider) -> list[str]:
        """The lines of a card that nothing is known for yet."""
        shown = self.room.query_one(f"#card-{provider.value}").query_one(Paragraphs)
        return [line.plain for line in shown.lines(60)]

    async def refresh(self) -> None:
        """Ask both servers again."""
        await self.press("r")

    async def why(self) -> DialogPage:
        """Open the whole list of credentials."""
        await self.press("w")
        return await self.over(WhyPage)

    async def ask_to_sign_out(self) -> None:
        """Press the key alone."""
        await self.press("L")

    async def sign_out(self) -> Question:
        """Ask to sign out, and wait for the question."""
        await self.ask_to_sign_out()
        return await self.over(Question)

    def welcome(self) -> str:
        """What an empty house says."""
        return self.says("#welcome-text")

    def has_cards(self) -> bool:
        """True when the cards are there."""
        return self.room.query_one("#cards").display

    async def take_way(self, provider: Provider) -> None:
        """Press a button of an empty house."""
        await self.click(f"#welcome-{provider.value}")

    def focus_card(self, provider: Provider) -> None:
        """Go to a card's first button."""
        self.room.query_one(f"#card-{provider.value}").query(Button).first().focus()

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

    async def ask_for_teams(self) -> None:
        """Press the key alone."""
        await self.press("T")

    def has_teams(self) -> bool:
        """Whether the key for them does anything."""
        return self.screen.active_bindings["T"].enabled

    async def teams(self) -> None:
        """Open the list of teams."""
        await self.ask_for_teams()
        await self.dialog(TeamDialog)

    def state(self) -> str:
        """What the dialog's list is: loading, filled or error."""
        return self.screen.query_one(ContentState).state

    def state_title(self) -> str:
        """What stands where the dialog's list would be."""
        return self.says(".state-title")

    async def named(self, name: str) -> None:
        """Type another profile's name in place of what stands there."""
        self.screen.query_one(Input).value = name
        await self.press("enter")

    def name_refusal(self) -> str:
        """Why the name cannot be taken."""
        return self.says("#profile-error")

    async def can_choose(self) -> None:
        """Wait until the dialog's list has come and has the focus."""
        await self.until(lambda: self.app.focused is not None and self.app.focused.id != "cancel")

    async def take(self, *keys: str) -> None:
        """Move with `keys`, and take the row."""
        await self.press(*keys, "enter")

    def refusal(self) -> str:
        """What stands under the dialog's list."""
        return self.says(".dialog-error")
