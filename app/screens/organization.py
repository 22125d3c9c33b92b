"""Choose the organization to work in."""

from collections.abc import Sequence

from textual.content import Content

from app.domain.organizations import Membership
from app.domain.text import clean
from app.screens.choice import ChoiceDialog
from app.services.organizations import ListOrganizations, SwitchOrganization


class OrganizationDialog(ChoiceDialog[str, Membership]):
    """Lists the person's organizations; the result is the name that was switched to, None = none."""

    TITLE = "Work in another organization"
    LOADING = "asking for your organizations …"
    EMPTY = ("you belong to no organization yet", "ask an owner to invite you")

    def __init__(self, listing: ListOrganizations, switch: SwitchOrganization) -> None:
        super().__init__()
        self._listing = listing
        self._switch = switch

    async def list_rows(self) -> Sequence[Membership]:
        """The person's memberships."""
        return await self._listing.do()

    async def take(self, row: Membership) -> str:
        """Switch there."""
        return (await self._switch.do(row.organization.name)).organization.name

    def in_effect(self, row: Membership) -> bool:
        """The one that the server says we are in."""
        return row.current

    def line(self, row: Membership) -> Content:
        """Name and role."""
        mark = ("● ", "$text-success") if row.current else "  "
        about = f"{row.role.value}  in use" if row.current else row.role.value
        return Content.assemble(mark, clean(row.organization.name, 40), (f"  {about}", "$text-muted"))
