"""A new token: the form, and the screen that shows it once."""

from textual.containers import Vertical
from textual.widgets import Input

from app.tui.screens.tokens.create_token import CreateTokenDialog
from app.tui.screens.tokens.reveal import RevealDialog
from tests.support.pages.page import DialogPage, Question
from widgets.choice_bar import ChoiceBar


class RevealPage(DialogPage):
    """The token itself, masked until it is asked for."""

    KIND = RevealDialog

    async def show(self) -> None:
        """Show it, or hide it again."""
        await self.press("s")

    async def copy(self) -> None:
        """Copy it."""
        await self.press("y")

    async def to_keychain(self, profile: str | None = None) -> None:
        """Save it as a profile, under the name that is offered or another."""
        await self.press("k")
        await self.take(profile)

    async def to_file(self, path: str) -> None:
        """Write it to a file."""
        await self.press("f")
        await self.until(lambda: self.find("#reveal-ask", Vertical).display)
        await self.take(path)

    async def offered_file(self) -> str:
        """Ask for a file, and read the name that is offered."""
        await self.press("f")
        await self.until(lambda: self.find("#reveal-input", Input).value)
        return self.find("#reveal-input", Input).value

    async def take(self, answer: str | None = None) -> None:
        """Answer the question for a name or a path, or give the same answer again."""
        if answer is not None:
            self.find("#reveal-input", Input).value = answer
        await self.press("enter")

    async def unanswered(self) -> None:
        """Take the question for a name or a path away."""
        await self.press("escape")

    async def ask_to_leave(self, key: str = "escape") -> Question:
        """Leave before it is saved, and wait for the question."""
        await self.press(key)
        return await self.over(Question)


class CreatePage(DialogPage):
    """Name, description, scope, life, permissions."""

    KIND = CreateTokenDialog

    async def named(self, name: str) -> None:
        """Paste another name."""
        await self.fill("#create-name", name)

    def name(self) -> str:
        """What stands in the field."""
        return self.find("#create-name", Input).value

    def name_note(self) -> str:
        """What is said of the name."""
        return self.says("#create-name-note")

    async def described(self, words: str) -> None:
        """Paste a description."""
        await self.fill("#create-description", words)

    def description(self) -> str:
        """What stands in the field."""
        return self.find("#create-description", Input).value

    async def scope(self, *keys: str) -> str:
        """Go to the scopes and move there; return the one that is chosen."""
        return await self._choose("#create-scope", *keys)

    async def project(self, name: str) -> None:
        """Type the name of a project that is not offered."""
        await self._type("#create-project", name)

    async def life(self, *keys: str) -> str:
        """Go to the lengths of life and move there."""
        return await self._choose("#create-life", *keys)

    async def date(self, text: str) -> None:
        """Type a last day in place of another."""
        self.find("#create-date", Input).value = ""
        await self._type("#create-date", text)

    async def may(self, *keys: str) -> str:
        """Go to what the token may do and move there."""
        return await self._choose("#create-may", *keys)

    def offers_permissions(self) -> bool:
        """True where the server has them."""
        return bool(self.screen.query("#create-may"))

    def can_create(self) -> bool:
        """True when the button can be pressed."""
        return self.enabled("#create")

    async def create(self) -> RevealPage:
        """Press enter in a field, and wait for the token."""
        await self.enter()
        return await self.over(RevealPage)

    async def save(self) -> RevealPage:
        """The same by the key that works on every widget."""
        await self.press("ctrl+s")
        return await self.over(RevealPage)

    async def _choose(self, bar: str, *keys: str) -> str:
        choices = self.find(bar, ChoiceBar)
        choices.focus()
        await self.press(*keys)
        return str(choices.choices[choices.chosen or 0])

    async def _type(self, field: str, text: str) -> None:
        self.find(field, Input).focus()
        await self.write(text)
