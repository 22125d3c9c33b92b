"""The screens that have the frame around them: top bar, body, key bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import ClassVar, TypeVar

from textual import events, on
from textual.actions import parse
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.screen import Screen
from textual.strip import Strip
from textual.worker import Worker, WorkerState

from app.domain.credentials import Provider
from app.domain.errors import SessionEnded
from app.domain.times import local
from app.tui.commands.bindings import shown_key
from app.tui.commands.command import Room
from app.tui.commands.global_commands import TABS
from app.tui.screens.account_state import Frame, Presence
from widgets.containers import Container, background
from widgets.footer import KeyBar, KeyHint
from widgets.key_names import readable
from widgets.links import ActionLine
from widgets.top_bar import Tab, TopBar, Whoami

_LAST = "app.help"
Opened = TypeVar("Opened")
TAB_AT_ONCE = (
    Binding("tab", "app.focus_next", "Focus next", show=False, priority=True),
    Binding("shift+tab", "app.focus_previous", "Focus previous", show=False, priority=True),
)
"""Before the next key is looked at: as a usual binding, tab would wait behind the letters that the field in
front still has to take, and what was typed ahead after it would land there too."""


class Trouble(Message):
    """A worker failed, and the screen shows nothing of it itself: the app tells the person."""

    def __init__(self, error: BaseException, doing: str) -> None:
        super().__init__()
        self.error = error
        self.doing = doing


class SessionOver(Message):
    """A server answered that it does not accept the credential any more."""

    def __init__(self, error: SessionEnded) -> None:
        super().__init__()
        self.error = error


class RoomScreen(Screen[bool]):
    """Base of the rooms, and of the sign-in, whose result is True when somebody signed in.

    A subclass sets ROOM and BINDINGS and composes its body. `frame` is the app around it; `as_of`
    says when the data was read, `busy` what goes on. Hooks: `compose_body`, `account_changed`,
    `presence_changed`, `why_disabled`, `show_failure`, `go_back`, `cancel_running`.
    """

    ROOM: ClassVar[Room] = Room.EVERYWHERE
    TAB: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [*TAB_AT_ONCE]
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self._reading = ""
        self._changing: list[str] = []

    def compose(self) -> ComposeResult:
        yield TopBar()
        with Container(id="body"):
            yield from self.compose_body()
        yield KeyBar()

    def render_lines(self, crop: Region) -> list[Strip]:
        # Through a ground that is not its own, the screen below would be seen.
        if self.styles.background.a < 1:
            return super().render_lines(crop)
        return background(self, crop, super().render_lines)

    def compose_body(self) -> ComposeResult:
        """What stands between the two bars."""
        yield from ()

    # ── what a room may override ──

    def account_changed(self) -> None:
        """Somebody else is signed in now, or elsewhere: read everything again."""

    def presence_changed(self, presence: Presence) -> None:
        """What is known of the accounts changed."""

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """Say why `action` cannot be done now; empty when it can. It stays in the footer, greyed."""
        return ""

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """Show a worker's error on the screen itself; False leaves it to the app."""
        return False

    def go_back(self) -> bool:
        """One step back inside the screen (clear a filter, close a pane); False when there is none."""
        return False

    def own_hints(self) -> tuple[KeyHint, ...]:
        """Keys that a widget binds and the footer should name, first of all."""
        return ()

    def cancel_running(self) -> bool:
        """Cancel what runs on this screen (ctrl+c); False when nothing does."""
        return False

    def open_above(
        self, screen: Screen[Opened], callback: Callable[[Opened | None], None] | None = None
    ) -> None:
        """Push a screen, unless one is above this one already: of two keys in one burst, the first counts."""
        # `is_current` is true below a dialog, too.
        if self.app.screen is self:
            self.app.push_screen(screen, callback)

    # ── the frame ──

    @property
    def as_of(self) -> datetime | None:
        """When the data on the screen was read."""
        return self.query_one(KeyBar).as_of

    @as_of.setter
    def as_of(self, moment: datetime | None) -> None:
        self.query_one(KeyBar).as_of = local(moment) if moment else None

    @property
    def busy(self) -> str:
        """What is being read, in one word ("refreshing"); empty when nothing is."""
        return self._reading

    @busy.setter
    def busy(self, what: str) -> None:
        self._reading = what
        self._show_busy()

    @contextmanager
    def doing(self, what: str) -> Iterator[None]:
        """Show a change while inside ("signing out of Gumloop"), whatever is read meanwhile."""
        self._changing.append(what)
        self._show_busy()
        try:
            yield
        finally:
            self._changing.remove(what)
            if self.is_running:
                self._show_busy()

    def _show_busy(self) -> None:
        self.query_one(KeyBar).busy = self._changing[-1] if self._changing else self._reading

    def on_mount(self) -> None:
        self.frame.account_changed.subscribe(self, lambda _: self.account_changed())
        self.frame.presence_changed.subscribe(self, self._frame_presence)
        self.bindings_updated_signal.subscribe(self, lambda _: self._frame_keys())
        self.set_interval(20, self._frame_tick)
        self._frame_presence(self.frame.presence)
        self._frame_keys()

    def on_screen_resume(self) -> None:
        self._frame_presence(self.frame.presence)
        self._frame_keys()

    def _frame_presence(self, presence: Presence) -> None:
        bar = self.query_one(TopBar)
        bar.tabs, bar.who, bar.demo = self._frame_tabs(), _whoami(presence), self.frame.demo is not None
        bar.locked = bool(self.frame.why_read_only())
        self._frame_tick()
        self.presence_changed(presence)
        self.refresh_bindings()

    def _frame_tick(self) -> None:
        self.query_one(TopBar).now = self.frame.clock.now()

    def _frame_tabs(self) -> tuple[Tab, ...]:
        return tuple(
            Tab(shown_key(row, self.frame.keys), row.title, row.action, row.id == self.TAB) for row in TABS
        )

    def _frame_keys(self) -> None:
        self.query_one(KeyBar).hints = tuple(self._frame_hints())

    def _frame_hints(self) -> Iterator[KeyHint]:
        """The footer's keys: what is bound on this screen now, each command once, help last."""
        yield from self.own_hints()
        seen: set[str] = set()
        last: list[KeyHint] = []
        for active in self.active_bindings.values():
            binding = active.binding
            if not binding.show or not binding.id or binding.id in seen or self._frame_letter(binding.key):
                continue
            seen.add(binding.id)
            hint = KeyHint(readable(binding.key), binding.description, binding.action, active.enabled)
            if binding.id == _LAST:
                last.append(hint)
            else:
                yield hint
        if self.app.screen_stack[0] is not self:
            yield KeyHint("esc", "back", "app.back")
        yield from last

    def _frame_letter(self, key: str) -> bool:
        """While an input has the focus, a printable key is a letter and does nothing else."""
        letter = readable(key)
        return len(letter) == 1 and self.focused is not None and self.focused.check_consume_key(key, letter)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None greys a key out: see `why_disabled`. While a person types, the filter's key is a letter."""
        if action == "filter" and self._frame_letter("slash"):
            return False
        if self.why_disabled(action, parameters):
            return None
        return super().check_action(action, parameters)

    @on(ActionLine.Chosen)
    async def _frame_clicked(self, event: ActionLine.Chosen) -> None:
        event.stop()
        if not self._frame_says_why(event.action):
            await self.run_action(event.action)

    def on_key(self, event: events.Key) -> None:
        """A key whose command cannot be done now says why, instead of doing nothing."""
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if self._frame_says_why(binding.action):
                event.stop()

    def _frame_says_why(self, action: str) -> bool:
        destination, name, parameters = parse(action)
        why = "" if destination else self.why_disabled(name, parameters)
        if why:
            self.notify(f"{why[:1].upper()}{why[1:]}.", severity="warning", timeout=4, markup=False)
        return bool(why)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            event.stop()
            if isinstance(error, SessionEnded):
                self.post_message(SessionOver(error))
            if not self.show_failure(error, event.worker):
                self.post_message(Trouble(error, event.worker.description))


def _whoami(presence: Presence) -> Whoami:
    """The person at Chainloop, whose session ends; else at Gumloop, whose login renews itself."""
    if (identity := presence.identity) is None:
        gumloop = presence.of(Provider.GUMLOOP)
        other = gumloop.identity if gumloop else None
        return Whoami(other.name, "Gumloop", other.organization) if other and other.name else Whoami()
    read_only = f"{identity.name} — settings are read-only" if identity.is_token else ""
    return Whoami(
        identity.name,
        identity.role.value if identity.role else "",
        identity.organization,
        identity.expires_at,
        read_only,
    )
