"""Base of the screens with a top bar, a body and a footer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar, TypeVar

from textual import events, on
from textual.actions import parse
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.reactive import reactive
from textual.screen import Screen
from textual.strip import Strip

from app.domain.credentials import Provider
from app.domain.times import local
from app.tui.commands.bindings import shown_key
from app.tui.commands.registry import TABS, CommandGroup
from app.tui.screens.account_state import AccountState, AppContext
from app.tui.screens.workers import WARNING_SECONDS, ErrorView
from widgets.containers import Container, background
from widgets.footer import Footer, KeyHint
from widgets.key_names import readable
from widgets.links import ActionLine
from widgets.top_bar import Tab, TopBar, Whoami

_HELP = "app.help"
_CLOCK_SECONDS = 20
Result = TypeVar("Result")
TAB_BINDINGS = (
    Binding("tab", "app.focus_next", "Focus next", show=False, priority=True),
    Binding("shift+tab", "app.focus_previous", "Focus previous", show=False, priority=True),
)
"""With priority, so that the focus moves before the next key is handled: without it, tab is queued behind the
letters that the focused input has still to take, and what is typed ahead after it would land there too."""


class BaseScreen(ErrorView, Screen[bool]):
    """Base of the tabs and of the sign-in, whose result is True when somebody signed in.

    A subclass sets COMMAND_GROUP and BINDINGS and composes its body. Hooks: `compose_body`,
    `account_changed`, `watch_account_state`, `why_disabled`, `show_failure`, `go_back`, `cancel_running`,
    `own_hints`.
    """

    COMMAND_GROUP: ClassVar[CommandGroup] = CommandGroup.EVERYWHERE
    TAB: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [*TAB_BINDINGS]
    AUTO_FOCUS: ClassVar[str | None] = ""

    account_state: reactive[AccountState] = reactive(AccountState(), repaint=False)
    """Follows the attribute of the app."""
    as_of: reactive[datetime | None] = reactive[datetime | None](None, repaint=False)
    """When the data on the screen was read, in local time."""
    reading: reactive[str] = reactive("", repaint=False)
    """What is being read, in one word ("refreshing"); empty when nothing is."""
    running_changes: reactive[tuple[str, ...]] = reactive((), repaint=False)
    """The changes under way, in words ("signing out of Gumloop")."""
    busy: reactive[str] = reactive("", repaint=False)
    """What the footer shows of these two."""

    def __init__(self, app_context: AppContext) -> None:
        super().__init__()
        self.app_context = app_context
        self._top_bar = TopBar()
        self.body = Container(id="body")
        self._footer = Footer()

    def compose(self) -> ComposeResult:
        keys = self.app_context.keys
        tabs = (Tab(shown_key(row, keys), row.title, row.action, row.id == self.TAB) for row in TABS)
        self._top_bar.tabs, self._top_bar.demo = tuple(tabs), self.app_context.demo is not None
        yield self._top_bar
        with self.body:
            yield from self.compose_body()
        yield self._footer.data_bind(BaseScreen.as_of, BaseScreen.busy)

    def render_lines(self, crop: Region) -> list[Strip]:
        # Through a ground that is not its own, the screen below would be seen.
        if self.styles.background.a < 1:
            return super().render_lines(crop)
        return background(self, crop, super().render_lines)

    # ── hooks ──

    def compose_body(self) -> ComposeResult:
        """Compose what stands between the two bars."""
        yield from ()

    def account_changed(self) -> None:
        """Read everything again: another account is in use."""

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """Why `action` cannot run now; empty when it can. Its key stays in the footer, greyed out."""
        return ""

    def go_back(self) -> bool:
        """Go one step back inside the screen (clear a filter, close a pane); False when there is none."""
        return False

    def own_hints(self) -> tuple[KeyHint, ...]:
        """Keys that a widget binds and the footer names first."""
        return ()

    def cancel_running(self) -> bool:
        """Cancel what runs on this screen (ctrl+c); False when nothing does."""
        return False

    def open_above(
        self, screen: Screen[Result], callback: Callable[[Result | None], None] | None = None
    ) -> None:
        """Push a screen, unless one is above this one already: of two keys in one burst, the first counts."""
        # `is_current` is true below a dialog, too.
        if self.app.screen is self:
            self.app.push_screen(screen, callback)

    # ── account and footer ──

    def validate_as_of(self, moment: datetime | None) -> datetime | None:
        return local(moment) if moment else None

    def compute_busy(self) -> str:
        return self.running_changes[-1] if self.running_changes else self.reading

    @contextmanager
    def busy_with(self, what: str) -> Iterator[None]:
        """Show a change in the footer while it runs, whatever is read meanwhile."""
        self.running_changes = (*self.running_changes, what)
        try:
            yield
        finally:
            remaining = list(self.running_changes)
            remaining.remove(what)
            self.running_changes = tuple(remaining)

    def on_mount(self) -> None:
        # Not `data_bind`, which wants the app to be what pushes the screen.
        self.watch(self.app, "account_state", self._follow_account_state)
        self.app_context.account_changed.subscribe(self, lambda _: self.account_changed())
        self.bindings_updated_signal.subscribe(self, lambda _: self._show_keys())
        self.set_interval(_CLOCK_SECONDS, self._show_time)
        self._show_keys()

    def on_screen_resume(self) -> None:
        self._show_time()
        self._show_keys()

    def _follow_account_state(self, state: AccountState) -> None:
        self.account_state = state

    def _watch_account_state(self, state: AccountState) -> None:
        self._top_bar.who = _whoami(state)
        self._top_bar.locked = bool(self.app_context.why_read_only(state))
        self._show_time()
        self.refresh_bindings()

    def _show_time(self) -> None:
        self._top_bar.now = self.app_context.clock.now()

    # ── keys ──

    def _show_keys(self) -> None:
        self._footer.hints = tuple(self._hints())

    def _hints(self) -> Iterator[KeyHint]:
        """The bindings that are active now, each command once, help last."""
        yield from self.own_hints()
        seen: set[str] = set()
        last: list[KeyHint] = []
        for active in self.active_bindings.values():
            binding = active.binding
            if not binding.show or not binding.id or binding.id in seen or self._is_text(binding.key):
                continue
            seen.add(binding.id)
            hint = KeyHint(readable(binding.key), binding.description, binding.action, active.enabled)
            if binding.id == _HELP:
                last.append(hint)
            else:
                yield hint
        if self.app.screen_stack[0] is not self:
            yield KeyHint("esc", "back", "app.back")
        yield from last

    def _is_text(self, key: str) -> bool:
        """Whether the focused input takes `key` as a character."""
        letter = readable(key)
        return len(letter) == 1 and self.focused is not None and self.focused.check_consume_key(key, letter)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None greys a key out: see `why_disabled`. In a focused input, the key of the filter is text."""
        if action == "filter" and self._is_text("slash"):
            return False
        if self.why_disabled(action, parameters):
            return None
        return super().check_action(action, parameters)

    @on(ActionLine.Chosen)
    async def _run_clicked(self, event: ActionLine.Chosen) -> None:
        event.stop()
        if not self._explain_disabled(event.action):
            await self.run_action(event.action)

    def on_key(self, event: events.Key) -> None:
        """Say why the command of a key is disabled, instead of doing nothing."""
        active = self.active_bindings.get(event.key)
        if active is not None and active.node is self and self._explain_disabled(active.binding.action):
            event.stop()

    def _explain_disabled(self, action: str) -> bool:
        destination, name, parameters = parse(action)
        why = "" if destination else self.why_disabled(name, parameters)
        if why:
            self.notify(
                f"{why[:1].upper()}{why[1:]}.", severity="warning", timeout=WARNING_SECONDS, markup=False
            )
        return bool(why)


def _whoami(state: AccountState) -> Whoami:
    """The identity at Chainloop, whose session ends; else at Gumloop, whose login renews itself."""
    if (identity := state.identity) is None:
        status = state.of(Provider.GUMLOOP)
        gumloop = status.identity if status else None
        return Whoami(gumloop.name, "Gumloop", gumloop.organization) if gumloop and gumloop.name else Whoami()
    return Whoami(
        identity.name,
        identity.role.value if identity.role else "",
        identity.organization,
        identity.expires_at,
        f"{identity.name} — settings are read-only" if identity.is_token else "",
    )
