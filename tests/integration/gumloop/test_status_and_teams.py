"""What the card and `loopin status` show, and the choice of a team."""

from collections.abc import Sequence

import pytest

from app.domain.credentials import Method, Provider, Source
from app.domain.errors import NotFound, SessionEnded, Unreachable, UsageError
from app.domain.secret import Secret
from app.services.login.browser import BrowserOptions
from tests.support.gumloop import Desk, follow, result_of
from tests.support.gumloop_stub import API_KEY, PERSON, USER_ID, Gumloop
from tests.support.login_steps import browser_steps, gumloop_key_steps


async def test_who_where_and_until_when(desk: Desk, gumloop: Gumloop) -> None:
    gumloop.metadata = True
    async with desk.loopin() as loopin:
        result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(0))))
        status = await loopin.gumloop_status.read_status()
    assert (status.provider, status.signed_in, status.error) == (Provider.GUMLOOP, True, None)
    assert (status.method, status.source) == (Method.OAUTH, Source.KEYCHAIN)
    assert status.identity is not None
    assert (status.identity.name, status.identity.organization) == (PERSON, "acme")
    assert status.expires_at is not None
    assert status.stored_in == "memory (demo)"
    assert status.endpoint == gumloop.base_url


async def test_asking_renews_the_session_and_shows_its_new_end(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    gumloop.access.clear()
    async with desk.loopin() as loopin:
        status = await loopin.gumloop_status.read_status()
    assert status.error is None
    assert status.expires_at is not None


async def test_one_look_at_the_keychain_is_enough(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.signed_in()
    async with desk.loopin() as loopin:
        looks: list[str] = []
        really = loopin.vault.read_all

        async def counted(service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
            looks.append(service)
            return await really(service, accounts)

        monkeypatch.setattr(loopin.vault, "read_all", counted)
        status = await loopin.gumloop_status.read_status()
    assert status.identity is not None
    assert looks == ["gumloop-cli"]


async def test_offline_is_an_error_inside_the_status(desk: Desk) -> None:
    environ = {"GUMLOOP_BASE_URL": "http://127.0.0.1:9/api/v1", "GUMLOOP_ACCESS_TOKEN": "not-real-not-real"}
    async with desk.loopin(**environ) as loopin:
        status = await loopin.gumloop_status.read_status()
    assert status.signed_in
    assert isinstance(status.error, Unreachable)


async def test_a_revoked_login_is_an_error_inside_the_status(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    gumloop.access.clear()
    gumloop.refresh.clear()
    async with desk.loopin() as loopin:
        assert isinstance((await loopin.gumloop_status.read_status()).error, SessionEnded)


async def test_both_providers_are_in_the_overview(desk: Desk) -> None:
    async with desk.loopin() as loopin:
        found = await loopin.status.read_statuses(online=False)
    assert [status.provider for status in found] == [Provider.GUMLOOP, Provider.CHAINLOOP]


async def test_a_chosen_team_is_remembered_for_the_stored_login(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
        team = await loopin.teams.choose_team("team_2")
        assert team is not None
        assert team.name == "ML"
    async with desk.loopin() as loopin:
        assert (await loopin.teams.list_teams()).in_use == "team_2"
        assert (await loopin.gumloop_status.read_status(online=False)).team_id == "team_2"
    assert gumloop.calls("/api/v1/teams")[-1].query == {"team_id": "team_2"}
    async with desk.loopin(GUMLOOP_TEAM_ID="team_1") as loopin:
        assert (await loopin.teams.list_teams()).in_use == "team_1"
    async with desk.loopin() as loopin:
        await loopin.teams.choose_team("")
        assert (await loopin.teams.list_teams()).in_use == ""


async def test_a_remembered_team_is_not_mixed_into_another_credential(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    async with desk.loopin() as loopin:
        await loopin.teams.choose_team("team_2")
    environ = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}
    async with desk.loopin(**environ) as loopin:
        assert (await loopin.teams.list_teams()).in_use == ""
        with pytest.raises(UsageError):
            await loopin.teams.choose_team("team_1")


async def test_a_team_outlives_a_renewal(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    async with desk.loopin() as loopin:
        await loopin.teams.choose_team("team_2")
        gumloop.access.clear()
        assert (await loopin.teams.list_teams()).in_use == "team_2"


async def test_a_team_that_is_not_there_is_told(desk: Desk) -> None:
    await desk.signed_in()
    async with desk.loopin() as loopin:
        with pytest.raises(NotFound):
            await loopin.teams.choose_team("team_9")
