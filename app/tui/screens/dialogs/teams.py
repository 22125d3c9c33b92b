"""Choose the Gumloop team to work in."""

from collections.abc import Awaitable, Sequence
from typing import Protocol

from textual.content import Content

from app.domain.gumloop import Team
from app.services.gumloop_teams import TeamList
from app.tui.screens.dialogs.list_dialog import ChoiceDialog
from widgets.presenter import clean

NO_TEAM = Team("", "no team: your personal workspace")


class Listing(Protocol):
    """Asks for the teams."""

    def do(self) -> Awaitable[TeamList]: ...


class Choosing(Protocol):
    """Remembers a team for the stored login."""

    def do(self, team_id: str) -> Awaitable[Team | None]: ...


class TeamDialog(ChoiceDialog[Team, Team]):
    """Lists the teams of the login; the result is the one that was chosen (NO_TEAM for none)."""

    TITLE = "Work in a Gumloop team"
    LOADING = "asking for your teams …"
    EMPTY = ("you are in no team", "requests go to your personal workspace")

    def __init__(self, listing: Listing, choosing: Choosing) -> None:
        super().__init__()
        self._listing = listing
        self._choosing = choosing
        self._in_use = ""

    async def list_rows(self) -> Sequence[Team]:
        """The teams and, where there are any, none of them."""
        found = await self._listing.do()
        self._in_use = found.in_use
        return (NO_TEAM, *found.teams) if found.teams else ()

    async def take(self, row: Team) -> Team:
        """Remember it."""
        return await self._choosing.do(row.id) or NO_TEAM

    def in_effect(self, row: Team) -> bool:
        """The one that requests go to."""
        return row.id == self._in_use

    def line(self, row: Team) -> Content:
        """Name and id."""
        here = self.in_effect(row)
        mark = ("● ", "$text-success") if here else "  "
        about = "  ".join(word for word in (clean(row.id, 60), "in use" if here else "") if word)
        return Content.assemble(mark, clean(row.name, 60), (f"  {about}", "$text-muted"))
