"""The app: modes, theme, accounts, errors of workers, and the commands that work on every screen."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.app import App
from textual.binding import BindingType
from textual.reactive import reactive
from textual.signal import Signal
from textual.theme import Theme
from textual.worker import Worker, WorkerState

from app.bootstrap import Container
from app.domain.credentials import Provider
from app.domain.errors import Cancelled, LoopinError, SessionEnded
from app.domain.text import capital
from app.tui import themes
from app.tui.commands.bindings import bindings_for, keymap
from app.tui.commands.palette import LoopinCommands, Palette
from app.tui.commands.registry import MODES, CommandGroup
from app.tui.screen_factory import DemoServer, ScreenFactory
from app.tui.screens.account_state import AccountState, AppContext, DemoLogin
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.base_screen import BaseScreen
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.messages import error_sentence, sign_in_key
from app.tui.screens.session_expiry import SessionExpiry
from app.tui.screens.workers import WorkerFailed, change, read
from app.tui.settings_warnings import settings_warnings
from app.tui.terminal import TerminalApp
from app.tui.terminal_clipboard import TerminalClipboard
from widgets.presenter import clean, use_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.domain.login import SignedIn
    from app.domain.status import ProviderStatus
    from app.services.organizations import Switched

OPEN_DEMO = 200
"""The result of `run` when the user chose "Try the demo": the caller starts it."""
_TWICE_SECONDS = 2.0
_CLOSE_SECONDS = 3.0
"""Time for the container to close: more than a listener waits for the browser to fetch its last page."""
_FIRST_FRAME_SECONDS = 0.05
"""From the first paint, of the body, until the bars are painted too."""
_LOGIN_SCREENS = {f"login:{provider.value}": provider for provider in Provider}
_log = logging.getLogger(__name__)
# Without --debug nothing listens, and Python would then print errors over the screen.
_log.addHandler(logging.NullHandler())


def run(container: Container, *, screen: str = "accounts", demo: DemoServer | None = None) -> int:
    """Open the app on `screen` and return its exit code, or OPEN_DEMO.

    `screen` is one of MODES, or "login:gumloop", "login:chainloop": the sign-in, above the accounts. The app
    then ends after the sign-in, and raises Cancelled when it is left before.
    """
    app = LoopinApp(container, screen=screen, demo=demo)
    result = app.run()
    code = result if result is not None else app.return_code or 0
    if code == 0:
        app.check_login()
    return code


class LoopinApp(TerminalApp, inherit_bindings=False):
    """One mode a tab; `account_state` is who is signed in, and every screen follows it."""

    TITLE = "Loopin"
    CSS_PATH = Path(__file__).parent / "styles" / "base.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(CommandGroup.EVERYWHERE)
    COMMANDS: ClassVar = {LoopinCommands}
    DEFAULT_MODE = MODES[0]  # Else Textual makes, lays out and paints an empty screen first.

    account_state: reactive[AccountState] = reactive(AccountState(), repaint=False, init=False)

    def __init__(
        self, container: Container, *, screen: str = "accounts", demo: DemoServer | None = None
    ) -> None:
        theme = container.settings.theme
        # Before the base class reads it, so that no style sheet is parsed for another theme.
        self.set_reactive(App.theme, theme if theme in themes.names() else themes.DARK.name)
        super().__init__(container.changes)
        self.update_classes(
            {"-dark-mode": self.current_theme.dark, "-light-mode": not self.current_theme.dark}, update=False
        )
        self.disable_textual_logs()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (120, "-extra")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
        self.container = container
        container.notify = self._notify_user
        container.terminal_clipboard = TerminalClipboard(self.write_to_terminal)
        self.demo = demo
        self._redactor = container.redactor() if container.settings.redact else None
        use_mask(self._redactor.mask if self._redactor is not None else None)
        self._first_mode = screen if screen in MODES else MODES[0]
        self._login_provider = _LOGIN_SCREENS.get(screen)
        self._login_result: SignedIn | None = None
        self._interrupted_at = float("-inf")
        self._copied = ("", float("-inf"))
        """What ctrl+c copied last, and when."""
        keys, _ = keymap(container.settings.keys)
        self.app_context = AppContext(
            clock=container.clock,
            account_changed=Signal(self, "account_changed"),
            refresh_account_state=self.refresh_account_state,
            on_signed_in=self._on_signed_in,
            keys=keys,
            demo=DemoLogin(demo.email, demo.password, demo.samples) if demo else None,
            read_only=container.settings.chainloop.read_only,
        )
        self.set_keymap(keys)
        self._screens = ScreenFactory(container, self.app_context, demo)
        self._session_expiry = SessionExpiry(self, self.app_context)
        for mode, build in zip(MODES, self._screens.modes(), strict=True):
            self.add_mode(mode, build)

    # ── start and end ──

    async def on_mount(self) -> None:
        self.catch_signals()
        self.theme_changed_signal.subscribe(self, lambda _: self._save_theme())
        self.app_context.account_changed.subscribe(self, lambda _: self._on_account_changed())
        self._session_expiry.start()
        await self.switch_mode(self._first_mode)
        if self._login_provider is not None and isinstance(self.screen, AccountsScreen):
            self.screen.open_login(self._login_provider)
        for warning in settings_warnings(self.container.settings):
            self.notify(warning, title="Settings", severity="warning", timeout=20, markup=False)
        # It loads the adapters, which takes longer than the first frame: that is painted before.
        self.screen.call_after_refresh(self.set_timer, _FIRST_FRAME_SECONDS, self.refresh_account_state)

    def check_login(self) -> None:
        """Raise Cancelled when the app was opened to sign in and nobody has."""
        if self._login_provider is not None and self._login_result is None:
            raise Cancelled(f"cancelled: nobody signed in to {self._login_provider.title}")

    async def on_unmount(self) -> None:
        if not self.closing and self.changes.under_way():
            # An error of its own ends it: what was begun has not been waited for.
            self.changes.close()
            await self.changes.finish()
        # A browser may still fetch the last page of a sign-in.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.container.aclose()

    @property
    def available_themes(self) -> dict[str, Theme]:
        """Textual's themes and Loopin's own: `__init__` of the base class reads them already."""
        return {**super().available_themes, **{theme.name: theme for theme in themes.THEMES}}

    @change("remember the theme", quiet=True)
    async def _save_theme(self) -> None:
        saved = ""
        while saved != self.theme:
            saved = self.theme
            await self.container.preferences.remember("theme", saved)

    # ── accounts ──

    def _on_signed_in(self, result: "SignedIn") -> None:
        if result.provider is self._login_provider:
            self._login_result = result
        elif self._login_provider is None:
            # Screens may be opened by their number keys before the sign-in screen is left.
            self.app_context.account_changed.publish(None)

    def _on_account_changed(self) -> None:
        if self._login_result is not None:
            self._leave()
        else:
            self.refresh_account_state()

    def _leave(self) -> None:
        # Text, for a name may look like Rich's markup.
        self.exit(0, message=Text(self._login_result.words if self._login_result else ""))

    @read("look at the accounts", group="accounts")
    async def refresh_account_state(self) -> None:
        """Read the credential sources, then ask the servers; show each result."""
        status = self.container.status
        statuses = await status.read_statuses(online=False)
        self._set_account_state(statuses, asked=False)
        statuses = await status.read_statuses()
        self._set_account_state(statuses, asked=True)
        if (probed := await status.probe_organization(statuses)) != statuses:
            self._set_account_state(probed, asked=True)

    def _set_account_state(self, statuses: "Sequence[ProviderStatus]", *, asked: bool) -> None:
        if self._redactor is not None:
            self._redactor.learn(statuses)
        self.account_state = AccountState(tuple(statuses), asked, self.container.clock.now())

    def watch_account_state(self, state: AccountState) -> None:
        self._session_expiry.update(state)

    def _notify_user(self, words: str) -> None:
        """Show a sentence of a service."""
        self.notify(f"{capital(clean(words))}.", timeout=10, markup=False)

    # ── errors ──

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Notify the user of an error in a worker that is neither a `read` nor a `change`."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self.show_error(event.worker.error, event.worker.description)

    @on(WorkerFailed)
    def _show_failure(self, event: WorkerFailed) -> None:
        if not event.shown:
            self.show_error(event.error, event.description)
        elif isinstance(event.error, SessionEnded):
            # The screen shows the error; the key that helps is notified beside it.
            self._session_expiry.notify_ended(event.error)

    def show_error(self, error: BaseException, description: str) -> None:
        """Notify the user that `description` failed."""
        if isinstance(error, Cancelled):
            return
        if isinstance(error, SessionEnded):
            self._session_expiry.notify_ended(error)
        if isinstance(error, LoopinError):
            self.notify(error_sentence(error, sign_in_key(self)), severity="error", timeout=10, markup=False)
            return
        _log.error("could not %s", description, exc_info=error)
        words = (
            f"Something unexpected happened: could not {description or 'finish'}. Run with --debug for a log."
        )
        self.notify(words, severity="error", timeout=10, markup=False)

    # ── actions ──

    async def action_back(self) -> None:
        """One step back; never quits."""
        self._step_back()

    def action_back_or_quit(self) -> None:
        """One step back; at the top, quit."""
        if not self._step_back() and not self.closing:
            self._leave()

    def _step_back(self) -> bool:
        screen = self.screen
        if isinstance(screen, BaseScreen) and screen.go_back():
            return True
        if len(self.screen_stack) > 1:
            screen.dismiss(None)
            return True
        return False

    def action_interrupt(self) -> None:
        """Stop a countdown, else copy a selection, cancel what runs, or say how to quit; twice quits."""
        if self.closing:
            self._leave()
            return
        if self.call_off("you stopped it"):
            return
        now = self.container.clock.monotonic()
        # A field selects its text when it gets the focus: pressed again, the key is not meant for that.
        selected, (text, at) = self.selection(), self._copied
        if selected and (selected != text or now - at > _TWICE_SECONDS):
            self._copied = selected, now
            self.copy_to_clipboard(selected)
            self.notify("sent to the terminal's clipboard (cannot be confirmed)", timeout=3)
            return
        if isinstance(self.screen, BaseScreen | Dialog) and self.screen.cancel_running():
            return
        if now - self._interrupted_at <= _TWICE_SECONDS:
            self._interrupted_at = float("-inf")
            if not self.asks_first():
                self._leave()
            return
        self._interrupted_at = now
        self.notify("press ctrl+c again to quit", timeout=_TWICE_SECONDS)

    def action_help(self) -> None:
        """Open the help of this screen."""
        from app.tui.screens.dialogs.help import HelpScreen

        group = self.screen.COMMAND_GROUP if isinstance(self.screen, BaseScreen) else CommandGroup.EVERYWHERE
        self.push_screen(HelpScreen(group, self.app_context.keys))

    def action_command_palette(self) -> None:
        """Find any command by its name."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_sign_in(self) -> None:
        """Sign in above whatever is open, and come back to it."""
        self.push_screen(self._screens.login(self._session_expiry.provider_to_renew()), self._after_login)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """One sign-in at a time; above a dialog only one that cannot go on without it."""
        here = self.screen.COMMAND_GROUP if isinstance(self.screen, BaseScreen) else None
        stuck = isinstance(self.screen, Dialog) and self.screen.session_ended
        if action == "sign_in" and here in {None, CommandGroup.LOGIN, CommandGroup.SIGNING_IN} and not stuck:
            return False
        return super().check_action(action, parameters)

    def _after_login(self, signed_in: bool | None) -> None:
        if signed_in and self._login_provider is not None:
            self.app_context.account_changed.publish(None)

    def action_organization(self) -> None:
        """Choose another organization."""
        from app.tui.screens.dialogs.organizations import OrganizationDialog

        dialog = OrganizationDialog(self.container.organizations, self.container.changes)
        self.push_screen(dialog, self._switched)

    def action_create_organization(self) -> None:
        """Create an organization, and work in it."""
        from app.tui.screens.dialogs.create_organization import CreateOrganizationDialog

        dialog = CreateOrganizationDialog(self.container.organizations, self.container.changes)
        self.push_screen(dialog, self._switched)

    def _switched(self, switched: "Switched | None") -> None:
        if switched is None:
            return
        name = clean(switched.membership.organization.name)
        if switched.overruled:
            words = (
                f"{name} is stored with the profile, but {clean(switched.overruled)}, which is used instead."
            )
            self.notify(words, severity="warning", timeout=10, markup=False)
            return
        self.notify(f"Working in {name} now.", markup=False)
        self.app_context.account_changed.publish(None)

    def action_open_demo(self) -> None:
        """End the app; the caller opens the demo."""
        self.exit(OPEN_DEMO)
