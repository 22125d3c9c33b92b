"""The Auto-revoke room: how long an unused token lives, and what another threshold would mean."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Input, Static
from textual.worker import Worker

from app.commands.bindings import bindings_for
from app.commands.command import Room
from app.domain.errors import LoopinError, NotSignedIn
from app.domain.inactivity import MAX_DAYS
from app.domain.organizations import Identity, Organization
from app.domain.preview import Partition, Preview
from app.domain.text import clean
from app.domain.tokens import APIToken, StatusFilter
from app.screens.auto_revoke_save import ConfirmThreshold
from app.screens.auto_revoke_words import change_words, columns, days, partition_words
from app.screens.frame import Frame, Presence
from app.screens.room import RoomScreen
from app.services.organizations import DescribeOrganization, UpdateThreshold
from app.services.tokens import ListTokens
from widgets.choice_bar import ChoiceBar
from widgets.histogram import Histogram
from widgets.state_view import StateView
from widgets.virtual_table import VirtualTable

PRESETS = (30, 60, 90, 180, 365)
USUAL = 90
NARROW = 96


@dataclass(frozen=True, slots=True)
class AutoRevokeWork:
    """The use cases behind the screen. `sweep` runs the demo's sweep now; None elsewhere."""

    describe: DescribeOrganization
    list_tokens: ListTokens
    update_threshold: UpdateThreshold
    sweep: Callable[[], Awaitable[int]] | None = None


class Described(Message):
    """The organization was read. `preview` is None where the tokens may not be seen."""

    def __init__(self, identity: Identity, preview: Preview | None, as_of: datetime) -> None:
        super().__init__()
        self.identity, self.preview, self.as_of = identity, preview, as_of


class Saved(Message):
    """The threshold was saved; `organization` is what the server says now."""

    def __init__(self, organization: Organization) -> None:
        super().__init__()
        self.organization = organization


class AutoRevokeScreen(RoomScreen):
    """Every move of the threshold shows at once what it means; nothing changes before it is saved."""

    ROOM = Room.AUTO_REVOKE
    TAB = "app.auto_revoke"
    CSS_PATH = "auto_revoke.tcss"
    AUTO_FOCUS = "#revoke-presets"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Room.AUTO_REVOKE)]

    def __init__(self, frame: Frame, work: AutoRevokeWork) -> None:
        super().__init__(frame)
        self._use = work
        self._identity: Identity | None = None
        self._preview: Preview | None = None
        self._chosen: int | None = 0
        self._before_off = USUAL
        self._partition: Partition | None = None
        self._stale = True

    def compose_body(self) -> ComposeResult:
        with StateView(id="revoke-state"), Vertical():
            with Horizontal(id="revoke-head"):
                yield Static("Revoke tokens that nobody uses", id="revoke-title", markup=False)
                yield Static("", id="revoke-where", markup=False)
            with Horizontal(id="revoke-switch-line"):
                yield Static("Auto-revoke", classes="revoke-label", markup=False)
                yield ChoiceBar(("○ off", "● on"), id="revoke-switch")
            with Horizontal(id="revoke-line"):
                yield Static("Threshold", classes="revoke-label", markup=False)
                yield ChoiceBar([str(preset) for preset in PRESETS], id="revoke-presets")
                yield Static("or type", id="revoke-or", markup=False)
                yield Input(id="revoke-days", type="integer", max_length=3, compact=True)
                yield Static("", id="revoke-unit", markup=False)
            yield Static("", id="revoke-change", markup=False)
            yield Static("", id="revoke-why", markup=False)
            yield Histogram(id="revoke-histogram")
            yield Static("", id="revoke-fates", markup=False)
            yield VirtualTable[APIToken]((), lambda token: token.id, id="revoke-table")
            with Horizontal(id="revoke-foot"):
                yield Static("Only tokens that you can see are counted.", id="revoke-note", markup=False)
                yield Button("Undo", id="revoke-undo")
                yield Button("Save …", id="revoke-save", variant="primary")

    # ── data ──

    def on_screen_resume(self) -> None:
        if self._stale:
            self._stale = False
            self.call_after_refresh(self.load)

    def account_changed(self) -> None:
        """Forget what was somebody else's, and ask again."""
        self._identity, self._preview = None, None
        self.query_one(StateView).show_loading("asking the server …")
        self._refresh_soon()

    def presence_changed(self, presence: Presence) -> None:
        """Something was done elsewhere: what is shown here may be old."""
        if self._identity is not None and not self.is_current:
            self._stale = True

    def _refresh_soon(self) -> None:
        self._stale = True
        if self.is_current:
            self.on_screen_resume()

    @work(exclusive=True, group="describe", description="read the organization", exit_on_error=False)
    async def load(self) -> None:
        """Read the threshold, and the tokens where they may be seen."""
        self.busy = "refreshing"
        try:
            identity, preview = await self._use.describe.do(), None
            if not identity.why_no_tokens():
                listing = await self._use.list_tokens.do(StatusFilter.ACTIVE)
                preview = await asyncio.to_thread(Preview, listing.tokens, listing.as_of)
        finally:
            self.busy = ""
        self.post_message(Described(identity, preview, self.frame.clock.now()))

    @on(Described)
    def _described(self, event: Described) -> None:
        unchanged = self._identity is None or self._chosen == self._saved
        self._identity, self._preview, self.as_of = event.identity, event.preview, event.as_of
        if unchanged:
            self._choose(self._saved)
        view = self.query_one(StateView)
        if view.state != "filled":
            view.show_filled()
            self.call_after_refresh(self.query_one("#revoke-presets", ChoiceBar).focus)
        self._show()

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """What could not be read is said on the screen, unless something older is there to keep."""
        if worker.group != "describe" or self._identity is not None or not isinstance(error, LoopinError):
            return False
        view = self.query_one(StateView)
        if isinstance(error, NotSignedIn):
            view.show_error(error, button="Go to Accounts", action="accounts")
        else:
            view.show_error(error)
        self.call_after_refresh(self.query_one("#state-note Button", Button).focus)
        return True

    @on(StateView.Chosen)
    async def _offered(self, event: StateView.Chosen) -> None:
        await self.run_action("app.room('accounts')" if event.action == "accounts" else "refresh")

    # ── the threshold being looked at ──

    @property
    def _saved(self) -> int | None:
        """Days as the server has them, 0 = off; None where they cannot be read."""
        return self._identity.threshold if self._identity else None

    def _choose(self, number: int | None, *, typed: bool = False) -> None:
        """Look at another threshold; None = what is typed is not one."""
        if number:
            self._before_off = number
        self._chosen = number
        if not typed:
            with self.prevent(Input.Changed):
                self.query_one("#revoke-days", Input).value = "" if number is None else str(number)
        self._show()

    @on(ChoiceBar.Changed, "#revoke-switch")
    def _switched(self, event: ChoiceBar.Changed) -> None:
        self._choose(self._before_off if event.index else 0)

    @on(ChoiceBar.Changed, "#revoke-presets")
    def _preset(self, event: ChoiceBar.Changed) -> None:
        self._choose(PRESETS[event.index])

    @on(Input.Changed, "#revoke-days")
    def _typed(self, event: Input.Changed) -> None:
        valid = event.value.isdecimal() and int(event.value) <= MAX_DAYS
        self._choose(int(event.value) if valid else None, typed=True)

    @on(Input.Submitted, "#revoke-days")
    async def _submitted(self) -> None:
        await self.run_action("save")

    # ── showing ──

    def _show(self) -> None:
        if (identity := self._identity) is None:
            return
        chosen = self._chosen
        self._text("revoke-where", f"organization {clean(identity.organization, 60)}")
        self.query_one("#revoke-switch", ChoiceBar).chosen = None if chosen is None else int(chosen > 0)
        presets = self.query_one("#revoke-presets", ChoiceBar)
        presets.chosen = PRESETS.index(chosen) if chosen in PRESETS else None
        wrong = chosen is None and bool(self.query_one("#revoke-days", Input).value)
        unit = self.query_one("#revoke-unit", Static)
        unit.set_class(wrong, "-wrong")
        unit.update(f"✗ use 0–{MAX_DAYS}" if wrong else "days, 0 = off")
        self._say_change(identity, chosen)
        self._show_preview(identity, chosen)
        self.query_one("#revoke-save", Button).disabled = bool(self.why_disabled("save", ()))
        self.query_one("#revoke-undo", Button).disabled = bool(self.why_disabled("undo", ()))
        self.refresh_bindings()

    def _say_change(self, identity: Identity, chosen: int | None) -> None:
        change = self.query_one("#revoke-change", Static)
        if self._saved is None:
            change.update(Content("The threshold in force cannot be read with this credential."))
        elif chosen is not None:
            change.update(change_words(self._saved, chosen))
        why = self.query_one("#revoke-why", Static)
        reason = identity.why_no_settings()
        still = " You can look at other thresholds." if self._preview else ""
        why.update(Content(f"Read-only: {clean(reason)}.{still}"))
        why.display = bool(reason)

    def _show_preview(self, identity: Identity, chosen: int | None) -> None:
        histogram, table = self.query_one(Histogram), self.query_one(VirtualTable)
        known = (preview := self._preview) is not None
        histogram.display = known
        table.visible = self.query_one("#revoke-note").visible = known
        if preview is None:
            self._partition = None
            self._text("revoke-fates", f"What it means cannot be shown: {identity.why_no_tokens()}.")
            return
        histogram.count, histogram.threshold = preview.histogram, chosen or 0
        histogram.caption = f"idle time of {len(preview.tokens):,} unrevoked tokens · ┃ = threshold"
        self._partition = preview.at(chosen or 0)
        self._say_fates()
        table.nothing = "Nothing falls within 30 days." if chosen else ""
        table.use_columns(columns(preview.now, chosen or 0, identity.token_id))
        table.show(self._partition.falling)

    def on_resize(self) -> None:
        self._say_fates()

    def _say_fates(self) -> None:
        if self._partition is not None:
            narrow = self.size.width < NARROW
            words = partition_words(self._partition, narrow=narrow)
            if self._chosen is None:
                words = Content("Choose a threshold to see what it would mean.")
            self.query_one("#revoke-fates", Static).update(words)

    def _text(self, field: str, text: str) -> None:
        self.query_one(f"#{field}", Static).update(Content(text))

    # ── actions ──

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The sweep is at hand only in the demo; elsewhere its key does not exist."""
        if action == "sweep" and self._use.sweep is None:
            return False
        return super().check_action(action, parameters)

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """What cannot be done, and why."""
        if action not in {"switch", "step", "save", "undo"}:
            return ""
        if self._identity is None:
            return "the organization is not read yet"
        if action in {"switch", "step"} and self._identity and not self._preview:
            return self._identity.why_no_settings()
        if action == "undo" and self._chosen == self._saved:
            return "nothing is changed"
        return self._why_no_save(self._identity) if action == "save" else ""

    def _why_no_save(self, identity: Identity) -> str:
        if reason := identity.why_no_settings():
            return reason
        if self._chosen is None:
            return f"the threshold is a number from 0 to {MAX_DAYS}"
        return "it is what is saved already" if self._chosen == self._saved else ""

    def action_refresh(self) -> None:
        """Ask again."""
        self.load()

    def action_switch(self) -> None:
        """Turn it on or off."""
        self._choose(0 if self._chosen else self._before_off)

    def action_step(self, by: int) -> None:
        """Move the threshold by days."""
        self._choose(max(0, min(MAX_DAYS, (self._chosen or 0) + by)))

    def action_undo(self) -> None:
        """Go back to what is saved."""
        self._choose(self._saved)

    def go_back(self) -> bool:
        """Drop a change that is not saved."""
        changed = self._identity is not None and self._chosen != self._saved
        if changed:
            self._choose(self._saved)
        return changed

    @on(Button.Pressed, "#revoke-undo")
    @on(Button.Pressed, "#revoke-save")
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.run_action((event.button.id or "").removeprefix("revoke-"))

    @work(exclusive=True, group="save", description="save the threshold", exit_on_error=False)
    async def action_save(self) -> None:
        """Ask, save, and show what the server says afterwards."""
        identity, preview, chosen = self._identity, self._preview, self._chosen
        if identity is None or preview is None or chosen is None:
            return
        dialog = ConfirmThreshold(self._saved or 0, preview.at(chosen), identity.organization)
        if await self.app.push_screen_wait(dialog) is None:
            return
        self.busy = "saving"
        try:
            self.post_message(Saved(await self._use.update_threshold.do(chosen)))
        finally:
            self.busy = ""

    @on(Saved)
    def _read_back(self, event: Saved) -> None:
        said = f"The server has it: {days(event.organization.threshold)}."
        self.notify(said, title="Threshold saved", markup=False)
        self._chosen = self._saved
        self.load()
        self.frame.look()

    @work(exclusive=True, group="sweep", description="run the sweep", exit_on_error=False)
    async def action_sweep(self) -> None:
        """In the demo: run the sweep that the server runs every hour."""
        if self._use.sweep is None:
            return
        self.busy = "sweeping"
        try:
            count = await self._use.sweep()
        finally:
            self.busy = ""
        words = "nothing was due" if not count else f"{count:,} unused token{'s' * (count > 1)} revoked"
        self.notify(words, title="The sweep ran", markup=False)
        self.load()
        self.frame.look()
