"""Choose the Gumloop team to work in."""

from collections.abc import Sequence

from textual.content import Content

from app.domain.gumloop import Team
from app.services.teams import TeamService
from app.tui.screens.dialogs.list_dialog import ListDialog
from widgets.presenter import clean

NO_TEAM = Team("", "no team: your personal workspace")


class TeamDialog(ListDialog[Team, Team]):
    """Lists the teams of the login; the result is the one that was chosen (NO_TEAM for none)."""

    TITLE = "Work in a Gumloop team"
    LOADING = "asking for your teams …"
    EMPTY = ("you are in no team", "requests go to your personal workspace")

    def __init__(self, teams: TeamService) -> None:
        super().__init__()
        self._teams = teams
        self._in_use = ""

    async def list_rows(self) -> Sequence[Team]:
        """The teams and, where there are any, none of them."""
        teams = await self._teams.list_teams()
        self._in_use = teams.in_use
        return (NO_TEAM, *teams.teams) if teams.teams else ()

    async def apply_row(self, row: Team) -> Team:
        """Remember it."""
        return await self._teams.choose_team(row.id) or NO_TEAM

    def in_effect(self, row: Team) -> bool:
        """The one that requests go to."""
        return row.id == self._in_use

    def line(self, row: Team) -> Content:
        """Name and id."""
        here = self.in_effect(row)
        mark = ("● ", "$text-success") if here else "  "
        about = "  ".join(word for word in (clean(row.id, 60), "in use" if here else "") if word)
        return Content.assemble(mark, clean(row.name, 60), (f"  {about}", "$text-muted"))
