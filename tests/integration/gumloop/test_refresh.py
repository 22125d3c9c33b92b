"""Renewing a session: by itself, once, and never at the cost of the login."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from app.adapters.gumloop.oauth import AuthlibGumloopOAuth
from app.domain.credentials import Endpoint, Method
from app.domain.errors import Failed, LoopinError, NotSignedIn, SessionEnded, Unreachable
from app.domain.gumloop import GumloopLogin, GumloopTokens
from app.domain.secret import Secret
from app.services.login.browser import BrowserOptions
from app.services.stored_logins import GumloopVault
from tests.support.gumloop import Desk, follow, result_of
from tests.support.gumloop_stub import Fault, Gumloop, patience_with
from tests.support.login_steps import browser_steps

Happening = Callable[[], Awaitable[None]]


async def test_a_401_renews_the_session_and_asks_again(desk: Desk, gumloop: Gumloop) -> None:
    old = await desk.signed_in()
    gumloop.access.clear()
    async with desk.loopin() as loopin:
        await loopin.gumloop_session.call(lambda api: api.verify())
    assert desk.vault.written == ["refresh_token", "access_token"]
    new = await desk.stored()
    assert new is not None
    assert new.secret.reveal() in gumloop.access
    assert new.secret != old.secret
    assert new.refresh_token != old.refresh_token


async def test_a_token_about_to_end_is_renewed_before_it_is_used(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(0))))
    for minutes, refreshes in ((58, 0), (59.5, 1), (61, 1), (120, 2)):
        desk.clock.offset = timedelta(minutes=minutes)
        async with desk.loopin() as loopin:
            await loopin.gumloop_session.call(lambda api: api.verify())
        tokens = gumloop.calls("/oauth/token")
        assert len([t for t in tokens if t.form["grant_type"] == "refresh_token"]) == refreshes


async def test_without_a_new_refresh_token_the_old_one_stays(desk: Desk, gumloop: Gumloop) -> None:
    old = await desk.signed_in()
    gumloop.access.clear()
    gumloop.gives_refresh = False
    async with desk.loopin() as loopin:
        await loopin.gumloop_session.call(lambda api: api.verify())
    new = await desk.stored()
    assert new is not None
    assert new.refresh_token == old.refresh_token
    assert desk.vault.written == ["access_token"]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault(500, "boom", "text/plain"), Failed),
        (Fault(503, "<h1>down</h1>", "text/html"), Failed),
        (Fault(429, "{}"), LoopinError),
        (Fault(400, '{"error": "temporarily_unavailable"}'), LoopinError),
        (Fault(401, '{"error": "invalid_client"}'), LoopinError),
        (Fault(200, "<h1>Hotel</h1>", "text/html"), Failed),
        (Fault(200, '{"token_type": "Bearer"}'), Failed),
        (Fault(200, '{"access_token": "a"}', cut=True), Failed),
        (Fault(silent=True), Unreachable),
    ],
)
async def test_no_failure_but_invalid_grant_signs_anyone_out(
    desk: Desk, gumloop: Gumloop, fault: Fault, kind: type[LoopinError]
) -> None:
    before = await desk.signed_in()
    gumloop.access.clear()
    gumloop.fail("/oauth/token", fault)
    async with desk.loopin(LOOPIN_REQUEST_TIMEOUT=patience_with(fault)) as loopin:
        with pytest.raises(kind) as failed:
            await loopin.gumloop_session.call(lambda api: api.verify())
        gumloop.released.set()
    assert not isinstance(failed.value, NotSignedIn)
    assert await desk.stored() == before
    async with desk.loopin() as loopin:
        await loopin.gumloop_session.call(lambda api: api.verify())


async def test_a_renewal_in_advance_that_fails_is_put_off(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(0))))
    desk.clock.offset = timedelta(minutes=59.5)
    gumloop.fail("/oauth/token", Fault(503, "down", "text/plain"))
    before = await desk.stored()
    async with desk.loopin() as loopin:
        await loopin.gumloop_session.call(lambda api: api.verify())
    asked = [request.form["grant_type"] for request in gumloop.calls("/oauth/token")]
    assert asked == ["authorization_code", "refresh_token"]
    assert await desk.stored() == before


async def test_a_session_that_has_ended_says_so_and_deletes_nothing(desk: Desk, gumloop: Gumloop) -> None:
    before = await desk.signed_in()
    gumloop.access.clear()
    gumloop.refresh.clear()
    desk.clock.hurry = True
    async with desk.loopin() as loopin:
        with pytest.raises(SessionEnded) as ended:
            await loopin.gumloop_session.call(lambda api: api.verify())
    assert "has ended: the token was used" in ended.value.message
    assert "loopin gumloop login" in ended.value.hint
    assert await desk.stored() == before
    assert desk.vault.written == []


class Overtaken(AuthlibGumloopOAuth):
    """The token endpoint, and another program that does something just before or after we ask it."""

    def __init__(self, before: Happening | None = None, after: Happening | None = None) -> None:
        super().__init__(timeout=60, user_agent="loopin/test")
        self._before = before
        self._after = after

    async def refresh(self, endpoint: Endpoint, refresh_token: Secret) -> GumloopTokens:
        if self._before:
            await self._before()
        tokens = await super().refresh(endpoint, refresh_token)
        if self._after:
            await self._after()
        return tokens


@pytest.mark.parametrize("late", [False, True])
async def test_an_invalid_grant_because_somebody_was_faster_is_no_end(
    desk: Desk, gumloop: Gumloop, late: bool
) -> None:
    """The vendor's command takes no lock: it used the refresh token, and stores what it got in a moment."""
    await desk.signed_in()
    gumloop.access.clear()
    gumloop.refresh.clear()
    theirs = gumloop.issue()
    access, renewal = Secret(theirs["access_token"]), Secret(theirs["refresh_token"])
    winner = GumloopLogin(Method.OAUTH, access, desk.endpoint, "", renewal)

    async def other_program() -> None:
        await GumloopVault(desk.vault, desk.endpoint).write("default", winner)

    async with desk.loopin() as loopin:
        if late:
            desk.clock.hurry, desk.clock.meanwhile = True, other_program
        else:
            loopin.gumloop_oauth = Overtaken(before=other_program)
        await loopin.gumloop_session.call(lambda api: api.verify())
    assert await desk.stored() == winner


async def test_a_login_that_was_replaced_meanwhile_is_not_written_over(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    gumloop.access.clear()
    key = GumloopLogin(Method.API_KEY, Secret(next(iter(gumloop.keys))), desk.endpoint, "user_abc")

    async def other_program() -> None:
        await GumloopVault(desk.vault, desk.endpoint).write("default", key)

    async with desk.loopin() as loopin:
        loopin.gumloop_oauth = Overtaken(after=other_program)
        await loopin.gumloop_session.call(lambda api: api.verify())
    assert await desk.stored() == key


async def test_a_logout_meanwhile_stays_a_logout(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    gumloop.access.clear()
    async with desk.loopin() as loopin:
        credential = await loopin.gumloop_session.credential()
        await GumloopVault(desk.vault, desk.endpoint).delete("default")
        with pytest.raises(NotSignedIn):
            await loopin.gumloop_session._refresh.refresh(credential)
    assert desk.vault.entries() == {}
    assert gumloop.calls("/oauth/token") == []


@pytest.mark.parametrize("changes", [0, 1])
async def test_a_save_that_fails_is_told_and_the_session_goes_on(
    desk: Desk, gumloop: Gumloop, changes: int
) -> None:
    await desk.signed_in()
    gumloop.access.clear()
    desk.vault.changes = changes
    async with desk.loopin() as loopin:
        await loopin.gumloop_session.call(lambda api: api.verify())
        await loopin.gumloop_session.call(lambda api: api.verify())
        assert len(gumloop.calls("/oauth/token")) == 1, "the session in memory is used again"
        warnings = (await loopin.gumloop_session.resolve()).warnings
        assert warnings == (
            "the renewed session could not be saved and ends with Loopin: the keychain went away",
        )
        desk.vault.changes = None
        gumloop.access.clear()
        await loopin.gumloop_session.call(lambda api: api.verify())
        assert (await loopin.gumloop_session.resolve()).warnings == ()
    stored = await desk.stored()
    assert stored is not None
    assert stored.secret.reveal() in gumloop.access


async def test_facts_of_another_login_do_not_count(desk: Desk) -> None:
    async with desk.loopin() as loopin:
        result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(0))))
        assert (await loopin.gumloop_status.read_status(online=False)).expires_at is not None
        await desk.signed_in()
        assert (await loopin.gumloop_status.read_status(online=False)).expires_at is None
