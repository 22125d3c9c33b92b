"""Who is signed in, and how."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Static

from app.domain.credentials import Provider
from app.domain.errors import VaultError
from app.tui.commands.bindings import bindings_for
from app.tui.commands.command import Room
from app.tui.screens.base_screen import RoomScreen
from app.tui.screens.workers import change, why_not
from widgets.account_card import AccountCard
from widgets.containers import Container, VerticalScroll
from widgets.credential_panel import CredentialPanel
from widgets.presenter import clean

if TYPE_CHECKING:
    # The first frame waits for none of them.
    from textual.screen import Screen

    from app.domain.gumloop import Team
    from app.domain.login import SignedOut
    from app.services.profiles import Profile
    from app.tui.screens.account_state import Frame, Presence
    from app.tui.screens.dialogs.dialog import Dialog
    from widgets.welcome import Welcome


class SignOut(Protocol):
    """Ends the stored login of one provider."""

    def sign_out(self) -> Awaitable[SignedOut]: ...


@dataclass(frozen=True, slots=True)
class Dialogs:
    """Makes what opens over the accounts: the sign-in and the profiles (of a provider first), the teams."""

    login: Callable[[Provider | None], Screen[bool]]
    profile: Callable[[Provider | None], Dialog[Profile]]
    team: Callable[[], Dialog[Team]]


class AccountsScreen(RoomScreen):
    """One card a provider; below, which credential is in effect. With nobody signed in, a welcome."""

    ROOM = Room.ACCOUNTS
    TAB = "app.accounts"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Room.ACCOUNTS)
    CSS_PATH = "screen.tcss"

    class SignedOutNow(Message):
        """The sign-out came to its end."""

        def __init__(self, result: SignedOut) -> None:
            super().__init__()
            self.result = result

    def __init__(
        self,
        frame: Frame,
        *,
        sign_out: Mapping[Provider, Callable[[], SignOut]],
        dialogs: Dialogs,
    ) -> None:
        super().__init__(frame)
        self._sign_out = sign_out
        self._dialogs = dialogs

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(id="home"):
            with Container(id="cards"):
                for provider in self._sign_out:
                    yield AccountCard(provider)
            yield Static("Which credential is in effect", id="why-title", classes="heading")
            yield CredentialPanel(brief=True)

    # ── what is known ──

    def presence_changed(self, presence: Presence) -> None:
        """Paint the cards, the welcome and the panel."""
        if presence.statuses:
            self._fill_cards(presence)
        self.query_one(CredentialPanel).statuses = presence.statuses
        self.query_one("#why-title").display = bool(presence.statuses)
        self._welcome(presence)
        self.busy = "" if presence.asked else "asking"
        self.as_of = presence.as_of if presence.asked else None

    def _fill_cards(self, presence: Presence) -> None:
        from app.tui.screens.accounts.facts import facts_of
        from app.tui.screens.messages import sign_in_key

        now = self.frame.clock.now()
        for card in self.query(AccountCard):
            if status := presence.of(card.provider):
                card.facts = facts_of(status, asked=presence.asked, now=now, key=sign_in_key(self))

    def _welcome(self, presence: Presence) -> None:
        troubled = any(isinstance(status.error, VaultError) for status in presence.statuses)
        nobody = presence.asked and not presence.signed_in_anywhere
        # Its buttons are the same, and the cards have nothing else to say, unless something is wrong.
        self.query_one("#cards").display = troubled or not nobody
        if nobody:
            self._greet(troubled)
        self.query("#welcome").set(display=nobody)

    def _greet(self, troubled: bool) -> None:
        """Most starts need no welcome, and the first frame does not wait for one."""
        from app.tui.screens.welcome import ways, words
        from widgets.welcome import Welcome

        if not (boxes := self.query(Welcome)):
            box = Welcome("Welcome to Loopin", ways(demo=self.frame.demo is not None))
            self.query_one("#home").mount(box, before=0)
            boxes = self.query(Welcome)
        boxes.first().words = words(self.frame.demo, troubled=troubled)

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """Signing out needs a stored login, a team needs Gumloop."""
        if action == "logout" and not any(status.stored_in for status in self.frame.presence.statuses):
            return "nothing is stored here to sign out of"
        if action == "team":
            gumloop = self.frame.presence.of(Provider.GUMLOOP)
            return "" if gumloop is not None and gumloop.signed_in else "sign in to Gumloop first"
        return super().why_disabled(action, parameters)

    # ── actions ──

    @on(AccountCard.Chosen)
    def _card(self, event: AccountCard.Chosen) -> None:
        if event.action == "login":
            self.open_login(event.provider)
        elif event.action == "logout":
            self._ask_sign_out(event.provider)

    def action_login(self) -> None:
        """Choose how to sign in."""
        self.open_login(self._focused_provider())

    def on_welcome_chosen(self, event: Welcome.Chosen) -> None:
        """One of the ways on. Named, not `@on`: the first frame does not wait for the class."""
        if event.action == "demo":
            self.app.post_message(self.DemoWanted())
        else:
            self.open_login(Provider(event.action))

    class DemoWanted(Message):
        """The person wants to look around on the sample server."""

    def open_login(self, provider: Provider | None) -> None:
        """Choose how to sign in, `provider` first."""
        self.open_above(self._dialogs.login(provider), self._after_login)

    def _after_login(self, signed_in: bool | None) -> None:
        if signed_in:
            self.frame.account_changed.publish(None)

    def action_refresh(self) -> None:
        """Ask the servers again."""
        self.busy = "asking"
        self.frame.look()

    def action_profile(self) -> None:
        """Choose the profile to work with."""
        self.open_above(self._dialogs.profile(self._focused_provider()), self._profile_chosen)

    def _profile_chosen(self, profile: Profile | None) -> None:
        if profile is not None:
            words = f"{profile.provider.title} works with the profile {clean(profile.name)} now"
            self.notify(words, markup=False)
            self.frame.account_changed.publish(None)

    def action_team(self) -> None:
        """Choose the team that Gumloop requests are scoped to."""
        self.open_above(self._dialogs.team(), self._team_chosen)

    def _team_chosen(self, team: Team | None) -> None:
        if team is not None:
            where = f"in the team {clean(team.name, 60)}" if team.id else "in no team"
            self.notify(f"Gumloop works {where} now", markup=False)
            self.frame.account_changed.publish(None)

    def action_why(self) -> None:
        """Every source of a credential, and why it counts or not."""
        from app.tui.screens.dialogs.credential_dialog import WhyDialog

        self.open_above(WhyDialog(self.frame.presence))

    def action_logout(self) -> None:
        """Sign out of the card that has the focus, else of the first that can be."""
        stored = [status.provider for status in self.frame.presence.statuses if status.stored_in]
        focused = self._focused_provider()
        if stored:
            self._ask_sign_out(focused if focused in stored else stored[0])

    def _focused_provider(self) -> Provider | None:
        """The provider of the card that has the focus."""
        nodes = self.focused.ancestors if self.focused else ()
        return next((node.provider for node in nodes if isinstance(node, AccountCard)), None)

    def _ask_sign_out(self, provider: Provider) -> None:
        from app.tui.screens.accounts.sign_out import question

        if why := why_not(self, f"sign out of {provider.value}"):
            self.notify(why, severity="warning", timeout=4, markup=False)
            return
        status = self.frame.presence.of(provider)
        if status is not None:
            self.open_above(question(status), lambda agreed: self._agreed(provider, agreed))

    def _agreed(self, provider: Provider, agreed: bool | None) -> None:
        if agreed:
            self._end(provider)

    @change("sign out of {0.title}", group="sign out of {0.value}")
    async def _end(self, provider: Provider) -> None:
        with self.doing(f"signing out of {provider.title}"):
            result = await self._sign_out[provider]().sign_out()
        self.post_message(self.SignedOutNow(result))

    @on(SignedOutNow)
    def _ended(self, event: SignedOutNow) -> None:
        from app.tui.screens.accounts.sign_out import told

        self.notify(told(event.result), title="Signed out", timeout=8, markup=False)
        self.frame.account_changed.publish(None)
