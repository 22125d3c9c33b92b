"""Create an organization."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Static

from app.domain import names
from app.services.changes import Changes
from app.services.organizations import OrganizationService, Switched
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.workers import can_start, change

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
        self._name_input = Input(
            placeholder="name: a-z, 0-9 and hyphens",
            id="organization-name",
            max_length=names.MAX_LENGTH,
            compact=True,
        )
        self._submit = Button("Create", id="yes", variant="primary", disabled=True)
        self.error_line.id = "organization-error"

    def compose_dialog(self) -> ComposeResult:
        yield Static("You own it, and this profile works in it from then on.", classes="muted", markup=False)
        yield self._name_input
        yield self.error_line
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            yield self._submit

    @on(Input.Changed)
    def _check_name(self) -> None:
        name = self._name_input.value.strip()
        problem = names.problem(name)
        self.error_line.update(problem if name else "")
        self._submit.disabled = bool(problem)

    @on(Input.Submitted)
    @on(Button.Pressed, "#yes")
    def _submit_name(self) -> None:
        name = self._name_input.value.strip()
        if not names.problem(name):
            self._create_organization(name)

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.action_leave()

    @change("create the organization", group=_CREATE)
    async def _create_organization(self, name: str) -> None:
        creating = self._organizations.create_organization(name)
        self.conclude(await self._changes.run(f"creating the organization {name}", creating, hint=_LIST))

    def action_leave(self) -> None:
        """Cancel; a creation that is under way comes to its end first."""
        if can_start(self, _CREATE):
            self.dismiss(None)
