"""The app: modes, theme, signals, and the one gate for what a worker could not do."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import App
from textual.binding import BindingType
from textual.signal import Signal
from textual.worker import Worker, WorkerState

from app.bootstrap import Container
from app.domain.errors import Cancelled, LoopinError, SessionEnded
from app.domain.text import capital
from app.tui import themes
from app.tui.commands.bindings import bindings_for, keymap
from app.tui.commands.command import Room
from app.tui.commands.global_commands import MODES
from app.tui.commands.palette import LoopinCommands
from app.tui.screen_factory import DemoServer, ScreenFactory
from app.tui.screens.account_state import DemoLogin, Frame, Presence
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.base_screen import RoomScreen, SessionOver, Trouble
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.messages import sentence, sign_in_key
from app.tui.screens.session_expiry import SessionWatch
from app.tui.screens.terminal_clipboard import TerminalClipboard
from app.tui.screens.workers import change
from app.tui.settings_warnings import settings_warnings
from app.tui.sign_in_only import Errand
from app.tui.style_sheet import Sheet
from app.tui.terminal import TerminalApp
from widgets.presenter import clean, use_mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.domain.status import ProviderStatus
    from app.services.organizations import Switched
    from app.tui.screens.login.watch import LoginWatchScreen

OPEN_DEMO = 200
"""The result of `run` when the person chose "Try the demo": the caller starts it."""
TWICE_WITHIN = 2.0
LAST_PAGE = 3.0
"""Seconds for everything to be closed: more than a listener waits for the browser to fetch its last page."""
PAINTED = 0.05
"""Seconds from the first paint, of the body, to the time when the bars stand there too."""
_log = logging.getLogger(__name__)
# Without --debug nothing listens, and Python would then print errors over the screen.
_log.addHandler(logging.NullHandler())


def run(container: Container, *, screen: str = "accounts", demo: DemoServer | None = None) -> int:
    """Open the app on `screen` and return its exit code, or OPEN_DEMO.

    `screen` is one of MODES, or "login:gumloop", "login:chainloop": the sign-in, above the accounts. Such an
    app is opened to sign in: it ends when somebody has; left before that, it raises Cancelled.
    """
    app = LoopinApp(container, screen=screen, demo=demo)
    result = app.run()
    code = result if result is not None else app.return_code or 0
    if code == 0:
        app.errand.check()
    return code


class LoopinApp(TerminalApp, inherit_bindings=False):
    """The frame around the rooms."""

    TITLE = "Loopin"
    CSS_PATH = Path(__file__).parent / "styles" / "base.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Room.EVERYWHERE)
    COMMANDS: ClassVar = {LoopinCommands}
    DEFAULT_MODE = MODES[0]  # Else Textual makes, lays out and paints an empty screen first.

    def __init__(
        self, container: Container, *, screen: str = "accounts", demo: DemoServer | None = None
    ) -> None:
        super().__init__(container.changes)
        self.stop_listening_in()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (120, "-extra")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
        self.container = container
        container.notify = self._notify_person
        container.terminal_clipboard = TerminalClipboard(self)
        self.demo = demo
        self._redactor = container.redactor() if container.settings.redact else None
        use_mask(self._redactor.mask if self._redactor is not None else None)
        self._first = screen if screen in MODES else MODES[0]
        self.errand = Errand(screen)
        self._interrupted = float("-inf")
        self._copied = ("", float("-inf"))
        """What ctrl+c copied last, and when."""
        keys, _ = keymap(container.settings.keys)
        self.frame = Frame(
            clock=container.clock,
            account_changed=Signal(self, "account_changed"),
            presence_changed=Signal(self, "presence_changed"),
            look=self.look,
            keys=keys,
            demo=DemoLogin(demo.email, demo.password, demo.samples) if demo else None,
            read_only=container.settings.chainloop.read_only,
        )
        self._take_theme(container.settings.theme)
        self.set_keymap(keys)
        self._screens = ScreenFactory(container, self.frame, demo)
        self._watch = SessionWatch(self, self.frame)
        for mode, make in zip(MODES, self._screens.modes(), strict=True):
            self.add_mode(mode, make)

    # ── start and end ──

    async def on_mount(self) -> None:
        self.catch_signals()
        self.theme_changed_signal.subscribe(self, lambda _: self._remember_theme())
        self.frame.account_changed.subscribe(self, lambda _: self._account_changed())
        self._watch.start()
        await self.switch_mode(self._first)
        if self.errand.provider is not None and isinstance(self.screen, AccountsScreen):
            self.screen.open_login(self.errand.provider)
        for warning in settings_warnings(self.container.settings):
            self.notify(warning, title="Settings", severity="warning", timeout=20, markup=False)
        # Looking loads the adapters, which takes longer than the first frame: that is painted before.
        self.screen.call_after_refresh(self.set_timer, PAINTED, self.look)

    async def on_unmount(self) -> None:
        if not self.closing and self.changes.under_way():
            # An error of its own ends it: what was begun has not been waited for.
            self.changes.close()
            await self.changes.finish()
        # A browser may still fetch the last page of a sign-in.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_PAGE):
                await self.container.aclose()

    def _take_theme(self, name: str) -> None:
        """Use the theme called `name`, where there is one.

        Before the app runs, so that no style sheet is parsed for a theme that nobody sees.
        """
        for theme in themes.THEMES:
            self.register_theme(theme)
        known = name in self.available_themes
        self.set_reactive(App.theme, name if known else themes.DARK.name)
        dark = self.current_theme.dark
        self.update_classes({"-dark-mode": dark, "-light-mode": not dark}, update=False)
        # What Textual does when a running app changes its theme.
        self._refresh_truecolor_filter(self.ansi_theme)
        self.stylesheet = Sheet(variables=self.get_css_variables())

    @change("remember the theme", quiet=True)
    async def _remember_theme(self) -> None:
        remembered = ""
        while remembered != self.theme:
            remembered = self.theme
            await self.container.preferences.remember("theme", remembered)

    # ── who is signed in ──

    def on_login_watch_screen_happened(self, event: "LoginWatchScreen.Happened") -> None:
        """Named, not `@on`: the first frame does not wait for the class."""
        self.errand.watch(event.step)
        if event.step.result is not None and self.errand.provider is None:
            # Who signed in may go on by a number key, without another look at this screen.
            self.frame.account_changed.publish(None)

    def _account_changed(self) -> None:
        if self.errand.words:
            self._leave()
        else:
            self.look()

    def _leave(self) -> None:
        # Text, for a name may look like Rich's markup.
        self.exit(0, message=Text(self.errand.words))

    @work(exclusive=True, group="presence", description="look at the accounts", exit_on_error=False)
    async def look(self) -> None:
        """Look at the credentials, then ask the servers; each answer is published."""
        status = self.container.status
        statuses = await status.read_statuses(online=False)
        self._publish(statuses, asked=False)
        statuses = await status.read_statuses()
        self._publish(statuses, asked=True)
        if (probed := await status.probe_organization(statuses)) != statuses:
            self._publish(probed, asked=True)

    def _publish(self, statuses: "Sequence[ProviderStatus]", *, asked: bool) -> None:
        if self._redactor is not None:
            self._redactor.learn(statuses)
        self.frame.presence = Presence(tuple(statuses), asked, self.container.clock.now())
        self.frame.presence_changed.publish(self.frame.presence)

    def _notify_person(self, words: str) -> None:
        """Show a sentence that a service has for the person."""
        self.notify(f"{capital(clean(words))}.", timeout=10, markup=False)

    # ── the gate ──

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            self._tell(event.worker.error, event.worker.description)

    def on_session_over(self, event: SessionOver) -> None:
        """A screen shows that its session has ended; the key that helps is told beside it."""
        self._watch.over(event.error)

    def on_trouble(self, event: Trouble) -> None:
        """A screen's worker failed and the screen does not show it."""
        self._tell(event.error, event.doing)

    def _tell(self, error: BaseException, doing: str) -> None:
        if isinstance(error, Cancelled):
            return
        if isinstance(error, SessionEnded):
            self._watch.over(error)
        if isinstance(error, LoopinError):
            self.notify(sentence(error, sign_in_key(self)), severity="error", timeout=10, markup=False)
            return
        _log.error("could not %s", doing, exc_info=error)
        words = f"Something unexpected happened: could not {doing or 'finish'}. Run with --debug for a log."
        self.notify(words, severity="error", timeout=10, markup=False)

    # ── actions ──

    async def action_room(self, name: str) -> None:
        """Go to one of the four rooms."""
        await self.switch_mode(name)

    async def action_back(self) -> None:
        """One step back; never quits."""
        self._step_back()

    def action_back_or_quit(self) -> None:
        """One step back; at the top, quit."""
        if not self._step_back() and not self.closing:
            self._leave()

    def _step_back(self) -> bool:
        screen = self.screen
        if isinstance(screen, RoomScreen) and screen.go_back():
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
        if selected and (selected != text or now - at > TWICE_WITHIN):
            self._copied = selected, now
            self.copy_to_clipboard(selected)
            self.notify("sent to the terminal's clipboard (cannot be confirmed)", timeout=3)
            return
        if isinstance(self.screen, RoomScreen | Dialog) and self.screen.cancel_running():
            return
        if now - self._interrupted <= TWICE_WITHIN:
            self._interrupted = float("-inf")
            if not self.asks_first():
                self._leave()
            return
        self._interrupted = now
        self.notify("press ctrl+c again to quit", timeout=TWICE_WITHIN)

    def action_help(self) -> None:
        """Open the help of this screen."""
        from app.tui.screens.dialogs.help import HelpScreen

        room = self.screen.ROOM if isinstance(self.screen, RoomScreen) else Room.EVERYWHERE
        self.push_screen(HelpScreen(room, self.frame.keys))

    def action_command_palette(self) -> None:
        """Find any command by its name."""
        from app.tui.screens.dialogs.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_sign_in(self) -> None:
        """Sign in above whatever is open, and come back to it."""
        self.push_screen(self._screens.login(self._watch.due()), self._signed_in)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """One sign-in at a time; above a dialog only one that cannot go on without it."""
        here = self.screen.ROOM if isinstance(self.screen, RoomScreen) else None
        stuck = isinstance(self.screen, Dialog) and self.screen.session_over
        if action == "sign_in" and here in {None, Room.LOGIN, Room.SIGNING_IN} and not stuck:
            return False
        return super().check_action(action, parameters)

    def _signed_in(self, done: bool | None) -> None:
        if done and self.errand.provider is not None:
            self.frame.account_changed.publish(None)

    def action_organization(self) -> None:
        """Choose another organization."""
        from app.tui.screens.dialogs.organizations import OrganizationDialog

        box = self.container
        dialog = OrganizationDialog(box.organizations, box.changes)
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
        self.frame.account_changed.publish(None)

    @on(AccountsScreen.DemoWanted)
    def _open_demo(self) -> None:
        self.exit(OPEN_DEMO)
