"""The Auto-revoke room: how long an unused token lives, and what another threshold would mean."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar, Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static
from textual.worker import Worker

from app.domain.errors import LoopinError, NoOrganization, NotSignedIn
from app.domain.inactivity import MAX_DAYS
from app.domain.organizations import Identity, Organization
from app.domain.preview import Preview
from app.domain.request_context import RequestContext
from app.domain.text import capital
from app.domain.tokens import StatusFilter
from app.services.changes import Changes
from app.services.organizations import OrganizationService
from app.services.threshold import ReviewOutdated, ThresholdReview, ThresholdService
from app.services.tokens import TokenService
from app.tui.commands.bindings import bindings_for
from app.tui.commands.command import Room
from app.tui.screens.account_state import Frame, Presence
from app.tui.screens.auto_revoke.save_dialog import ConfirmThreshold
from app.tui.screens.base_screen import RoomScreen
from app.tui.screens.messages import at_hand, interrupted_threshold, show_no_organization, sign_in_key
from app.tui.screens.workers import change
from widgets.content_state import StateView
from widgets.presenter import clean
from widgets.threshold_picker import ThresholdPicker
from widgets.threshold_preview import PartitionView
from widgets.threshold_text import change_words, days

_SAVE = "save"
_READ = "loopin chainloop organization describe shows it"


class AutoRevokeServices(Protocol):
    """The services behind the screen: those of the container."""

    @property
    def changes(self) -> Changes: ...
    @property
    def organizations(self) -> OrganizationService: ...
    @property
    def threshold(self) -> ThresholdService: ...
    @property
    def tokens(self) -> TokenService: ...


class AutoRevokeScreen(RoomScreen):
    """Every move of the threshold shows at once what it means; nothing changes before it is saved."""

    ROOM = Room.AUTO_REVOKE
    TAB = "app.auto_revoke"
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Room.AUTO_REVOKE)]

    def __init__(
        self,
        frame: Frame,
        services: AutoRevokeServices,
        sweep: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """`sweep` runs the demo's sweep now; None elsewhere."""
        super().__init__(frame)
        self._services = services
        self._sweep = sweep
        self._read_in: RequestContext | None = None
        self._identity: Identity | None = None
        self._preview: Preview | None = None
        self._stale = True

    def compose_body(self) -> ComposeResult:
        with StateView(), Vertical():
            with Horizontal(id="revoke-head"):
                yield Static("Revoke tokens that nobody uses", id="revoke-title", markup=False)
                yield Static("", id="revoke-where", markup=False)
            yield ThresholdPicker()
            yield Static("", id="revoke-change", markup=False)
            yield Static("", id="revoke-why", markup=False)
            yield PartitionView()
            with Horizontal(id="revoke-foot"):
                yield Static("Only tokens that you can see are counted.", id="revoke-note", markup=False)
                yield Button("Undo", id="undo", action="screen.undo")
                yield Button("Save …", id="save", action="screen.save", variant="primary")

    # ── load ──

    def on_screen_resume(self) -> None:
        if self._stale:
            self._stale = False
            self.call_after_refresh(self.load)

    def account_changed(self) -> None:
        """Forget what was somebody else's, and ask again."""
        self.workers.cancel_group(self, "describe")
        self._read_in, self._identity, self._preview = None, None, None
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
            here = await self._services.organizations.describe_organization_in_use()
            context, identity, preview = here.context, here.identity, None
            if not identity.why_no_tokens():
                listing = await self._services.tokens.list_tokens_in(context, identity, StatusFilter.ACTIVE)
                preview = await asyncio.to_thread(Preview, listing.tokens, listing.as_of)
        finally:
            self.busy = ""
        # No message: one that still waits when the account changes would be shown under the new header.
        self.as_of = self.frame.clock.now()
        self._show_read(context, identity, preview)
        # What the trail cannot tell now, it tells another time.
        with suppress(LoopinError):
            for found in await self._services.threshold.end_interrupted(context, identity):
                self.notify(interrupted_threshold(found), severity="warning", timeout=20, markup=False)

    def action_refresh(self) -> None:
        """Ask again."""
        self.load()

    def _show_read(self, context: RequestContext, identity: Identity, preview: Preview | None) -> None:
        unchanged = self._identity is None or self._chosen == self._saved
        self._read_in, self._identity, self._preview = context, identity, preview
        if unchanged:
            self._picker.days = self._saved
        view = self.query_one(StateView)
        if view.state != "filled":
            view.show_filled()
            self.call_after_refresh(self._picker.enter)
        self._show_identity(identity)
        self._show()

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """What could not be read is said on the screen, unless something older is there to keep."""
        if worker.group != "describe" or self._identity is not None or not isinstance(error, LoopinError):
            return False
        view = self.query_one(StateView)
        if isinstance(error, NoOrganization):
            show_no_organization(view, error)
        elif isinstance(error, NotSignedIn):
            view.show_error(at_hand(error, sign_in_key(self)), button="Go to Accounts", action="accounts")
        else:
            view.show_error(at_hand(error, sign_in_key(self)))
        self.call_after_refresh(self.query_one("#state-note Button", Button).focus)
        return True

    @on(StateView.Chosen)
    async def _offered(self, event: StateView.Chosen) -> None:
        actions = {"accounts": "app.room('accounts')", "create_organization": "app.create_organization"}
        await self.run_action(actions.get(event.action, "refresh"))

    # ── choose ──

    @property
    def _saved(self) -> int | None:
        """Days as the server has them, 0 = off; None where they cannot be read."""
        return self._identity.threshold if self._identity else None

    @property
    def _picker(self) -> ThresholdPicker:
        return self.query_one(ThresholdPicker)

    @property
    def _chosen(self) -> int | None:
        """Days that are looked at, 0 = off; None = what is typed is no threshold."""
        return self._picker.days

    def action_switch(self) -> None:
        """Turn it on or off."""
        self._picker.switch()

    def action_step(self, by: int) -> None:
        """Move the threshold by days."""
        self._picker.step(by)

    def action_undo(self) -> None:
        """Go back to what is saved."""
        self._picker.days = self._saved

    def go_back(self) -> bool:
        """Drop a change that is not saved."""
        changed = self._identity is not None and self._chosen != self._saved
        if changed:
            self.action_undo()
        return changed

    # ── show ──

    def _show_identity(self, identity: Identity) -> None:
        self.query_one("#revoke-where", Static).update(f"organization {clean(identity.organization, 60)}")
        why, reason = self.query_one("#revoke-why", Static), identity.why_no_settings()
        still = " You can look at other thresholds." if self._preview else ""
        said = "" if reason.startswith("read-only") else "Read-only. "
        why.update(f"{said}{capital(clean(reason))}.{still}")
        why.display = bool(reason)

    @on(ThresholdPicker.Changed)
    def _show(self) -> None:
        if (identity := self._identity) is None:
            return
        self._say_change()
        self._show_partition(identity)
        for action in ("undo", "save"):
            self.query_one(f"#{action}", Button).disabled = bool(self.why_disabled(action, ()))
        self.refresh_bindings()

    def _say_change(self) -> None:
        change = self.query_one("#revoke-change", Static)
        if self._saved is None:
            change.update("The threshold in force cannot be read with this credential.")
        elif self._chosen is not None:
            change.update(change_words(self._saved, self._chosen))

    def _show_partition(self, identity: Identity) -> None:
        view = self.query_one(PartitionView)
        self.query_one("#revoke-note").visible = self._preview is not None
        if self._preview is None:
            view.show_nothing(identity.why_no_tokens())
        else:
            view.show(self._preview, self._chosen, identity.token_id)

    # ── what can be done ──

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The sweep is at hand only in the demo; elsewhere its key does not exist."""
        if action == "sweep" and self._sweep is None:
            return False
        return super().check_action(action, parameters)

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """What cannot be done, and why."""
        if action not in {"switch", "step", "save", "undo"}:
            return ""
        if self._identity is None:
            return "the organization is not read yet"
        if action in {"switch", "step"} and not self._preview:
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

    # ── save ──

    @on(ThresholdPicker.Submitted)
    async def _submitted(self) -> None:
        await self.run_action("save")

    @change("save the threshold", group=_SAVE)
    async def action_save(self) -> None:
        """Ask, save, and show what the server says afterwards.

        What is no longer true when it was confirmed is shown and asked anew: nothing was sent then.
        """
        identity, preview, chosen, context = self._identity, self._preview, self._chosen, self._read_in
        if identity is None or preview is None or chosen is None or context is None:
            return
        shown, why = ThresholdReview(chosen, context, identity, preview), ""
        doing = f"saving the threshold of {clean(identity.organization, 60)}"
        while await self.app.push_screen_wait(ConfirmThreshold(shown, why)):
            try:
                with self.doing("saving"):
                    saving = self._services.threshold.update_threshold(chosen, shown)
                    organization = await self._services.changes.run(doing, saving, hint=_READ)
            except ReviewOutdated as outdated:
                shown, why = outdated.review, outdated.message
                self._show_review(shown)
            else:
                self._show_saved(organization, context)
                return

    def _show_review(self, review: ThresholdReview) -> None:
        """What was read anew also stands under the question, unless another account is shown by now."""
        if self._read_in is not None and self._read_in.organization == review.context.organization:
            self._show_read(review.context, review.identity, review.preview)
            self._picker.days = review.days

    def _show_saved(self, organization: Organization, shown: RequestContext) -> None:
        said = f"{clean(organization.name, 60)}: {days(organization.threshold)}, read back from the server."
        self.notify(said, title="Threshold saved", markup=False)
        if self._identity is not None and self._read_in == shown:
            self._identity = replace(self._identity, threshold=organization.threshold)
            self._picker.days = self._saved
            self._show()
        self.load()
        self.frame.look()

    @change("run the sweep", group=_SAVE)
    async def action_sweep(self) -> None:
        """In the demo: run the sweep that the server runs every hour."""
        if self._sweep is None:
            return
        with self.doing("sweeping"):
            count = await self._sweep()
        words = "nothing was due" if not count else f"{count:,} unused token{'s' * (count > 1)} revoked"
        self.notify(words, title="The sweep ran", markup=False)
        self.load()
        self.frame.look()
