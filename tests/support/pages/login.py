"""Signing in: the choice, the progress, the form."""

from contextlib import AbstractAsyncContextManager

from textual.widgets import Button, Input, OptionList, Static

from app.domain.login import SignedIn, Step, StepState
from app.tui.screens.dialogs.ci_identity import CIIdentityDialog
from app.tui.screens.login.form import LoginFormScreen
from app.tui.screens.login.progress import LoginProgressScreen
from app.tui.screens.login.screen import LoginScreen
from tests.support import app as fakes
from tests.support import scenes
from tests.support.pages.page import DialogPage, Page, opened
from tests.support.pilot import settle
from widgets.checkbox import BracketCheckbox
from widgets.content_state import ContentState
from widgets.signed_in_panel import SignedInPanel
from widgets.step_list import StepList
from widgets.wrapped_text import Paragraphs

GUMLOOP_OAUTH, GUMLOOP_KEY = "OAuth", "API key"
CHAINLOOP_BROWSER, CHAINLOOP_TOKEN = "Browser login", "API token"


class LoginPage(Page):
    """From the choice of a way to the panel that says who is signed in."""

    async def ready(self) -> None:
        """Open the choice from the accounts."""
        await super().ready()
        await self.open("l")

    async def open(self, key: str) -> None:
        """Open the choice with this key, and wait until the keychain has answered."""
        await self.press(key)
        await self.dialog(LoginScreen)
        await self.until(lambda: "◌" not in self.storage())

    def storage(self) -> str:
        """The line about the keychain."""
        return self.says("#login-storage")

    def opens_browser(self) -> bool:
        """What the tick says."""
        return self.find("#login-browser", BracketCheckbox).value

    def obstacle(self) -> Static:
        """Why no browser can open."""
        return self.find("#login-obstacle", Static)

    def highlighted(self) -> str:
        """The way that enter would take."""
        ways = self.find("#login-ways", OptionList)
        return "" if ways.highlighted is None else self.options()[ways.highlighted]

    async def port(self, number: str) -> None:
        """Name the port of the callback, go back to the ways and take the one that is marked."""
        await self.press("tab")
        self.find("#login-port", Input).value = number
        await self.press("shift+tab", "enter")

    async def look_again(self) -> None:
        """Ask the keychain once more."""
        await self.press("r")

    async def last_way(self) -> None:
        """Take the last way of all."""
        await self.press("end", "enter")

    def can_take_last(self) -> bool:
        """Whether the last way is one for this place."""
        return not self.find("#login-ways", OptionList).options[-1].disabled

    async def mark(self, way: str) -> None:
        """Move to the way that is called so."""
        ways = self.find("#login-ways", OptionList)
        wanted = next(i for i, words in enumerate(self.options()) if way in words)
        for _ in self.options():
            if ways.highlighted == wanted:
                return
            await self.pilot.press("down")
        raise AssertionError(f"{way} cannot be chosen")

    async def choose(self, way: str) -> None:
        """Take the way that is called so."""
        await self.mark(way)
        await self.press("enter")

    def step(self, step: Step) -> StepState | None:
        """Where a step is, None before it begins."""
        told = self.screen.query_one(StepList).happened.get(step)
        return told.state if told else None

    async def reaches(self, step: Step, state: StepState) -> None:
        """Wait until the step is there."""
        await self.dialog(LoginProgressScreen)
        await self.until(lambda: self.step(step) is state)

    async def waits(self) -> None:
        """Wait until the browser is awaited."""
        await self.reaches(Step.WAITING, StepState.RUNNING)

    async def fails(self, step: Step) -> None:
        """Wait until the step has failed."""
        await self.reaches(step, StepState.FAILED)

    async def signed_in(self) -> SignedIn:
        """Wait for the end that was hoped for."""
        panel = self.screen.query_one(SignedInPanel)
        await self.until(lambda: panel.result is not None)
        assert panel.result is not None
        return panel.result

    async def arrives(self, **params: str) -> fakes.FakeCallback:
        """Let a browser come to the listener with these parameters."""
        arrival = fakes.FakeCallback(params)
        self.box.fake_listeners.made[-1].arrivals.put_nowait(arrival)
        await settle(self.pilot)
        return arrival

    async def allowed(self) -> None:
        """The person presses Allow at Gumloop."""
        await scenes.allowed(self.pilot)

    async def denied(self) -> None:
        """The person presses Deny at Gumloop."""
        await scenes.denied(self.pilot)

    async def comes_back(self) -> None:
        """Chainloop sends the browser back with Ada's token."""
        await scenes.callback(self.pilot)

    def retry(self) -> str:
        """What the button says."""
        return str(self.find("#retry", Button).label)

    async def try_again(self) -> None:
        """Press its key."""
        await self.press("r")

    async def another_port(self) -> None:
        """Take any port that is free."""
        await self.press("a")

    async def copy_address(self) -> None:
        """Copy the page's address."""
        await self.press("c")

    async def open_page(self) -> None:
        """Open the page in the browser once more."""
        await self.press("o")

    async def paste(self) -> Input:
        """Ask for the line that takes what the browser showed; return it."""
        await self.press("v")
        line = self.find("#progress-paste", Input)
        await self.until(lambda: self.app.focused is line)
        return line

    async def interrupt(self) -> None:
        """As in a shell."""
        await self.press("ctrl+c")

    async def form(self, field: str) -> Input:
        """Wait for the form; return one of its inputs."""
        await self.dialog(LoginFormScreen)
        return self.find(f"#field-{field}", Input)

    async def show_typed(self) -> None:
        """Show what is typed into the form."""
        await self.click("#form-show")

    async def take_sample(self) -> None:
        """Fill the form with what the demo knows."""
        await self.click("#sample")

    def has_sample(self) -> bool:
        """True where there is something to fill in."""
        return self.screen.query_one("#form-demo").display

    @property
    def box(self) -> fakes.FakeContainer:
        """The fakes under the app."""
        box = self.app.container
        assert isinstance(box, fakes.FakeContainer)
        return box


class IdentityPage(DialogPage):
    """Who a CI job says that it is."""

    KIND = CIIdentityDialog

    def state(self) -> str:
        """loading, filled or error."""
        return self.screen.query_one(ContentState).state

    def words(self) -> str:
        """All its lines."""
        return "\n".join(line.plain for line in self.screen.query_one(Paragraphs).lines(80))


def signed_out() -> fakes.FakeContainer:
    """Nobody is signed in."""
    return fakes.container(signed_in=False)


def at_the_choice(
    box: fakes.FakeContainer, *, size: tuple[int, int] = (100, 32), demo: fakes.FakeDemo | None = None
) -> AbstractAsyncContextManager[LoginPage]:
    """The app, where one chooses how to sign in."""
    return opened(LoginPage, fakes.app(box, demo=demo), size)
