"""Accounts: who is signed in at each provider, and with which credential."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from app.domain.credentials import Provider, Source
from app.domain.errors import VaultError
from app.domain.times import local
from app.tui.commands.bindings import bindings_for
from app.tui.commands.registry import CommandGroup
from app.tui.screens.base_screen import BaseScreen
from app.tui.screens.dialogs.dialog import Confirm
from app.tui.screens.workers import can_start, change
from widgets.account_card import AccountCard
from widgets.containers import Container, VerticalScroll
from widgets.credential_panel import CredentialPanel
from widgets.presenter import clean

if TYPE_CHECKING:
    # Not imported before the first frame.
    from textual.screen import Screen

    from app.domain.gumloop import Team
    from app.domain.login import SignedOut
    from app.domain.status import ProviderStatus
    from app.services.profiles import Profile
    from app.tui.screens.account_state import AccountState, AppContext
    from app.tui.screens.accounts.welcome import Welcome
    from app.tui.screens.dialogs.dialog import Dialog


class SignOut(Protocol):
    """Ends the stored login of one provider."""

    def sign_out(self) -> Awaitable[SignedOut]: ...


@dataclass(frozen=True, slots=True)
class Dialogs:
    """Builds what opens over the accounts: sign-in and profiles (of a provider first), teams."""

    login: Callable[[Provider | None], Screen[bool]]
    profile: Callable[[Provider | None], Dialog[Profile]]
    team: Callable[[], Dialog[Team]]


class AccountsScreen(BaseScreen):
    """One card a provider; below, which credential is in effect. With nobody signed in, a welcome."""

    COMMAND_GROUP = CommandGroup.ACCOUNTS
    TAB = "app.accounts"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(CommandGroup.ACCOUNTS)
    CSS_PATH = "screen.tcss"

    def __init__(
        self, app_context: AppContext, *, sign_out: Mapping[Provider, Callable[[], SignOut]], dialogs: Dialogs
    ) -> None:
        super().__init__(app_context)
        self._sign_out = sign_out
        self._dialogs = dialogs
        self._home = VerticalScroll(id="home")
        self._cards = Container(id="cards")
        self._credential_title = Static("Which credential is in effect", id="why-title", classes="heading")
        self._credentials = CredentialPanel(brief=True)
        self._welcome: Welcome | None = None

    def compose_body(self) -> ComposeResult:
        with self._home:
            with self._cards:
                for provider in self._sign_out:
                    yield AccountCard(provider)
            yield self._credential_title
            yield self._credentials

    # ── account state ──

    def on_screen_resume(self) -> None:
        # The cards say how long a session still lasts.
        self.watch_account_state(self.account_state)

    def watch_account_state(self, state: AccountState) -> None:
        if state.statuses:
            self._fill_cards(state)
        self._credentials.statuses = state.statuses
        self._credential_title.display = bool(state.statuses)
        keychain_failed = any(isinstance(status.error, VaultError) for status in state.statuses)
        nobody = state.asked and not state.signed_in_anywhere
        # The welcome has the same buttons, and the cards nothing else to say, unless something is wrong.
        self._cards.display = keychain_failed or not nobody
        if nobody:
            self._show_welcome(keychain_failed)
        elif self._welcome is not None:
            self._welcome.display = False
        self.reading = "" if state.asked else "asking"
        self.as_of = state.as_of if state.asked else None

    def _fill_cards(self, state: AccountState) -> None:
        from app.tui.screens.accounts.facts import facts_of
        from app.tui.screens.messages import sign_in_key

        now, key = self.app_context.clock.now(), sign_in_key(self)
        for card in self.query(AccountCard):
            if status := state.of(card.provider):
                card.facts = facts_of(status, asked=state.asked, now=now, key=key)

    def _show_welcome(self, keychain_failed: bool) -> None:
        if self._welcome is None:
            # Most starts need none.
            from app.tui.screens.accounts.welcome import Welcome

            self._welcome = Welcome(self.app_context.demo)
            self._home.mount(self._welcome, before=0)
        self._welcome.keychain_failed = keychain_failed
        self._welcome.display = True

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """Signing out needs a stored login, a team needs Gumloop."""
        if action == "logout" and not self._stored():
            return "nothing is stored here to sign out of"
        if action == "team":
            gumloop = self.account_state.of(Provider.GUMLOOP)
            return "" if gumloop is not None and gumloop.signed_in else "sign in to Gumloop first"
        return super().why_disabled(action, parameters)

    def _stored(self) -> list[Provider]:
        """The providers of which a login is stored."""
        return [status.provider for status in self.account_state.statuses if status.stored_in]

    def _focused_provider(self) -> Provider | None:
        """The provider of the card that has the focus."""
        nodes = self.focused.ancestors if self.focused else ()
        return next((node.provider for node in nodes if isinstance(node, AccountCard)), None)

    # ── actions ──

    def action_refresh(self) -> None:
        """Ask the servers again."""
        self.reading = "asking"
        self.app_context.refresh_account_state()

    def action_login(self, provider: str = "") -> None:
        """Choose how to sign in, at the focused card's provider unless one is given."""
        self.open_login(Provider(provider) if provider else self._focused_provider())

    def open_login(self, provider: Provider | None) -> None:
        """Choose how to sign in, `provider` first."""
        self.open_above(self._dialogs.login(provider), self._after_login)

    def _after_login(self, signed_in: bool | None) -> None:
        if signed_in:
            self.app_context.account_changed.publish(None)

    def action_profile(self) -> None:
        """Choose the profile to work with."""
        self.open_above(self._dialogs.profile(self._focused_provider()), self._after_profile)

    def _after_profile(self, profile: Profile | None) -> None:
        if profile is not None:
            words = f"{profile.provider.title} works with the profile {clean(profile.name)} now"
            self.notify(words, markup=False)
            self.app_context.account_changed.publish(None)

    def action_team(self) -> None:
        """Choose the team that Gumloop requests are scoped to."""
        self.open_above(self._dialogs.team(), self._after_team)

    def _after_team(self, team: Team | None) -> None:
        if team is not None:
            where = f"in the team {clean(team.name, 60)}" if team.id else "in no team"
            self.notify(f"Gumloop works {where} now", markup=False)
            self.app_context.account_changed.publish(None)

    def action_why(self) -> None:
        """Show every credential source, and why it is used or not."""
        from app.tui.screens.dialogs.credential_dialog import CredentialDialog

        self.open_above(CredentialDialog(self.account_state))

    def action_logout(self, provider: str = "") -> None:
        """Sign out of `provider`, else of the focused card's, else of the first with a stored login."""
        stored, focused = self._stored(), self._focused_provider()
        if provider:
            self._confirm_sign_out(Provider(provider))
        elif stored:
            self._confirm_sign_out(focused if focused in stored else stored[0])

    def _confirm_sign_out(self, provider: Provider) -> None:
        status = self.account_state.of(provider)
        if not can_start(self, f"sign out of {provider.value}") or status is None:
            return

        def after_confirm(confirmed: bool | None) -> None:
            if confirmed:
                self._end_session(provider)

        self.open_above(_sign_out_question(status), after_confirm)

    @change("sign out of {0.title}", group="sign out of {0.value}")
    async def _end_session(self, provider: Provider) -> None:
        with self.busy_with(f"signing out of {provider.title}"):
            result = await self._sign_out[provider]().sign_out()
        self.notify(_sign_out_result(result), title="Signed out", timeout=8, markup=False)
        self.app_context.account_changed.publish(None)


def _sign_out_question(status: ProviderStatus) -> Confirm:
    """Name the login, and what stays valid."""
    who = status.identity.name if status.identity and status.source is Source.KEYCHAIN else ""
    lines = [f"The login {f'of {who} ' if who else ''}is removed from {status.stored_in}."]
    lines.append("Where the server knows how, the session ends there too.")
    if status.source is not Source.KEYCHAIN:
        label = next((c.label for c in status.candidates if c.in_effect), "another source")
        lines.append(f"{label} still signs you in afterwards.")
    if status.copy_in:
        until = f" until {local(status.expires_at):%d %b %Y %H:%M}" if status.expires_at else ""
        lines.append(
            f"{clean(status.copy_in, 120)} has a copy of it: both end there, or stay valid{until} "
            "where the server cannot end them."
        )
    return Confirm(f"Sign out of {status.provider.title}?", "\n".join(lines), yes="Sign out")


def _sign_out_result(result: SignedOut) -> str:
    """What happened on this machine and, apart from that, at the server."""
    if not result.forgotten:
        facts = [f"nothing was forgotten: {result.unseen}" if result.unseen else "nothing was stored here"]
    elif result.ended_at_server:
        facts = ["forgotten here, and ended at the server"]
    elif result.was_over:
        facts = ["forgotten here; the login was not valid any more"]
    elif result.is_token:
        facts = ["forgotten here; the API token itself is not revoked"]
    else:
        until = f" until {local(result.valid_until):%d %b %Y %H:%M}" if result.valid_until else ""
        facts = ["forgotten here", f"the server keeps the session valid{until}"]
    if result.copy_in and not result.was_over:
        fate = "ended, too" if result.ended_at_server else "stays valid, too"
        facts.append(f"the copy in {clean(result.copy_in, 120)} {fate}")
    if result.warning:
        facts.append(result.warning)
    if result.still:
        facts.append(f"{result.still} still signs you in")
    return "; ".join(facts)
