"""Activity: what Loopin did on this machine."""

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from app.domain.activity import ActivityEntry
from app.domain.activity_export import has_words
from app.domain.errors import LoopinError
from app.domain.export import Format
from app.services.activity import ActivityLog
from app.services.export import ExportService
from app.tui.commands.bindings import bindings_for
from app.tui.commands.registry import CommandGroup
from app.tui.screens.account_state import AppContext
from app.tui.screens.base_screen import BaseScreen
from app.tui.screens.messages import sign_in_key, with_key
from app.tui.screens.workers import read
from widgets.activity_lines import heading, line
from widgets.content_state import ContentState
from widgets.footer import KeyHint
from widgets.presenter import clean


class ActivityScreen(BaseScreen):
    """The activity log, newest first, with a plain-text filter. It holds no secrets."""

    COMMAND_GROUP = CommandGroup.ACTIVITY
    TAB = "app.activity"
    BINDINGS = bindings_for(CommandGroup.ACTIVITY)
    CSS_PATH = "screen.tcss"

    def __init__(self, app_context: AppContext, activity_log: ActivityLog, export: ExportService) -> None:
        super().__init__(app_context)
        self._activity_log = activity_log
        self._export = export
        self._shown: tuple[ActivityEntry, ...] = ()
        self._entries: tuple[ActivityEntry, ...] = ()
        self._filter = Input(placeholder="filter: any words", id="activity-filter", compact=True)
        self._filter.display = False
        self._count = Static("", id="activity-count", classes="muted", markup=False)
        self._content = ContentState()
        self._heading = Static("", id="activity-head")
        self._list = OptionList(id="activity-list", markup=False)

    def compose_body(self) -> ComposeResult:
        yield self._filter
        yield self._count
        with self._content:
            yield self._heading
            yield self._list

    def on_mount(self) -> None:
        self.action_refresh()

    def on_screen_resume(self) -> None:
        """Read again: something may have been done on another screen."""
        self.action_refresh()

    def account_changed(self) -> None:
        """A sign-in is an entry."""
        self.action_refresh()

    # ── reading ──

    def action_refresh(self) -> None:
        """Read the activity log again."""
        self._read()

    @read("read the activity", group="trail")
    async def _read(self) -> None:
        self._entries = tuple(await self._activity_log.entries())
        self.as_of = self.app_context.clock.now()
        self._show()

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show in the list's place that the log cannot be read."""
        if isinstance(error, LoopinError):
            self._content.show_error(with_key(error, sign_in_key(self)))
            return True
        return False

    # ── filter ──

    def action_filter(self) -> None:
        """Show the filter and focus it."""
        self._filter.display = True
        self.set_focus(self._filter)

    def own_hints(self) -> tuple[KeyHint, ...]:
        """The keys of the filter while it has the focus."""
        if not self._filter.has_focus:
            return ()
        return (KeyHint("enter", "to the list", "to_list"), KeyHint("esc", "clear", "app.back"))

    @on(Input.Submitted)
    def action_to_list(self) -> None:
        """Focus the list and keep the filter."""
        self._list.focus()

    def action_clear_filter(self) -> None:
        """Clear the filter and hide it."""
        self._filter.value, self._filter.display = "", False
        self._list.focus()

    def go_back(self) -> bool:
        """Clear the filter."""
        if not self._filter.display:
            return False
        self.action_clear_filter()
        return True

    @on(Input.Changed)
    def _show(self) -> None:
        words = self._filter.value.lower().split()
        shown = tuple(entry for entry in self._entries if has_words(entry, words))
        before, self._shown = self._shown, shown
        if not self._entries:
            hint = "sign-ins, new and revoked tokens will be listed here"
            self._content.show_empty("nothing was done yet", hint)
        elif not shown:
            button = ("Clear the filter", "screen.clear_filter")
            self._content.show_empty("nothing fits the filter", "", button)
        else:
            self._fill_list(before, shown)
            self._content.show_filled()
        self._count.update(_count(len(shown), len(self._entries)))
        self.refresh_bindings()

    def _fill_list(self, before: Sequence[ActivityEntry], shown: Sequence[ActivityEntry]) -> None:
        """Show other entries; the cursor stays on its entry, or near its place when that is gone."""
        # The width of the body: the list itself has none before it is shown.
        width, now = self.body.content_size.width - 1, self.app_context.clock.now()
        cursor = self._list.highlighted
        self._list.clear_options()
        self._list.add_options([Option(line(entry, width, now)) for entry in shown])
        if cursor is not None:
            entry = before[cursor] if cursor < len(before) else None
            cursor = shown.index(entry) if entry in shown else min(cursor, len(shown) - 1)
        self._list.highlighted = cursor
        self._heading.update(heading(width))

    def on_resize(self) -> None:
        """Lay the columns out again."""
        if self._content.is_filled:
            self.call_after_refresh(self._show)

    # ── export ──

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """An empty list is not worth a file."""
        return "there is nothing to export" if action == "export" and not self._shown else ""

    def action_export(self) -> None:
        """Write the filtered entries to a new file."""
        from app.tui.screens.dialogs.export_file import ExportDialog

        entries, as_of = self._shown, self.as_of or self.app_context.clock.now()

        async def write(form: Format, path: str) -> str:
            return await self._export.export_activity(entries, form, path, as_of)

        title = f"Export {len(entries):,} entr{'y' if len(entries) == 1 else 'ies'}"
        note, stem = "What the filter shows now, newest first.", f"activity-{as_of:%Y-%m-%d}"
        self.open_above(ExportDialog(title, "the activity", note, stem, write), self._after_export)

    def _after_export(self, path: str | None) -> None:
        if path:
            self.notify(f"written to {clean(path)}, readable by you alone", markup=False)


def _count(shown: int, all_of_them: int) -> str:
    if shown == all_of_them:
        return {0: "", 1: "1 entry"}.get(shown, f"{shown} entries, newest first")
    return f"{shown} of {all_of_them} entries"
