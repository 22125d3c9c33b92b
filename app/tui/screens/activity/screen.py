"""What this program did."""

from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from app.domain.activity import ActivityEntry
from app.domain.activity_export import has_words
from app.domain.errors import LoopinError
from app.services.activity import ActivityLog
from app.services.export import ExportService
from app.tui.commands.bindings import bindings_for
from app.tui.commands.command import Room
from app.tui.screens.account_state import Frame
from app.tui.screens.base_screen import RoomScreen
from app.tui.screens.messages import at_hand, sign_in_key
from widgets.activity_lines import heading, line
from widgets.content_state import StateView
from widgets.footer import KeyHint
from widgets.presenter import clean


class ActivityScreen(RoomScreen):
    """The local trail, newest first, with a plain-text filter. It holds no secrets."""

    ROOM = Room.ACTIVITY
    TAB = "app.activity"
    BINDINGS = bindings_for(Room.ACTIVITY)
    CSS_PATH = "screen.tcss"

    class Loaded(Message):
        """The trail was read."""

        def __init__(self, entries: Sequence[ActivityEntry]) -> None:
            super().__init__()
            self.entries = tuple(entries)

    def __init__(self, frame: Frame, trail: ActivityLog, export: ExportService) -> None:
        super().__init__(frame)
        self._trail = trail
        self._export = export
        self._shown: tuple[ActivityEntry, ...] = ()
        self._entries: tuple[ActivityEntry, ...] = ()

    def compose_body(self) -> ComposeResult:
        yield Input(placeholder="filter: any words", id="activity-filter", compact=True)
        yield Static("", id="activity-count", classes="muted", markup=False)
        with StateView():
            yield Static("", id="activity-head")
            yield OptionList(id="activity-list", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).display = False
        self.action_refresh()

    def on_screen_resume(self) -> None:
        """Something may have been done meanwhile in another room."""
        self.action_refresh()

    def account_changed(self) -> None:
        """A sign-in is an entry."""
        self.action_refresh()

    # ── reading ──

    @work(exclusive=True, group="trail", description="read the activity", exit_on_error=False)
    async def _read(self) -> None:
        self.post_message(self.Loaded(await self._trail.entries()))

    def action_refresh(self) -> None:
        """Read the trail again."""
        self._read()

    @on(Loaded)
    def _loaded(self, event: Loaded) -> None:
        self._entries = event.entries
        self.as_of = self.frame.clock.now()
        self._paint()

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """A trail that cannot be read is told in the list's place."""
        if isinstance(error, LoopinError):
            self.query_one(StateView).show_error(at_hand(error, sign_in_key(self)))
            return True
        return False

    @on(StateView.Chosen)
    def _offered(self, event: StateView.Chosen) -> None:
        if event.action == "clear":
            self.go_back()
        else:
            self.action_refresh()

    # ── filter ──

    def action_filter(self) -> None:
        """Show the filter and type."""
        box = self.query_one(Input)
        box.display = True
        self.set_focus(box)

    def own_hints(self) -> tuple[KeyHint, ...]:
        """While a filter is typed, the footer names what works there."""
        if not self.query_one(Input).has_focus:
            return ()
        return (KeyHint("enter", "to the list", "to_list"), KeyHint("esc", "clear", "app.back"))

    def action_to_list(self) -> None:
        """Leave the filter as it is."""
        self.query_one(OptionList).focus()

    def go_back(self) -> bool:
        """Clear the filter."""
        box = self.query_one(Input)
        if not box.display:
            return False
        box.value, box.display = "", False
        self.query_one(OptionList).focus()
        return True

    @on(Input.Changed)
    def _typed(self) -> None:
        self._paint()

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.action_to_list()

    def _paint(self) -> None:
        words = self.query_one(Input).value.lower().split()
        shown = tuple(entry for entry in self._entries if has_words(entry, words))
        before, self._shown = self._shown, shown
        view, options = self.query_one(StateView), self.query_one(OptionList)
        if not self._entries:
            view.show_empty("nothing was done yet", "sign-ins, new and revoked tokens will be listed here")
        elif not shown:
            view.show_empty("nothing fits the filter", button="Clear the filter", action="clear")
        else:
            self._list(options, before, shown)
            view.show_filled()
        self.query_one("#activity-count", Static).update(_count(len(shown), len(self._entries)))
        self.refresh_bindings()

    def _list(
        self, options: OptionList, before: Sequence[ActivityEntry], shown: Sequence[ActivityEntry]
    ) -> None:
        """Show other entries; the cursor stays on its entry, or near its place when that is gone."""
        # What is left of the screen for a line; the list itself has no width before it is shown.
        width, now = self.query_one("#body").content_size.width - 1, self.frame.clock.now()
        at = options.highlighted
        options.clear_options()
        options.add_options([Option(line(entry, width, now)) for entry in shown])
        if at is not None:
            held = before[at] if at < len(before) else None
            at = shown.index(held) if held in shown else min(at, len(shown) - 1)
        options.highlighted = at
        self.query_one("#activity-head", Static).update(heading(width))

    def on_resize(self) -> None:
        """Other columns fit now."""
        if self.query_one(StateView).state == "filled":
            self.call_after_refresh(self._paint)

    # ── export ──

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """An empty list is not worth a file."""
        return "there is nothing to export" if action == "export" and not self._shown else ""

    def action_export(self) -> None:
        """Write what the filter lets through to a new file."""
        from app.tui.screens.activity.export_activity import ExportActivityDialog

        dialog = ExportActivityDialog(self._export, self._shown, self.as_of or self.frame.clock.now())
        self.open_above(dialog, self._exported)

    def _exported(self, path: str | None) -> None:
        if path:
            self.notify(f"written to {clean(path)}, readable by you alone", markup=False)


def _count(shown: int, all_of_them: int) -> str:
    if shown == all_of_them:
        return {0: "", 1: "1 entry"}.get(shown, f"{shown} entries, newest first")
    return f"{shown} of {all_of_them} entries"
