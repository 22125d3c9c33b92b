"""Choose the Gumloop team to work in."""

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option
from textual.worker import Worker

from app.domain.errors import LoopinError
from app.domain.gumloop import Team
from app.domain.text import clean
from app.screens.dialog import Dialog
from app.screens.words import reason
from app.services.gumloop_teams import TeamList
from widgets.state_view import StateView

NO_TEAM = Team("", "no team: your personal workspace")


class Listing(Protocol):
    """Asks for the teams."""

    def do(self) -> Awaitable[TeamList]: ...


class Choosing(Protocol):
    """Remembers a team for the stored login."""

    def do(self, team_id: str) -> Awaitable[Team | None]: ...


@dataclass(frozen=True, slots=True)
class TeamWork:
    """What the dialog works with."""

    listing: Listing
    choosing: Choosing


class TeamDialog(Dialog[Team]):
    """Lists the teams of the login; the result is the one that was chosen (NO_TEAM for none)."""

    TITLE = "Work in a Gumloop team"
    CSS_PATH = "team.tcss"
    AUTO_FOCUS = "OptionList"

    class Listed(Message):
        """The teams arrived."""

        def __init__(self, found: TeamList) -> None:
            super().__init__()
            self.found = found

    class Chosen(Message):
        """The choice is remembered."""

        def __init__(self, team: Team) -> None:
            super().__init__()
            self.team = team

    def __init__(self, work: TeamWork) -> None:
        super().__init__()
        self._work = work
        self._teams: tuple[Team, ...] = ()
        self._in_use = ""

    def compose_dialog(self) -> ComposeResult:
        with StateView():
            yield OptionList(markup=False)
        yield Static("", classes="dialog-error", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self.query_one(StateView).show_loading("asking for your teams …")
        self._list()

    @work(exclusive=True, group="list", description="list your teams", exit_on_error=False)
    async def _list(self) -> None:
        self.post_message(self.Listed(await self._work.listing.do()))

    @work(exclusive=True, group="choose", description="choose the team", exit_on_error=False)
    async def _choose(self, team_id: str) -> None:
        self.post_message(self.Chosen(await self._work.choosing.do(team_id) or NO_TEAM))

    @on(Listed)
    def _show(self, event: Listed) -> None:
        view, options = self.query_one(StateView), self.query_one(OptionList)
        if not event.found.teams:
            view.show_empty("you are in no team", "requests go to your personal workspace")
            return
        self._teams, self._in_use = (NO_TEAM, *event.found.teams), event.found.in_use
        options.clear_options()
        options.add_options([Option(_line(team, self._in_use)) for team in self._teams])
        options.highlighted = next((i for i, t in enumerate(self._teams) if t.id == self._in_use), 0)
        view.show_filled()
        options.focus()

    @on(OptionList.OptionSelected)
    def _picked(self, event: OptionList.OptionSelected) -> None:
        team = self._teams[event.option_index]
        if team.id == self._in_use:
            self.dismiss(None)
            return
        self.query_one(".dialog-error", Static).update("")
        self._choose(team.id)

    @on(Chosen)
    def _done(self, event: Chosen) -> None:
        self.dismiss(event.team)

    @on(StateView.Chosen)
    def _again(self) -> None:
        self.on_mount()

    @on(Button.Pressed, "#cancel")
    def _cancel(self) -> None:
        self.dismiss(None)

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """In the list's place, or under it when a choice failed."""
        if not isinstance(error, LoopinError):
            return False
        if worker.group == "list":
            self.query_one(StateView).show_error(error)
        else:
            self.query_one(".dialog-error", Static).update(reason(error))
        return True


def _line(team: Team, in_use: str) -> Content:
    here = team.id == in_use
    mark = ("● ", "$text-success") if here else "  "
    about = "  ".join(word for word in (clean(team.id, 60), "in use" if here else "") if word)
    return Content.assemble(mark, clean(team.name, 60), (f"  {about}", "$text-muted"))
