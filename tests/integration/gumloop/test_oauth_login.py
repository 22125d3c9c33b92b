"""The browser sign-in, over real HTTP, against a server that checks the client."""

import asyncio
import os
import socket
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.domain.credentials import Method, Provider
from app.domain.errors import AccessDenied, Failed, LoginTimedOut, PortBusy, StateMismatch, VaultLocked
from app.domain.login import Step, StepState
from app.domain.status import VaultStatus
from app.services.login.browser import BrowserOptions
from tests.support.gumloop import Desk, follow, result_of, told
from tests.support.gumloop_stub import PERSON, Fault, Gumloop, allow
from tests.support.login_steps import Attempt, browser_steps, gumloop_key_steps

ANY_PORT = BrowserOptions(0)
DISCOVERY = "/.well-known/oauth-authorization-server"


async def test_signing_in_stores_both_tokens_in_the_vendors_layout(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        result = result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT)))
    entries = desk.vault.entries()
    assert set(entries) == {"access_token", "refresh_token", "base_url"}
    assert entries["access_token"] in gumloop.access
    assert entries["refresh_token"] in gumloop.refresh
    assert entries["base_url"] == gumloop.base_url
    assert (result.provider, result.method, result.organization) == (Provider.GUMLOOP, Method.OAUTH, "acme")
    assert result.expires_at is not None
    assert timedelta(minutes=59) < result.expires_at - desk.clock.now() < timedelta(minutes=61)


async def test_the_steps_come_in_the_order_in_which_they_happen(desk: Desk) -> None:
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    done = [step.step for step in steps if step.state is StepState.DONE]
    assert done == [
        Step.KEYCHAIN, Step.LISTENING, Step.BROWSER, Step.WAITING,
        Step.STATE, Step.EXCHANGE, Step.VERIFIED, Step.SAVED,
    ]  # fmt: skip
    waiting = next(step for step in steps if step.step is Step.WAITING)
    assert waiting.callback.startswith("http://127.0.0.1:")
    assert waiting.callback.endswith("/callback")
    assert waiting.deadline is not None


async def test_verification_happens_before_anything_is_saved(desk: Desk, gumloop: Gumloop) -> None:
    before = await desk.signed_in()
    gumloop.fail("/api/v1/models", Fault(401, '{"error": "unauthorized", "message": "no"}'))
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert "does not accept this sign-in" in told(steps)
    assert await desk.stored() == before
    assert desk.vault.written == []
    assert len(gumloop.revoked) == 1, "tokens that nobody keeps are ended at the server"


async def test_the_browser_is_told_the_truth_and_keeps_no_code_in_its_address_bar(desk: Desk) -> None:
    async with desk.loopin() as loopin:
        result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT)))
    assert "You are signed in" in desk.browser.pages[-1]
    assert "code=" not in desk.browser.addresses[-1]


async def test_denying_ends_the_sign_in_and_says_so_without_control_characters(
    desk: Desk, gumloop: Gumloop
) -> None:
    gumloop.deny = True
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert isinstance(steps[-1].error, AccessDenied)
    assert "access was denied" in told(steps)
    assert told(steps).isprintable()
    assert "\x1b" not in told(steps)
    assert "You are not signed in" in desk.browser.pages[-1]
    assert desk.vault.entries() == {}


async def test_an_answer_with_a_wrong_state_is_refused_and_waiting_goes_on(desk: Desk) -> None:
    desk.browser.change = lambda address: [
        address.replace("state=", "state=x"),
        address.partition("?")[0] + "?error=access_denied",
        address,
    ]
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert result_of(steps).method is Method.OAUTH
    assert "another sign-in" in desk.browser.pages[0]
    assert "You are not signed in" in desk.browser.pages[1]
    assert "You are signed in" in desk.browser.pages[2]


async def test_an_answer_without_a_code_has_its_own_sentence(desk: Desk) -> None:
    desk.browser.change = lambda address: [address.replace("code=", "kode=")]
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert told(steps) == "the answer carries no code"


@pytest.mark.parametrize(
    ("issuer", "metadata", "fine"),
    [(None, False, True), ("own", False, True), ("own", True, True), ("https://evil.example", True, False)],
)
async def test_the_issuer_in_the_answer_must_be_the_server_that_was_asked(
    desk: Desk, gumloop: Gumloop, issuer: str | None, metadata: bool, fine: bool
) -> None:
    gumloop.issuer = gumloop.root if issuer == "own" else issuer
    gumloop.metadata = metadata
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert (steps[-1].error is None) is fine
    if not fine:
        assert isinstance(steps[-1].error, StateMismatch)
        assert gumloop.calls("/oauth/token") == [], "the code is not given to the server that was asked"


async def test_a_server_that_says_it_names_itself_must_do_so(desk: Desk, gumloop: Gumloop) -> None:
    gumloop.issuer, gumloop.metadata = gumloop.root, True
    desk.browser.change = lambda address: [address.replace("iss=", "was=")]
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert isinstance(steps[-1].error, StateMismatch)


async def test_where_the_server_tells_who_signed_in_it_is_shown(desk: Desk, gumloop: Gumloop) -> None:
    gumloop.metadata = True
    async with desk.loopin() as loopin:
        assert (
            result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))).identity
            == PERSON
        )


async def asked_for(gumloop: Gumloop, *paths: str) -> None:
    """Wait until each of these was asked for."""

    def look() -> None:
        end = time.monotonic() + 10
        while not all(gumloop.calls(path) for path in paths):
            assert time.monotonic() < end, [seen.path for seen in gumloop.seen]
            os.sched_yield()

    await asyncio.to_thread(look)


async def test_what_the_server_says_of_itself_is_asked_before_the_answer_arrives(
    desk: Desk, gumloop: Gumloop
) -> None:
    gumloop.metadata = desk.browser.missing = True
    async with desk.loopin() as loopin:
        attempt = Attempt(loopin.gumloop_browser_sign_in())
        async for step in attempt.steps(ANY_PORT):
            if step.step is Step.WAITING and step.state is StepState.RUNNING:
                await asked_for(gumloop, DISCOVERY)
                before = len(gumloop.calls(DISCOVERY))
                attempt.paste(await allow(step.url))
    assert (before, len(gumloop.calls(DISCOVERY))) == (1, 1)


async def test_what_it_did_not_say_then_is_asked_again_before_the_code_is_given(
    desk: Desk, gumloop: Gumloop
) -> None:
    gumloop.issuer, gumloop.metadata = gumloop.root, True
    gumloop.fail(DISCOVERY, Fault(404, "not found"))
    desk.browser.change = lambda address: [address.replace("iss=", "was=")]
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert isinstance(steps[-1].error, StateMismatch)
    assert len(gumloop.calls(DISCOVERY)) == 2
    assert gumloop.calls("/oauth/token") == []


async def test_the_person_the_models_and_the_organizations_are_asked_for_at_once(
    desk: Desk, gumloop: Gumloop
) -> None:
    gumloop.metadata = True
    gumloop.fail("/api/v1/models", Fault(silent=True))
    asked = ("/oauth/userinfo", "/api/v1/models", "/api/v1/organizations")
    async with desk.loopin() as loopin:
        signing_in = asyncio.create_task(follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT)))
        await asked_for(gumloop, *asked)
        assert desk.vault.written == []
        gumloop.released.set()
        assert result_of(await signing_in).identity == PERSON


async def test_the_address_that_the_browser_ended_on_can_be_pasted(desk: Desk) -> None:
    desk.browser.missing = True
    async with desk.loopin() as loopin:
        flow = Attempt(loopin.gumloop_browser_sign_in())
        steps = []
        async for step in flow.steps(ANY_PORT):
            steps.append(step)
            if step.step is Step.WAITING and step.state is StepState.RUNNING:
                flow.paste(await allow(step.url))
    assert result_of(steps).method is Method.OAUTH


async def test_the_bare_code_can_be_pasted_without_any_listener(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        flow = Attempt(loopin.gumloop_browser_sign_in())
        steps = []
        async for step in flow.steps(BrowserOptions(0, open_browser=False, headless=True)):
            steps.append(step)
            if step.step is Step.WAITING and step.state is StepState.RUNNING:
                flow.paste(parse_qs(urlsplit(await allow(step.url)).query)["code"][0])
    assert result_of(steps).method is Method.OAUTH
    assert gumloop.calls("/oauth/token")[0].form["redirect_uri"] == "http://127.0.0.1:8765/callback"


async def test_a_busy_port_is_named_and_nothing_was_opened(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        async with desk.loopin() as loopin:
            steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), BrowserOptions(port)))
    assert isinstance(steps[-1].error, PortBusy)
    assert str(port) in told(steps)
    assert desk.browser.pages == []


async def test_cancelling_frees_the_port_at_once(desk: Desk) -> None:
    desk.browser.missing = True
    async with desk.loopin() as loopin:
        steps = browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT)
        callback = ""
        async for step in steps:
            if step.callback:
                callback = step.callback
                break
        await steps.aclose()
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient() as client:
                await client.get(callback)


async def test_nobody_finishing_in_time_has_its_own_sentence(desk: Desk) -> None:
    desk.browser.missing = desk.clock.hurry = True
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert isinstance(steps[-1].error, LoginTimedOut)
    assert "5 minutes" in told(steps)


async def test_without_a_usable_keychain_no_browser_opens(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def probe() -> VaultStatus:
        return VaultStatus("GNOME Keyring", VaultLocked("GNOME Keyring is locked", hint="unlock it"))

    monkeypatch.setattr(desk.vault, "probe", probe)
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert isinstance(steps[-1].error, VaultLocked)
    assert desk.browser.pages == []


async def test_a_base_url_cut_short_is_noticed_before_the_browser_opens(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin(GUMLOOP_BASE_URL=gumloop.root) as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert (steps[-1].step, steps[-1].state) == (Step.SERVER, StepState.FAILED)
    assert steps[-1].error is not None
    assert steps[-1].error.hint == f"try {gumloop.root}/api/v1"
    assert desk.browser.pages == []


async def test_a_whole_base_url_is_not_asked_about(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as loopin:
        async for step in browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT):
            if step.step is Step.BROWSER:
                assert gumloop.calls("/api/v1/models") == []


async def test_without_a_folder_to_work_in_no_browser_opens(desk: Desk) -> None:
    async with desk.loopin() as loopin:
        loopin.settings.state_dir.mkdir(parents=True, exist_ok=True)
        (loopin.settings.state_dir / "locks").write_text("in the way")
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
    assert isinstance(steps[-1].error, Failed)
    assert "LOOPIN_STATE_DIR" in steps[-1].error.hint
    assert desk.browser.pages == []


@pytest.mark.parametrize("changes", range(6))
async def test_a_keychain_that_goes_away_while_saving_leaves_nothing_half_saved(
    desk: Desk, gumloop: Gumloop, changes: int
) -> None:
    before = await desk.signed_in()
    desk.vault.changes = changes
    async with desk.loopin() as loopin:
        steps = await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT))
        assert told(steps) == "the login was not saved: the keychain went away"
        desk.vault.changes = None
        assert await desk.stored() == (before if changes < 2 else None)
        result_of(await follow(browser_steps(loopin.gumloop_browser_sign_in(), ANY_PORT)))
    assert (await desk.stored()) is not None
    # The new session that could not be stored, and the old one that the second sign-in replaced.
    assert len(gumloop.revoked) == (2 if changes < 2 else 1)


async def test_two_sign_ins_at_once_do_not_mix(desk: Desk, gumloop: Gumloop) -> None:
    async with desk.loopin() as one, desk.loopin() as two:
        await asyncio.gather(
            follow(gumloop_key_steps(one, next(iter(gumloop.keys)), "user_abc")),
            follow(browser_steps(two.gumloop_browser_sign_in(), ANY_PORT)),
        )
    entries = set(desk.vault.entries())
    assert entries in ({"access_token", "refresh_token", "base_url"}, {"api_key", "user_id", "base_url"})
