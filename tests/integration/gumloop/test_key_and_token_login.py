"""API key and access token: verified before anything is saved."""

import pytest

from app.adapters.http.retry import ATTEMPTS
from app.domain.credentials import Method
from app.domain.errors import LoginFailed, LoopinError, RateLimited
from tests.support.gumloop import Desk, follow, result_of, told
from tests.support.gumloop_stub import API_KEY, USER_ID, Fault, Gumloop, patience_with
from tests.support.login_steps import gumloop_key_steps, gumloop_token_steps


async def test_a_key_and_its_user_are_stored(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        result = result_of(await follow(gumloop_key_steps(loopin, f" {API_KEY}\n", f"{USER_ID} ")))
    assert desk.vault.entries() == {"api_key": API_KEY, "user_id": USER_ID, "base_url": gumloop.base_url}
    assert (result.method, result.identity, result.organization) == (Method.API_KEY, USER_ID, "acme")
    assert gumloop.calls("/api/v1/models")[0].headers["x-auth-key"] == USER_ID


async def test_an_access_token_is_stored_without_a_user(desk: Desk, gumloop: Gumloop) -> None:
    token = gumloop.issue()["access_token"]
    async with desk.loopin() as loopin:
        result = result_of(await follow(gumloop_token_steps(loopin, token)))
    assert desk.vault.entries() == {"access_token": token, "base_url": gumloop.base_url}
    assert result.method is Method.ACCESS_TOKEN


@pytest.mark.parametrize(("key", "user"), [("gum_wrong_not_real", USER_ID), (API_KEY, "user_wrong")])
async def test_a_wrong_key_leaves_the_keychain_as_it_was(desk: Desk, key: str, user: str) -> None:
    before = await desk.signed_in()
    async with desk.loopin() as loopin:
        steps = await follow(gumloop_key_steps(loopin, key, user))
    assert "does not accept this API key or user ID: " in told(steps)
    assert desk.vault.written == []
    assert await desk.stored() == before


@pytest.mark.parametrize(
    ("key", "user", "sentence"),
    [
        ("", USER_ID, "the API key is empty"),
        (API_KEY, "  ", "an API key needs the user ID it belongs to"),
        ("gum_ü", USER_ID, "the API key has characters that no API key has"),
        (API_KEY, "user\x1b", "the user ID has characters that no user ID has"),
    ],
)
async def test_what_cannot_be_a_key_is_told_before_anything_is_sent(
    desk: Desk, gumloop: Gumloop, key: str, user: str, sentence: str
) -> None:
    async with desk.loopin() as loopin:
        assert told(await follow(gumloop_key_steps(loopin, key, user))) == sentence
    assert gumloop.seen == []


async def test_an_empty_token_is_told(desk: Desk) -> None:
    async with desk.loopin() as loopin:
        assert told(await follow(gumloop_token_steps(loopin, " \n"))) == "the access token is empty"


async def test_the_forms_say_where_key_and_user_are_found(desk: Desk) -> None:
    async with desk.loopin() as loopin:
        steps = await follow(gumloop_key_steps(loopin, "", ""))
    assert steps[-1].error is not None
    assert "gumloop.com/personal/connectors" in steps[-1].error.hint
    assert "Pro plan or above" in steps[-1].error.hint


async def test_a_plan_that_is_too_small_is_told_as_such(desk: Desk, gumloop: Gumloop) -> None:
    gumloop.fail("/api/v1/models", Fault(403, '{"error": "tier_required_pro", "message": "Upgrade"}'))
    async with desk.loopin() as loopin:
        steps = await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))
    assert isinstance(steps[-1].error, LoginFailed)
    assert steps[-1].error.hint == "the Pro plan or above is needed"


async def test_too_many_requests_is_no_wrong_key(desk: Desk, gumloop: Gumloop) -> None:
    """A wait that is longer than our patience is told, and not waited for."""
    gumloop.fail("/api/v1/models", Fault(429, "{}", headers=(("Retry-After", "77"),)))
    async with desk.loopin() as loopin:
        steps = await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))
    assert isinstance(steps[-1].error, RateLimited)
    assert steps[-1].error.retry_after == 77


async def test_a_team_key_is_checked_against_its_team(desk: Desk, gumloop: Gumloop) -> None:
    gumloop.team_keys["gum_team_not_real"] = "team_1"
    async with desk.loopin() as loopin:
        assert "another team" in told(await follow(gumloop_key_steps(loopin, "gum_team_not_real", USER_ID)))
    async with desk.loopin(GUMLOOP_TEAM_ID="team_1") as loopin:
        result = result_of(await follow(gumloop_key_steps(loopin, "gum_team_not_real", USER_ID)))
    assert result.organization == "", "a team key may not read organizations"


async def test_a_secret_that_the_server_repeats_is_not_passed_on(desk: Desk, gumloop: Gumloop) -> None:
    gumloop.fail("/api/v1/models", Fault(401, f'{{"error": "no", "message": "bad key {API_KEY}"}}'))
    async with desk.loopin() as loopin:
        steps = await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))
    assert API_KEY not in repr(steps)
    assert API_KEY not in told(steps)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault(500, '{"error": {"code": "boom", "message": "Kaput"}}'), "says: Kaput"),
        (Fault(503, "<html><b>Bad gateway</b></html>", "text/html"), "answered HTTP 503"),
        (Fault(400, "plainly wrong", "text/plain"), "says: plainly wrong"),
        (
            Fault(200, "<html>Sign in to the café</html>", "text/html"),
            "answered with a web page instead of JSON",
        ),
        (Fault(200, ""), "answered with nothing instead of JSON"),
        (Fault(200, '{"model_groups":'), "answered with something else instead of JSON"),
        (Fault(200, '{"surprise": 1}'), "answered with something else instead of JSON"),
        (Fault(200, '{"model_groups": []}', cut=True), "broke off in the middle of its answer"),
        (Fault(302, "", headers=(("Location", "http://127.0.0.1:9/"),)), "it points elsewhere"),
        (Fault(404, '{"error": "not_found", "message": "No route"}'), "says: No route"),
        (Fault(silent=True), "did not answer within 1 s"),
        (Fault(200, "[" * 100_000), "instead of JSON"),
        (Fault(200, " " * (9 * 1024 * 1024)), "more than 8 MiB"),
    ],
)
async def test_every_way_an_answer_goes_wrong_has_its_own_sentence(
    desk: Desk, gumloop: Gumloop, fault: Fault, sentence: str
) -> None:
    gumloop.fail("/api/v1/models", *[fault] * ATTEMPTS)
    async with desk.loopin(LOOPIN_REQUEST_TIMEOUT=patience_with(fault)) as loopin:
        steps = await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))
        gumloop.released.set()
    assert sentence in told(steps)
    assert isinstance(steps[-1].error, LoopinError)
    assert desk.vault.entries() == {}
    gumloop.faults.clear()
    async with desk.loopin() as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))


async def test_nobody_there_has_its_own_sentence(desk: Desk) -> None:
    async with desk.loopin(GUMLOOP_BASE_URL="http://127.0.0.1:9/api/v1") as loopin:
        assert (
            told(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))) == "127.0.0.1:9 cannot be reached"
        )


async def test_the_machine_itself_is_never_reached_through_a_proxy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with desk.loopin() as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))


async def test_a_session_that_is_replaced_is_revoked_and_a_key_is_not(desk: Desk, gumloop: Gumloop) -> None:
    """Both after the new login is stored; what is replaced is named before."""
    login = await desk.signed_in()
    assert login.refresh_token is not None
    async with desk.loopin() as loopin:
        steps = await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))
        assert result_of(steps).problem == ""
        host = gumloop.base_url.split("/")[2]
        assert [step.replaces for step in steps if step.replaces] == [f"the login at {host}, profile default"]
        assert gumloop.revoked == [login.refresh_token.reveal()]
        steps = await follow(gumloop_key_steps(loopin, API_KEY, USER_ID))
        assert [step.replaces for step in steps if step.replaces] == [
            f"the login of {USER_ID} at {host}, profile default"
        ]
    assert len(gumloop.revoked) == 1


async def test_a_session_that_cannot_be_ended_is_told_with_the_new_login(
    desk: Desk, gumloop: Gumloop
) -> None:
    await desk.signed_in()
    gumloop.fail("/oauth/revoke", Fault(500))
    async with desk.loopin() as loopin:
        done = result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
    assert "the earlier session at" in done.problem
    assert "stays valid" in done.problem
