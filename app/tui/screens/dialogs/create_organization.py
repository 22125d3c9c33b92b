"""Create an organization."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Static
from textual.worker import Worker

from app.domain import names
from app.domain.errors import LoopinError
from app.services.changes import Changes
from app.services.organizations import OrganizationService, Switched
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.messages import reason, sign_in_key
from app.tui.screens.workers import change, why_not

_CREATE = "create"
_LIST = "loopin chainloop organization list shows whether it was created"


class CreateOrganizationDialog(Dialog[Switched]):
    """A name, checked while it is typed; a refusal keeps it. The result is what the creation came to."""

    TITLE = "Create an organization"
    CSS_PATH = "create_organization.tcss"
    AUTO_FOCUS: ClassVar[str | None] = "#organization-name"

    def __init__(self, organizations: OrganizationService, changes: Changes) -> None:
        super().__init__()
        self._organizations, self._changes = organizations, changes

    def compose_dialog(self) -> ComposeResult:
        yield Static("You own it, and this profile works in it from then on.", classes="muted", markup=False)
        yield Input(
            placeholder="name: a-z, 0-9 and hyphens",
            id="organization-name",
            max_length=names.MAX_LENGTH,
            compact=True,
        )
        yield Static("", id="organization-error", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            yield Button("Create", id="yes", variant="primary", disabled=True)

    @property
    def _typed(self) -> str:
        return self.query_one("#organization-name", Input).value.strip()

    @on(Input.Changed)
    def _check(self) -> None:
        why = names.problem(self._typed)
        self.query_one("#organization-error", Static).update(why if self._typed else "")
        self.query_one("#yes", Button).disabled = bool(why)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not names.problem(self._typed):
            self._make(self._typed)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self._make(self._typed)
        else:
            self.action_leave()

    @change("create the organization", group=_CREATE)
    async def _make(self, name: str) -> None:
        creating = self._organizations.create_organization(name)
        self.conclude(await self._changes.run(f"creating the organization {name}", creating, hint=_LIST))

    def action_leave(self) -> None:
        """Cancel; a creation that is under way comes to its end first."""
        if why := why_not(self, _CREATE):
            self.notify(why, severity="warning", timeout=4, markup=False)
        else:
            self.dismiss(None)

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """Say it in the dialog, which keeps what was typed."""
        if not isinstance(error, LoopinError):
            return False
        self.query_one("#organization-error", Static).update(reason(error, sign_in_key(self)))
        return True
