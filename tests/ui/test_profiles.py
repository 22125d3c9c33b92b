"""Choosing a profile and a team over the accounts."""

from typing import cast

from app.domain.credentials import Method, Provider
from app.domain.errors import LoopinError, NotFound, Unreachable
from app.domain.gumloop import GumloopLogin, Team
from app.domain.secret import Secret
from app.services.stored_logins import ChainloopVault, GumloopVault, StoredLogin
from app.services.teams import TeamList, TeamService
from app.tui.screens.dialogs.profiles import ProfileDialog
from app.tui.screens.dialogs.teams import TeamDialog
from tests.support import app as fakes
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.page import opened


async def test_profiles_of_both_providers_are_listed_and_one_is_chosen() -> None:
    box = fakes.container()
    stored = StoredLogin(fakes.CI_TOKEN, Method.API_TOKEN, fakes.ENDPOINT)
    fakes.finish(ChainloopVault(box.fake_vault).write("ci-web", stored))
    fakes.finish(box.accounts.remember("chainloop", "ci-web", {"method": "api_token", "endpoint": "api:443"}))
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.profiles()
        assert accounts.options()[:3] == ["Gumloop", "  ● default  in use", "    another name …"]
        assert "    ci-web  API token · api:443" in accounts.options()
        await accounts.press("down", "down", "down", "enter")
        await accounts.until(lambda: accounts.row("profile") == "ci-web")
        assert box.chainloop_session.target.profile == "ci-web"
        assert accounts.row("method") == "API token"
        assert accounts.notes() == ["Chainloop works with the profile ci-web now"]


async def test_another_name_is_checked_and_has_nothing_stored_yet() -> None:
    box = fakes.container()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        accounts.focus_card(Provider.CHAINLOOP)
        await accounts.profiles()
        await accounts.press("down", "enter", *"A:b", "enter")
        assert isinstance(accounts.screen, ProfileDialog)
        assert "blanks, colons, slashes" in accounts.name_refusal()
        await accounts.named("second")
        await accounts.until(lambda: accounts.row("profile") == "second")
        assert accounts.card().state == "not signed in"
        assert box.gumloop_session.target.profile == "default"


class Teams:
    """The teams of a login, without a server; for the dialog."""

    def __init__(self) -> None:
        self.in_use = ""
        self.list_error: LoopinError | None = None
        self.choose_error: LoopinError | None = None

    async def list_teams(self) -> TeamList:
        if self.list_error is not None:
            raise self.list_error
        return TeamList([Team("t-1", "growth"), Team("t-2", "support")], self.in_use)

    async def choose_team(self, team_id: str) -> Team | None:
        if self.choose_error is not None:
            raise self.choose_error
        self.in_use = team_id
        return Team(team_id, "growth") if team_id else None


def gumloop(box: fakes.FakeContainer) -> Teams:
    """A stored access token of Gumloop, and its teams."""
    login = GumloopLogin(Method.ACCESS_TOKEN, Secret("not-a-real-token"), box.settings.gumloop.default)
    fakes.finish(GumloopVault(box.fake_vault, login.endpoint).write("default", login))
    teams = Teams()
    box.teams = cast("TeamService", teams)
    return teams


async def test_a_team_is_chosen_and_can_be_left() -> None:
    box = fakes.container()
    teams = gumloop(box)
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.teams()
        await accounts.until(accounts.options)
        assert accounts.options() == [
            "● no team: your personal workspace  in use",
            "  growth  t-1",
            "  support  t-2",
        ]
        teams.choose_error = NotFound("there is no team 't-1' for you", hint="see: loopin gumloop teams")
        await accounts.press("down", "enter")
        await accounts.until(lambda: "there is no team" in accounts.refusal())
        teams.choose_error = None
        await accounts.press("enter")
        await accounts.until(lambda: accounts.notes() == ["Gumloop works in the team growth now"])
        assert teams.in_use == "t-1"


async def test_teams_that_cannot_be_asked_for_say_why_and_offer_again() -> None:
    box = fakes.container()
    teams = gumloop(box)
    teams.list_error = Unreachable("nobody answers", hint="check the address")
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.teams()
        await accounts.until(lambda: accounts.state() == "error")
        teams.list_error = None
        await accounts.press("tab", "enter")
        await accounts.until(lambda: accounts.state() == "filled")


async def test_without_gumloop_the_team_key_is_grey() -> None:
    async with opened(AccountsPage, fakes.app()) as accounts:
        await accounts.ask_for_teams()
        await accounts.rest()
        assert not isinstance(accounts.screen, TeamDialog)
        assert not accounts.has_teams()
