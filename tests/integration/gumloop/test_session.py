"""Which credential is in effect: whole, bound to its server, and why each other one lost."""

import asyncio
from collections.abc import Sequence

import pytest

from app.domain.credentials import Method, Provider, Source
from app.domain.errors import NotSignedIn, SessionEnded, UsageError, VaultError
from app.domain.secret import Secret
from tests.support.gumloop import BreakingVault, Desk, follow, result_of
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.login_steps import gumloop_key_steps

TOKEN_ENV = {"GUMLOOP_ACCESS_TOKEN": "env-access-not-real-77aa"}
KEY_ENV = {"GUMLOOP_API_KEY": API_KEY, "GUMLOOP_USER_ID": USER_ID}


@pytest.mark.parametrize(
    ("environ", "stored", "winner", "reasons"),
    [
        ({}, False, None, ["not set", "not set", "nothing stored"]),
        ({}, True, "keychain", ["not set", "not set", "in effect"]),
        (KEY_ENV, True, "GUMLOOP_API_KEY", ["not set", "in effect", "ignored while GUMLOOP_API_KEY is set"]),
        (
            TOKEN_ENV,
            True,
            "GUMLOOP_ACCESS_TOKEN",
            ["in effect", "not set", "ignored while GUMLOOP_ACCESS_TOKEN"],
        ),
        (
            TOKEN_ENV | KEY_ENV,
            False,
            "GUMLOOP_ACCESS_TOKEN",
            ["in effect", "ignored while GUMLOOP_ACCESS_TOKEN is set", "nothing stored"],
        ),
        (
            {"GUMLOOP_API_KEY": API_KEY},
            True,
            None,
            ["not set", "GUMLOOP_USER_ID is not set", "GUMLOOP_API_KEY is set without GUMLOOP_USER_ID"],
        ),
    ],
)
async def test_the_strongest_source_wins_and_the_others_say_why_not(
    desk: Desk, environ: dict[str, str], stored: bool, winner: str | None, reasons: list[str]
) -> None:
    if stored:
        await desk.signed_in()
    async with desk.loopin(**environ) as loopin:
        resolution, _ = await loopin.gumloop_session.inspect()
    labels = [candidate.label for candidate in resolution.candidates]
    assert labels == ["GUMLOOP_ACCESS_TOKEN", "GUMLOOP_API_KEY", "keychain"]
    assert [c.label for c in resolution.candidates if c.in_effect] == ([winner] if winner else [])
    for candidate, reason in zip(resolution.candidates, reasons, strict=True):
        assert reason in candidate.reason


@pytest.mark.parametrize(
    ("environ", "warning"),
    [
        ({"GUMLOOP_API_KEY": API_KEY}, "GUMLOOP_API_KEY is set without GUMLOOP_USER_ID"),
        ({"GUMLOOP_USER_ID": USER_ID}, "GUMLOOP_USER_ID is set without GUMLOOP_API_KEY"),
    ],
)
async def test_a_half_set_source_is_an_error_and_nothing_is_used_in_its_place(
    desk: Desk, environ: dict[str, str], warning: str, gumloop: Gumloop
) -> None:
    async with desk.loopin() as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
    sent = len(gumloop.seen)
    async with desk.loopin(**environ) as loopin:
        resolution, problem = await loopin.gumloop_session.inspect()
        assert problem is not None
        assert warning in problem.message
        assert "unset" in problem.hint
        assert resolution.credential is None
        assert [c.label for c in resolution.candidates if c.in_effect] == []
        for work in (
            loopin.gumloop_session.call(lambda api: api.teams()),
            loopin.run_environment.read_variables([]),
            loopin.run_environment.read_variables([Provider.GUMLOOP]),
        ):
            with pytest.raises(UsageError, match=warning):
                await work
        status = await loopin.gumloop_status.read_status()
        assert status.error is not None
        assert (status.signed_in, status.error.message) == (False, problem.message)
    assert len(gumloop.seen) == sent


async def test_an_environment_credential_takes_nothing_from_the_keychain(
    desk: Desk, gumloop: Gumloop
) -> None:
    await desk.signed_in()
    sent = len(gumloop.seen)
    async with desk.loopin(**TOKEN_ENV) as loopin:
        credential = await loopin.gumloop_session.credential()
    assert (credential.method, credential.source) == (Method.ACCESS_TOKEN, Source.ENVIRONMENT)
    assert credential.refresh_token is None
    assert len(gumloop.seen) == sent


async def test_a_token_without_an_address_goes_to_the_server_of_the_profile(
    desk: Desk, gumloop: Gumloop
) -> None:
    """Not to the vendor's, which never issued it."""
    async with desk.loopin() as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
    async with desk.loopin(GUMLOOP_BASE_URL="", **TOKEN_ENV) as loopin:
        assert (await loopin.gumloop_session.credential()).endpoint.address == gumloop.base_url
        assert (await loopin.gumloop_session.sign_in_endpoint()).address == gumloop.base_url


async def test_signing_in_again_goes_to_the_server_of_the_stored_login(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
    async with desk.loopin(GUMLOOP_BASE_URL="") as loopin:
        steps = await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))
    assert result_of(steps).endpoint == gumloop.base_url
    assert [step.server for step in steps if step.server] == [gumloop.base_url.split("/")[2]]


async def test_a_stored_login_is_not_sent_to_another_server(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    async with desk.loopin(GUMLOOP_BASE_URL="https://other.example/api/v1") as loopin:
        with pytest.raises(NotSignedIn) as refused:
            await loopin.gumloop_session.call(lambda api: api.verify())
    assert refused.value.message.startswith("not signed in at https://other.example/api/v1: ")
    assert gumloop.base_url in refused.value.message
    assert gumloop.seen == []


async def test_without_a_base_url_the_login_goes_where_it_belongs(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    async with desk.loopin(GUMLOOP_BASE_URL="") as loopin:
        await loopin.gumloop_session.call(lambda api: api.verify())
    assert len(gumloop.calls("/api/v1/models")) == 1


async def test_an_access_token_sends_no_user_even_when_one_is_set(desk: Desk, gumloop: Gumloop) -> None:
    gumloop.access.add(TOKEN_ENV["GUMLOOP_ACCESS_TOKEN"])
    async with desk.loopin(GUMLOOP_USER_ID=USER_ID, **TOKEN_ENV) as loopin:
        await loopin.gumloop_session.call(lambda api: api.verify())
    assert "x-auth-key" not in gumloop.calls("/api/v1/models")[0].headers


async def test_the_team_is_sent_with_every_request(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    async with desk.loopin(GUMLOOP_TEAM_ID="team_2") as loopin:
        await loopin.gumloop_session.call(lambda api: api.verify())
        await loopin.gumloop_session.call(lambda api: api.teams())
    assert [request.query for request in gumloop.seen] == [{"team_id": "team_2"}] * 2


async def test_an_environment_token_that_ended_is_told_and_not_renewed(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    async with desk.loopin(**TOKEN_ENV) as loopin:
        with pytest.raises(SessionEnded):
            await loopin.gumloop_session.call(lambda api: api.verify())
    assert gumloop.calls("/oauth/token") == []


async def test_a_broken_keychain_is_a_warning_while_the_environment_signs_in(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read(service: str, account: str) -> None:
        raise VaultError("the keychain went away", hint="unlock it")

    monkeypatch.setattr(desk.vault, "read", read)
    async with desk.loopin(**KEY_ENV) as loopin:
        resolution = await loopin.gumloop_session.resolve()
        assert resolution.credential is not None
        assert resolution.all_warnings == ("the keychain went away; unlock it",)
    async with desk.loopin() as loopin:
        with pytest.raises(VaultError):
            await loopin.gumloop_session.resolve()


async def test_profiles_are_logins_of_their_own(desk: Desk) -> None:
    await desk.signed_in()
    async with desk.loopin("work") as loopin:
        assert (await loopin.gumloop_session.resolve()).credential is None
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
        candidates = (await loopin.gumloop_session.resolve()).candidates
    assert candidates[-1].label == "keychain, profile work"
    assert set(desk.vault.entries("work")) == {"api_key", "user_id", "base_url"}
    assert set(desk.vault.entries()) == {"access_token", "refresh_token", "base_url"}


async def test_who_is_not_signed_in_is_told_with_which_profile(desk: Desk) -> None:
    async with desk.loopin("audi") as loopin:
        with pytest.raises(NotSignedIn, match="with the profile audi") as caught:
            await loopin.gumloop_session.credential()
    assert caught.value.hint == "sign in with: loopin gumloop login --profile audi"


class HangingVault(BreakingVault):
    """A keychain that never answers."""

    async def read_all(self, service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
        await asyncio.Event().wait()
        raise AssertionError("it does not answer")


@pytest.mark.parametrize("environ", [TOKEN_ENV, KEY_ENV])
async def test_with_a_credential_of_the_environment_a_hanging_keychain_is_not_waited_for(
    desk: Desk, environ: dict[str, str]
) -> None:
    desk.vault = HangingVault()
    async with asyncio.timeout(60), desk.loopin(**environ) as loopin:
        credential = await loopin.gumloop_session.renewed_credential()
        assert credential.source is Source.ENVIRONMENT
        variables = await loopin.run_environment.read_variables([Provider.GUMLOOP])
        assert set(environ) <= set(variables.values)
