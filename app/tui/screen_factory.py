"""Builds the screens and hands them their services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from textual.screen import Screen

from app.domain.credentials import Method, Provider
from app.tui.screens.account_state import AppContext
from app.tui.screens.accounts.screen import AccountsScreen, Dialogs

if TYPE_CHECKING:
    from app.bootstrap import Container
    from app.domain.gumloop import Team
    from app.services.profiles import Profile
    from app.tui.screens.accounts.screen import SignOut
    from app.tui.screens.dialogs.dialog import Dialog


class DemoServer(Protocol):
    """The sample account server of the demo."""

    @property
    def email(self) -> str:
        """The sample person's e-mail address."""

    @property
    def password(self) -> str:
        """The sample person's password."""

    @property
    def samples(self) -> Mapping[Method, Mapping[str, str]]:
        """What the sign-in forms may be filled with, by field."""

    async def sweep(self) -> int:
        """Run the auto-revocation sweep now and return how many tokens it revoked."""


class ScreenFactory:
    """Builds each screen when it is first opened, and with it the services that it needs."""

    def __init__(self, container: Container, app_context: AppContext, demo: DemoServer | None) -> None:
        self._container = container
        self._app_context = app_context
        self._demo = demo

    def modes(self) -> tuple[Callable[[], Screen[bool]], ...]:
        """What builds the screen of each tab, in their order."""
        return self.accounts, self.tokens, self.auto_revoke, self.activity

    def accounts(self) -> Screen[bool]:
        """Accounts: who is signed in, and how."""
        sign_out: dict[Provider, Callable[[], SignOut]] = {
            Provider.GUMLOOP: lambda: self._container.gumloop_sign_out,
            Provider.CHAINLOOP: lambda: self._container.chainloop_sign_out,
        }
        dialogs = Dialogs(self.login, self._profile, self._team)
        return AccountsScreen(self._app_context, sign_out=sign_out, dialogs=dialogs)

    def _profile(self, provider: Provider | None) -> Dialog[Profile]:
        from app.tui.screens.dialogs.profiles import ProfileDialog

        return ProfileDialog(self._container.profiles, provider)

    def _team(self) -> Dialog[Team]:
        from app.tui.screens.dialogs.teams import TeamDialog

        return TeamDialog(self._container.teams)

    def login(self, provider: Provider | None) -> Screen[bool]:
        """Sign-in: how to, `provider` first."""
        from app.domain.gumloop import CALLBACK_PORT
        from app.domain.keyless import Availability
        from app.tui.screens.login.methods import chainloop_methods, gumloop_methods, import_methods
        from app.tui.screens.login.screen import LoginScreen, LoginServers, LoginServices

        container = self._container
        gumloop = gumloop_methods(
            container.gumloop_browser_sign_in,
            container.gumloop_login_store,
            port=CALLBACK_PORT,
        )
        chainloop = chainloop_methods(
            container.chainloop_browser_sign_in,
            container.chainloop_login_store,
            container.claims,
            ci=Availability(None) if container.settings.demo else container.ci_identity.availability(),
            inspect=container.keyless,
        )
        chainloop += import_methods(
            container.vendor_logins.find(), container.chainloop_import, container.clock.now()
        )
        servers: dict[Provider, LoginServers] = {
            Provider.GUMLOOP: container.gumloop_login_store,
            Provider.CHAINLOOP: container.chainloop_login_store,
        }
        methods = (*gumloop, *chainloop)
        services = LoginServices(
            methods,
            container.vault,
            container.browser,
            container.clipboard_service,
            container.browser_obstacle,
            servers,
            self._profile,
        )
        return LoginScreen(self._app_context, services, provider)

    def tokens(self) -> Screen[bool]:
        """Tokens: the API tokens of the organization."""
        from app.tui.screens.tokens.screen import TokensScreen

        return TokensScreen(self._app_context, self._container)

    def auto_revoke(self) -> Screen[bool]:
        """Auto-revoke: how long an unused token lives."""
        from app.tui.screens.auto_revoke.screen import AutoRevokeScreen

        return AutoRevokeScreen(
            self._app_context, self._container, sweep=self._demo.sweep if self._demo else None
        )

    def activity(self) -> Screen[bool]:
        """Activity: what this program did."""
        from app.tui.screens.activity.screen import ActivityScreen

        return ActivityScreen(self._app_context, self._container.activity_log, self._container.export)
