"""Choosing a profile and a team over the accounts."""

from textual.widgets import Input, OptionList

from app.domain.credentials import Method, Provider
from app.domain.errors import LoopinError, NotFound, Unreachable
from app.domain.gumloop import GumloopLogin, Team
from app.domain.secret import Secret
from app.main import LoopinApp
from app.screens.profile import ProfileDialog
from app.screens.team import TeamDialog
from app.services.chainloop_vault import ChainloopVault, StoredLogin
from app.services.gumloop_teams import TeamList
from app.services.gumloop_vault import GumloopVault
from tests.support import app as fakes
from tests.ui.pilots import notes, settled, until
from widgets.account_card import AccountCard
from widgets.state_view import StateView

LARGE = (120, 36)


def rows(app: LoopinApp, provider: Provider) -> dict[str, str]:
    """What the card of the provider says, by label."""
    return dict(app.screen.query_one(f"#card-{provider.value}", AccountCard).facts.rows)


def lines(app: LoopinApp) -> list[str]:
    """The rows of the dialog's list."""
    options = app.screen.query_one(OptionList)
    return [str(options.get_option_at_index(i).prompt) for i in range(options.option_count)]


async def test_profiles_of_both_providers_are_listed_and_one_is_chosen() -> None:
    box = fakes.container()
    stored = StoredLogin(fakes.CI_TOKEN, Method.API_TOKEN, fakes.ENDPOINT)
    fakes.finish(ChainloopVault(box.fake_vault).write("ci-web", stored))
    fakes.finish(box.accounts.remember("chainloop", "ci-web", {"method": "api_token", "endpoint": "api:443"}))
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProfileDialog) and bool(lines(app)))
        assert lines(app)[:3] == ["Gumloop", "  ● default  in use", "    another name …"]
        assert "    ci-web  API token · api:443" in lines(app)
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: rows(app, Provider.CHAINLOOP).get("profile") == "ci-web")
        assert box.session.target.profile == "ci-web"
        assert rows(app, Provider.CHAINLOOP)["method"] == "API token"
        assert notes(pilot) == ["Chainloop works with the profile ci-web now"]


async def test_another_name_is_checked_and_has_nothing_stored_yet() -> None:
    box = fakes.container()
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        app.screen.query_one("#card-chainloop").query("Button").first().focus()
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ProfileDialog) and bool(lines(app)))
        await pilot.press("down", "enter", *"A:b", "enter")
        assert isinstance(app.screen, ProfileDialog)
        assert "capital letters are not allowed" in str(app.screen.query_one("#profile-error").render())
        app.screen.query_one(Input).value = "second"
        await pilot.press("enter")
        await until(pilot, lambda: rows(app, Provider.CHAINLOOP).get("profile") == "second")
        assert app.screen.query_one("#card-chainloop", AccountCard).facts.state == "not signed in"
        assert box.gumloop_session.target.profile == "default"


class Teams:
    """The teams of a login, without a server; serves as both halves of TeamWork."""

    def __init__(self) -> None:
        self.in_use = ""
        self.error: LoopinError | None = None

    async def do(self) -> TeamList:
        """List."""
        if self.error is not None:
            raise self.error
        return TeamList([Team("t-1", "growth"), Team("t-2", "support")], self.in_use)


class Choosing:
    """Takes a choice, or refuses it."""

    def __init__(self, teams: Teams) -> None:
        self.teams = teams
        self.error: LoopinError | None = None

    async def do(self, team_id: str) -> Team | None:
        """Choose."""
        if self.error is not None:
            raise self.error
        self.teams.in_use = team_id
        return Team(team_id, "growth") if team_id else None


def gumloop(box: fakes.FakeContainer) -> tuple[Teams, Choosing]:
    """A stored access token of Gumloop, and its teams."""
    login = GumloopLogin(Method.ACCESS_TOKEN, Secret("not-a-real-token"), box.settings.gumloop.default)
    fakes.finish(GumloopVault(box.fake_vault, login.endpoint).write("default", login))
    teams = Teams()
    choosing = Choosing(teams)
    box.__dict__.update(list_teams=teams, choose_team=choosing)
    return teams, choosing


async def test_a_team_is_chosen_and_can_be_left() -> None:
    box = fakes.container()
    teams, choosing = gumloop(box)
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, TeamDialog) and bool(lines(app)))
        assert lines(app) == ["● no team: your personal workspace  in use", "  growth  t-1", "  support  t-2"]
        choosing.error = NotFound("there is no team 't-1' for you", hint="see: loopin gumloop teams")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "there is no team" in str(app.screen.query_one(".dialog-error").render()))
        choosing.error = None
        await pilot.press("enter")
        await until(pilot, lambda: notes(pilot) == ["Gumloop works in the team growth now"])
        assert teams.in_use == "t-1"


async def test_teams_that_cannot_be_asked_for_say_why_and_offer_again() -> None:
    box = fakes.container()
    teams, _ = gumloop(box)
    teams.error = Unreachable("nobody answers", hint="check the address")
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("T")
        await until(pilot, lambda: isinstance(app.screen, TeamDialog))
        await until(pilot, lambda: app.screen.query_one(StateView).state == "error")
        teams.error = None
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.screen.query_one(StateView).state == "filled")


async def test_without_gumloop_the_team_key_is_grey() -> None:
    app = fakes.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("T")
        await pilot.pause()
        assert not isinstance(app.screen, TeamDialog)
        assert not app.screen.active_bindings["T"].enabled
