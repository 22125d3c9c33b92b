"""Makes the screens: the one place where a screen meets its services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeVar

from textual.app import App
from textual.screen import Screen

from app.domain.credentials import Method, Provider
from app.tui.screens.account_state import Frame
from app.tui.screens.accounts.screen import AccountsScreen, Dialogs

if TYPE_CHECKING:
    from app.bootstrap import Container
    from app.domain.gumloop import Team
    from app.services.profiles import Profile
    from app.tui.screens.accounts.screen import SignOut
    from app.tui.screens.dialogs.dialog import Dialog


T = TypeVar("T")


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


class Rooms:
    """Each room is made when somebody first goes there, and so are its services."""

    def __init__(self, app: App[int], box: Container, frame: Frame, demo: DemoServer | None) -> None:
        self._app = app
        self._box = box
        self._frame = frame
        self._demo = demo

    def modes(self) -> tuple[Callable[[], Screen[bool]], ...]:
        """What makes each room, in the order of the tabs."""
        return self.accounts, self.tokens, self.auto_revoke, self.activity

    def accounts(self) -> Screen[bool]:
        """Who is signed in, and how."""
        sign_out: dict[Provider, Callable[[], SignOut]] = {
            Provider.GUMLOOP: lambda: self._box.gumloop_sign_out,
            Provider.CHAINLOOP: lambda: self._box.chainloop_sign_out,
        }
        dialogs = Dialogs(self.login, self._profile, self._team)
        return AccountsScreen(self._frame, sign_out=sign_out, dialogs=dialogs)

    def _profile(self, provider: Provider | None) -> Dialog[Profile]:
        from app.tui.screens.dialogs.profiles import ProfileDialog

        return ProfileDialog(self._box.profiles, provider)

    def _team(self) -> Dialog[Team]:
        from app.tui.screens.dialogs.teams import TeamDialog

        return TeamDialog(self._box.list_teams, self._box.choose_team)

    def login(self, provider: Provider | None) -> Screen[bool]:
        """Choose how to sign in, `provider` first."""
        from app.domain.gumloop import CALLBACK_PORT
        from app.domain.keyless import Availability
        from app.tui.screens.login.methods import chainloop_offers, gumloop_offers, import_offers
        from app.tui.screens.login.screen import LoginScreen, LoginServers, LoginTools

        box = self._box
        gumloop = gumloop_offers(
            box.gumloop_oauth_login,
            box.gumloop_key_login,
            box.gumloop_token_login,
            port=CALLBACK_PORT,
        )
        chainloop = chainloop_offers(
            box.chainloop_browser_login,
            box.chainloop_token_login,
            box.claims,
            ci=Availability(None) if box.settings.demo else box.ci_identity.look(),
            inspect=box.inspect_keyless,
        )
        chainloop += import_offers(box.vendor_logins.find(), box.chainloop_import_login, box.clock.now())
        servers: dict[Provider, LoginServers] = {
            Provider.GUMLOOP: box.gumloop_saver,
            Provider.CHAINLOOP: box.chainloop_saver,
        }
        offers = (*gumloop, *chainloop)
        tools = LoginTools(
            offers, box.vault, box.browser, box.copy_text, box.browser_obstacle, servers, self._profile
        )
        return LoginScreen(self._frame, tools, provider)

    def tokens(self) -> Screen[bool]:
        """The API tokens of the organization."""
        from app.tui.screens.tokens.screen import TokensScreen

        return TokensScreen(self._frame, self._box)

    def auto_revoke(self) -> Screen[bool]:
        """How long an unused token lives."""
        from app.tui.screens.auto_revoke.screen import AutoRevokeScreen

        return AutoRevokeScreen(self._frame, self._box, sweep=self._demo.sweep if self._demo else None)

    def activity(self) -> Screen[bool]:
        """What this program did."""
        from app.tui.screens.activity.screen import ActivityScreen

        return ActivityScreen(self._frame, self._box.trail, self._box.export_activity)
