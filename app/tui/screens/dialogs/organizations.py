"""Choose the organization to work in."""

from collections.abc import Sequence

from textual.content import Content

from app.services.changes import Changes
from app.services.organizations import ListedMembership, OrganizationService, Switched
from app.tui.screens.dialogs.list_dialog import ListDialog
from widgets.presenter import clean


class OrganizationDialog(ListDialog[Switched, ListedMembership]):
    """Lists the person's organizations; the result is what the switch came to, None = none."""

    TITLE = "Switch organization"
    LOADING = "asking for your organizations …"
    EMPTY = ("you belong to no organization yet", "create one, or ask an owner to invite you")

    def __init__(self, organizations: OrganizationService, changes: Changes) -> None:
        super().__init__()
        self._changes = changes
        self._organizations = organizations

    async def list_rows(self) -> Sequence[ListedMembership]:
        """The person's memberships."""
        return await self._organizations.list_organizations()

    async def apply_row(self, row: ListedMembership) -> Switched:
        """Switch there."""
        name = row.membership.organization.name
        return await self._changes.run(f"switching to {name}", self._organizations.switch_organization(name))

    def in_effect(self, row: ListedMembership) -> bool:
        """The one that this profile works in."""
        return row.in_use

    def line(self, row: ListedMembership) -> Content:
        """Name and role."""
        membership = row.membership
        mark = ("● ", "$text-success") if row.in_use else "  "
        about = f"{membership.role.value}  in use" if row.in_use else membership.role.value
        name = clean(membership.organization.name, 40)
        return Content.assemble(mark, name, (f"  {about}", "$text-muted"))
