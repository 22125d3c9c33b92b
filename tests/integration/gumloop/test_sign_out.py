"""Signing out: two facts apart."""

import pytest

from app.domain.activity import Action
from app.domain.errors import ReadOnly, VaultError
from tests.support.gumloop import Desk, follow, result_of
from tests.support.gumloop_stub import API_KEY, USER_ID, Fault, Gumloop, patience_with
from tests.support.login_steps import gumloop_key_steps


async def test_the_refresh_token_is_revoked_and_every_entry_cleared(desk: Desk, gumloop: Gumloop) -> None:
    login = await desk.signed_in()
    assert login.refresh_token is not None
    async with desk.loopin() as loopin:
        done = await loopin.gumloop_sign_out.sign_out()
        assert [entry.action for entry in await loopin.activity_log.entries()] == [Action.LOGOUT]
    assert (done.forgotten, done.ended_at_server, done.warning, done.still) == (True, True, "", "")
    assert gumloop.revoked == [login.refresh_token.reveal()]
    assert desk.vault.entries() == {}
    assert desk.vault.written == ["-api_key", "-access_token", "-refresh_token", "-user_id", "-base_url"]


@pytest.mark.parametrize(
    "fault",
    [Fault(500, "no", "text/plain"), Fault(400, '{"error": "unsupported_token_type"}'), Fault(silent=True)],
)
async def test_a_failed_revocation_warns_and_does_not_keep_the_login(
    desk: Desk, gumloop: Gumloop, fault: Fault
) -> None:
    await desk.signed_in()
    gumloop.fail("/oauth/revoke", fault)
    async with desk.loopin(LOOPIN_REQUEST_TIMEOUT=patience_with(fault)) as loopin:
        done = await loopin.gumloop_sign_out.sign_out()
    gumloop.released.set()
    assert (done.forgotten, done.ended_at_server) == (True, False)
    assert "could not be revoked and stays valid until it ends" in done.warning
    assert desk.vault.entries() == {}


async def test_an_api_key_is_forgotten_and_stays_valid(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
        done = await loopin.gumloop_sign_out.sign_out()
    assert (done.forgotten, done.ended_at_server, done.warning) == (True, False, "")
    assert gumloop.revoked == []


async def test_the_environments_credential_is_never_revoked_and_is_named(
    desk: Desk, gumloop: Gumloop
) -> None:
    login = await desk.signed_in()
    assert login.refresh_token is not None
    token = gumloop.issue()["access_token"]
    async with desk.loopin(GUMLOOP_ACCESS_TOKEN=token) as loopin:
        done = await loopin.gumloop_sign_out.sign_out()
    assert done.still == "GUMLOOP_ACCESS_TOKEN"
    assert gumloop.revoked == [login.refresh_token.reveal()]
    assert token in gumloop.access


async def test_the_login_is_revoked_where_it_was_issued_whatever_this_run_names(
    desk: Desk, gumloop: Gumloop
) -> None:
    await desk.signed_in()
    async with desk.loopin(GUMLOOP_BASE_URL="https://other.example/api/v1") as loopin:
        assert (await loopin.gumloop_sign_out.sign_out()).ended_at_server
    assert len(gumloop.revoked) == 1


async def test_in_read_only_mode_nothing_is_revoked_and_the_login_stays(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    entries = desk.vault.entries()
    async with desk.loopin(LOOPIN_READ_ONLY="1") as loopin:
        with pytest.raises(ReadOnly, match="says LOOPIN_READ_ONLY"):
            await loopin.gumloop_sign_out.sign_out()
    assert gumloop.revoked == []
    assert desk.vault.entries() == entries


async def test_in_read_only_mode_what_no_server_ends_can_still_be_forgotten(desk: Desk) -> None:
    async with desk.loopin(LOOPIN_READ_ONLY="1") as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
        assert (await loopin.gumloop_sign_out.sign_out()).forgotten
    assert desk.vault.entries() == {}


async def test_nothing_stored_is_no_failure(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        done = await loopin.gumloop_sign_out.sign_out()
    assert (done.forgotten, done.ended_at_server) == (False, False)
    assert gumloop.seen == []


async def test_all_profiles_are_signed_out_together(desk: Desk, gumloop: Gumloop) -> None:
    await desk.signed_in()
    async with desk.loopin("work") as loopin:
        result_of(await follow(gumloop_key_steps(loopin, API_KEY, USER_ID)))
    async with desk.loopin() as loopin:
        done = await loopin.gumloop_sign_out.sign_out_all()
    assert {name: out.forgotten for name, out in done.items()} == {"default": True, "work": True}
    assert desk.vault.entries() == desk.vault.entries("work") == {}
    assert len(gumloop.revoked) == 1


async def test_a_keychain_that_refuses_is_told(desk: Desk) -> None:
    await desk.signed_in()
    desk.vault.changes = 0
    async with desk.loopin() as loopin:
        with pytest.raises(VaultError):
            await loopin.gumloop_sign_out.sign_out()


async def test_a_folder_that_cannot_be_written_keeps_nobody_signed_in(desk: Desk, gumloop: Gumloop) -> None:
    """Neither the lock nor the facts nor the activity can be written."""
    async with desk.loopin() as loopin:
        await loopin.accounts.remember("gumloop", "default", {"method": "oauth"})
    login = await desk.signed_in()
    assert login.refresh_token is not None
    (desk.folder / "config" / ".accounts.toml.lock").unlink(missing_ok=True)
    (desk.folder / "config" / ".accounts.toml.lock").mkdir()
    async with desk.loopin(LOOPIN_STATE_DIR="/proc/nothing/here") as loopin:
        said: list[str] = []
        loopin.notify = said.append
        done = await loopin.gumloop_sign_out.sign_out()
        assert "could not be written into the activity" in said[0]
    assert (done.forgotten, done.ended_at_server) == (True, True)
    assert gumloop.revoked == [login.refresh_token.reveal()]
    assert desk.vault.entries() == {}
