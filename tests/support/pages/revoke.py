"""Revoking: the question, the countdown, one line of proof for each token."""

from textual.widgets import Input

from app.tui.screens.tokens.revoke_many import Countdown, RevokeMany
from app.tui.screens.tokens.revoke_tokens import ConfirmRevoke
from tests.support.pages.page import DialogPage
from widgets.checkbox import BracketCheckbox
from widgets.virtual_table import VirtualTable


class ReceiptsPage(DialogPage):
    """What became of each token."""

    KIND = RevokeMany

    async def retry(self) -> None:
        """Ask again for what failed."""
        await self.press("r")

    async def stop(self) -> None:
        """Begin no further call."""
        await self.press("escape")

    def revoked(self) -> int:
        """How many lines say so."""
        return self.text().count("✓ revoked at")

    def failed(self) -> int:
        """How many lines of the table say why not."""
        (table,) = self.screen.query(VirtualTable)
        return sum("✗ " in table.render_line(y).text for y in range(table.size.height))


class CountdownPage(DialogPage):
    """Ten seconds to think again; Stop has the focus."""

    KIND = Countdown

    async def now(self) -> ReceiptsPage:
        """Do not wait."""
        await self.yes()
        return await self.over(ReceiptsPage)

    async def over_by_itself(self) -> ReceiptsPage:
        """Wait until the time is over."""
        return await self.over(ReceiptsPage)


class RevokePage(DialogPage):
    """One token: yes or no. Several: their count and their organization, typed."""

    KIND = ConfirmRevoke

    async def because(self, reason: str) -> None:
        """Type a reason; enter goes on to the count."""
        self.find("#revoke-reason", Input).focus()
        await self.write(reason)
        await self.enter()

    async def type(self, phrase: str) -> None:
        """Type the phrase in place of another."""
        field = self.find("#revoke-input", Input)
        field.focus()
        await self.press(*["backspace"] * len(field.value), *phrase)

    async def count(self, phrase: str) -> CountdownPage:
        """Type the phrase, confirm it, and wait for the countdown."""
        await self.type(phrase)
        return await self.confirmed()

    async def confirmed(self) -> CountdownPage:
        """From the phrase to the button, and press it."""
        await self.press("enter", "enter")
        return await self.over(CountdownPage)

    async def with_children(self) -> None:
        """Choose to revoke what they created, too, or not to."""
        self.find("#revoke-children", BracketCheckbox).focus()
        await self.press("space")

    def offers_children(self) -> bool:
        """True where they created something."""
        return bool(self.screen.query("#revoke-children"))

    def can_revoke(self) -> bool:
        """True when the button can be pressed."""
        return self.enabled("#yes")

    def widgets(self) -> int:
        """How many widgets the dialog is made of."""
        return len(list(self.screen.walk_children()))

    async def to_last(self) -> None:
        """Move the list of what is chosen to its end."""
        self.find("#revoke-list", VirtualTable).focus()
        await self.press("G")
