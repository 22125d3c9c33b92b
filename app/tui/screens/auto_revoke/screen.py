"""Auto-revoke: how long an unused token lives, and what another threshold would mean."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from app.domain.errors import LoopinError
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
from app.tui.commands.registry import CommandGroup
from app.tui.screens.account_state import AppContext
from app.tui.screens.auto_revoke.save_dialog import ConfirmThreshold
from app.tui.screens.base_screen import BaseScreen
from app.tui.screens.messages import interrupted_threshold_sentence, show_load_error
from app.tui.screens.workers import change, read
from widgets.content_state import ContentState
from widgets.presenter import clean
from widgets.threshold_picker import ThresholdPicker
from widgets.threshold_preview import ThresholdPreview, change_text, days

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


class AutoRevokeScreen(BaseScreen):
    """Shows what each threshold would mean while it is chosen; nothing changes before it is saved."""

    COMMAND_GROUP = CommandGroup.AUTO_REVOKE
    TAB = "app.auto_revoke"
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(CommandGroup.AUTO_REVOKE)]

    def __init__(
        self,
        app_context: AppContext,
        services: AutoRevokeServices,
        sweep: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        """`sweep` runs the demo's sweep now; None elsewhere."""
        super().__init__(app_context)
        self._services = services
        self._sweep = sweep
        self._read_in: RequestContext | None = None
        self._identity: Identity | None = None
        self._preview: Preview | None = None
        self._stale = True
        self._content = ContentState()
        self._organization = Static("", id="revoke-where", markup=False)
        self._picker = ThresholdPicker()
        self._change = Static("", id="revoke-change", markup=False)
        self._read_only_reason = Static("", id="revoke-why", markup=False)
        self._preview_view = ThresholdPreview()
        self._note = Static("Only tokens that you can see are counted.", id="revoke-note", markup=False)
        self._buttons = {
            "undo": Button("Undo", id="undo", action="screen.undo"),
            "save": Button("Save …", id="save", action="screen.save", variant="primary"),
        }

    def compose_body(self) -> ComposeResult:
        with self._content, Vertical():
            with Horizontal(id="revoke-head"):
                yield Static("Revoke tokens that nobody uses", id="revoke-title", markup=False)
                yield self._organization
            yield self._picker
            yield self._change
            yield self._read_only_reason
            yield self._preview_view
            with Horizontal(id="revoke-foot"):
                yield self._note
                yield from self._buttons.values()

    # ── load ──

    def on_screen_resume(self) -> None:
        if self._stale:
            self._stale = False
            self.call_after_refresh(self.load)

    def account_changed(self) -> None:
        """Forget what was somebody else's, and ask again."""
        self.workers.cancel_group(self, "describe")
        self._read_in, self._identity, self._preview = None, None, None
        self._content.show_loading("asking the server …")
        self._refresh_soon()

    def watch_account_state(self) -> None:
        """Load again at the next visit: something was done on another screen."""
        if self._identity is not None and not self.is_current:
            self._stale = True

    def _refresh_soon(self) -> None:
        self._stale = True
        if self.is_current:
            self.on_screen_resume()

    @read("read the organization", group="describe")
    async def load(self) -> None:
        """Read the threshold, and the tokens where they may be seen."""
        self.reading = "refreshing"
        try:
            here = await self._services.organizations.describe_organization_in_use()
            context, identity, preview = here.context, here.identity, None
            if not identity.why_no_tokens():
                listing = await self._services.tokens.list_tokens_in(context, identity, StatusFilter.ACTIVE)
                preview = await asyncio.to_thread(Preview, listing.tokens, listing.as_of)
        finally:
            self.reading = ""
        self.as_of = self.app_context.clock.now()
        self._show_read(context, identity, preview)
        # An activity log that cannot be read now is read at the next start.
        with suppress(LoopinError):
            for found in await self._services.threshold.end_interrupted(context, identity):
                self.notify(
                    interrupted_threshold_sentence(found), severity="warning", timeout=20, markup=False
                )

    def action_refresh(self) -> None:
        """Ask again."""
        self.load()

    def _show_read(self, context: RequestContext, identity: Identity, preview: Preview | None) -> None:
        unchanged = self._identity is None or self._chosen == self._saved
        self._read_in, self._identity, self._preview = context, identity, preview
        if unchanged:
            self._picker.days = self._saved
        if not self._content.is_filled:
            self._content.show_filled()
            self.call_after_refresh(self._picker.focus_presets)
        self._show_identity(identity)
        self._show()

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show why the organization could not be read, unless older data is there to keep."""
        if group != "describe" or self._identity is not None or not isinstance(error, LoopinError):
            return False
        show_load_error(self._content, error)
        return True

    # ── choose ──

    @property
    def _saved(self) -> int | None:
        """Days as the server has them, 0 = off; None where they cannot be read."""
        return self._identity.threshold if self._identity else None

    @property
    def _chosen(self) -> int | None:
        """Days chosen, 0 = off; None when the typed text is no threshold."""
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
        self._organization.update(f"organization {clean(identity.organization, 60)}")
        reason = identity.why_no_settings()
        prefix = "" if reason.startswith("read-only") else "Read-only. "
        hint = " You can look at other thresholds." if self._preview else ""
        self._read_only_reason.update(f"{prefix}{capital(clean(reason))}.{hint}")
        self._read_only_reason.display = bool(reason)

    @on(ThresholdPicker.Changed)
    def _show(self) -> None:
        if (identity := self._identity) is None:
            return
        if self._saved is None:
            self._change.update("The threshold in force cannot be read with this credential.")
        elif self._chosen is not None:
            self._change.update(change_text(self._saved, self._chosen))
        self._note.visible = self._preview is not None
        if self._preview is None:
            self._preview_view.show_unavailable(identity.why_no_tokens())
        else:
            self._preview_view.show(self._preview, self._chosen, identity.token_id)
        for action, button in self._buttons.items():
            button.disabled = bool(self.why_disabled(action, ()))
        self.refresh_bindings()

    # ── what can be done ──

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The sweep exists in the demo only."""
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
                with self.busy_with("saving"):
                    saving = self._services.threshold.update_threshold(chosen, shown)
                    organization = await self._services.changes.run(doing, saving, hint=_READ)
            except ReviewOutdated as outdated:
                shown, why = outdated.review, outdated.message
                self._show_review(shown)
            else:
                self._show_saved(organization, context)
                return

    def _show_review(self, review: ThresholdReview) -> None:
        """Show the review below its question, unless another account is shown by now."""
        if self._read_in is not None and self._read_in.organization == review.context.organization:
            self._show_read(review.context, review.identity, review.preview)
            self._picker.days = review.days

    def _show_saved(self, organization: Organization, shown: RequestContext) -> None:
        words = f"{clean(organization.name, 60)}: {days(organization.threshold)}, read back from the server."
        self.notify(words, title="Threshold saved", markup=False)
        if self._identity is not None and self._read_in == shown:
            self._identity = replace(self._identity, threshold=organization.threshold)
            self._picker.days = self._saved
            self._show()
        self.load()
        self.app_context.refresh_account_state()

    @change("run the sweep", group=_SAVE)
    async def action_sweep(self) -> None:
        """In the demo: run the sweep that the server runs every hour."""
        if self._sweep is None:
            return
        with self.busy_with("sweeping"):
            count = await self._sweep()
        words = "nothing was due" if not count else f"{count:,} unused token{'s' * (count > 1)} revoked"
        self.notify(words, title="The sweep ran", markup=False)
        self.load()
        self.app_context.refresh_account_state()
