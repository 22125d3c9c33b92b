"""Revoking several tokens: a countdown that can still be stopped, then each result as it comes."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Button, Static

from app.domain.errors import Cancelled, LoopinError, SessionEnded
from app.domain.ports import Clock
from app.domain.times import local
from app.domain.tokens import APIToken
from app.services.revocation import Revocation
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.messages import error_sentence, sign_in_key
from app.tui.screens.workers import change, read, report_error
from widgets.button_label import relabel
from widgets.presenter import clean
from widgets.virtual_table import VirtualTable
from widgets.virtual_table_columns import Cell, Column

SECONDS = 10
LONGEST_SECOND = 3.0
"""Seconds that one second of the countdown may take on a busy machine; longer means that the process stood
still."""
MOST_REASONS = 4
Revoke = Callable[..., Awaitable[Sequence[Revocation]]]
"""`RevocationService.revoke_tokens`, bound to the listing that the tokens are from."""


class Countdown(Dialog[bool]):
    """The last moment to cancel a revocation. True = nobody stopped it.

    It counts only while it can be seen: what suspends the app or hides the dialog calls it off.
    """

    CSS_PATH = "revoke_tokens.tcss"
    AUTO_FOCUS = "#cancel"

    def __init__(self, count: int, clock: Clock) -> None:
        super().__init__()
        self._count, self._clock = count, clock
        self._text = Static("", id="countdown", markup=False)

    def heading(self) -> str:
        """What is about to happen."""
        return f"Revoking {self._count:,} tokens"

    def compose_dialog(self) -> ComposeResult:
        yield self._text
        with Horizontal(classes="dialog-buttons"):
            yield Button("Stop", id="cancel")
            yield Button("Now", id="yes", variant="error")

    def on_mount(self) -> None:
        self._count_down()

    @read("count down", group="countdown")
    async def _count_down(self) -> None:
        for left in range(SECONDS, 0, -1):
            bar = "▓" * left + "░" * (SECONDS - left)
            self._text.update(Content(f"in {left:>2} s  {bar}"))
            begun = self._clock.now(), self._clock.monotonic()
            await self._clock.sleep(1)
            if self._stood_still(*begun):
                self.call_off("the process had been stopped")
                return
        self.conclude(True)

    def _stood_still(self, now: datetime, monotonic: float) -> bool:
        """True when a second took much longer: the process was stopped, or the machine asleep."""
        by_wall_clock = (self._clock.now() - now).total_seconds()
        return max(by_wall_clock, self._clock.monotonic() - monotonic) > LONGEST_SECOND

    def call_off(self, why: str) -> bool:
        """Stop the countdown and revoke nothing."""
        if self.concluded:
            return False
        self.workers.cancel_group(self, "countdown")
        self.app.notify(f"Nothing was revoked: {why}.", severity="warning", timeout=10, markup=False)
        self.conclude(None)
        return True

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.conclude(event.button.id == "yes" or None)


class RevokeMany(Dialog[bool]):
    """One line a token. While it works, escape begins no further call; afterwards failures can be tried
    again."""

    CSS_PATH = "revoke_tokens.tcss"
    AUTO_FOCUS = "#close"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "retry", "Try again", show=False)]

    def __init__(self, tokens: Sequence[APIToken], revoke: Revoke, reason: str = "") -> None:
        super().__init__()
        self._tokens, self._reason = tokens, reason
        self._names = {token.id: token.name for token in tokens}
        self._revoke = revoke
        self._results: dict[str, Revocation] = {}
        self._working, self._stopped = True, False
        columns = (
            Column("name", "name", 20, _name_of, grow=1, most=40, sortable=False),
            Column("result", "result", 24, self._result_cell, grow=2, sortable=False),
        )
        self._table = VirtualTable[APIToken](columns, lambda token: token.id, id="many-list")
        self._table.styles.height = len(tokens) + 1
        self._note_line = Static("", id="many-note", classes="muted", markup=False)
        self._retry_button = Button("Try again", id="retry")
        self._close_button = Button("Stop", id="close")

    def compose_dialog(self) -> ComposeResult:
        yield self._table
        yield self._note_line
        with Horizontal(classes="dialog-buttons"):
            yield self._retry_button
            yield self._close_button

    def on_mount(self) -> None:
        self._table.show(self._tokens)
        self._revoke_tokens(dict(self._names))

    def _result_cell(self, token: APIToken) -> Cell:
        return _cell_of(self._results.get(token.id))

    @change("revoke tokens", quiet=True)
    async def _revoke_tokens(self, names: dict[str, str]) -> None:
        self._working, self._stopped = True, False
        for token_id in names:
            self._results.pop(token_id, None)
        self._show()
        results = await self._revoke(
            list(names.items()), self._reason, on_result=self._add_later, stopped=lambda: self._stopped
        )
        self._working = False
        self._results |= {result.token_id: result for result in results}
        ended = (result.error for result in results if isinstance(result.error, SessionEnded))
        if (error := next(ended, None)) is not None:
            report_error(self, error, "revoke tokens", shown=True)
        self._sort_failures_first()
        self._show()
        self._close_button.focus()

    def _add_later(self, result: Revocation) -> None:
        # An error while a result is shown must not end the revocation.
        self.call_later(self._add_result, result)

    def _add_result(self, result: Revocation) -> None:
        self._results[result.token_id] = result
        self._show()

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show what failed as a whole: the credential, the network. Each line keeps its state."""
        self._working = False
        if not isinstance(error, LoopinError):
            return False
        for token_id, name in self._names.items():
            self._results.setdefault(token_id, Revocation(token_id, name, error))
        self._sort_failures_first()
        self._show()
        return True

    # ── showing ──

    def _failed(self) -> dict[str, str]:
        return {i: r.name for i, r in self._results.items() if r.error is not None}

    def _show(self) -> None:
        done = sum(result.error is None for result in self._results.values())
        title = f"{done:,} of {len(self._names):,} tokens are revoked"
        self.title_line.update(Content(title))
        self._table.refresh()
        self._note_line.update(self._note())
        self._retry_button.display = not self._working and bool(self._failed())
        relabel(self._close_button, "Stop" if self._working else "Close")

    def _sort_failures_first(self) -> None:
        ranked = sorted(self._tokens, key=lambda token: _rank(self._results.get(token.id)))
        self._table.show(ranked)

    def _note(self) -> str:
        """The progress; afterwards each error in full, since a cell may be too narrow for it."""
        if self._working:
            return "no further call is made …" if self._stopped else "working …"
        results = self._results.values()
        errors = [r.error for r in results if r.error is not None and not isinstance(r.error, Cancelled)]
        reasons = [f"✗ {error_sentence(error, sign_in_key(self))}" for error in errors]
        read_back = any(result.revoked_at for result in results)
        lines = [*dict.fromkeys(reasons), *(["Times are read back from the server."] if read_back else [])]
        # A reason for every token would push the buttons off the screen.
        return "\n".join([*lines[:MOST_REASONS], *(["…"] if len(lines) > MOST_REASONS else [])])

    # ── actions ──

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "retry":
            self.action_retry()
        else:
            self.action_leave()

    def action_retry(self) -> None:
        """Retry the failed tokens."""
        if not self._working and (failed := self._failed()):
            self._revoke_tokens(failed)

    def cancel_running(self) -> bool:
        """Send no further call."""
        if not self._working or self._stopped:
            return False
        self.action_leave()
        return True

    def action_leave(self) -> None:
        """Send no further call; leave when none is under way."""
        if self._working:
            self._stopped = True
            self._show()
        else:
            self.dismiss(True)


def _rank(result: Revocation | None) -> int:
    """Sort key: failed, then not begun, then revoked."""
    if result is None or isinstance(result.error, Cancelled):
        return 1
    return 2 if result.error is None else 0


def _name_of(token: APIToken) -> Cell:
    return Cell(clean(token.name, 80))


def _cell_of(result: Revocation | None) -> Cell:
    """The result of one token."""
    if result is None:
        return Cell("○ waiting", "muted")
    if isinstance(result.error, Cancelled):
        return Cell("– not begun", "muted")
    if result.error is not None:
        return Cell(f"✗ {clean(result.error.message)}", "bad")
    at = f"revoked at {local(result.revoked_at):%H:%M:%S}" if result.revoked_at else "revoked"
    return Cell(f"✓ {at}{', by somebody else' if result.already else ''}", "good")
