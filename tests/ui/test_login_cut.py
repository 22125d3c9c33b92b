"""A sign-in whose answer has arrived comes to its end: the code is spent, and what it gave is stored."""

import asyncio
import signal

import pytest
from textual import events

from app.adapters.http.callback_server import LINGER
from app.domain.errors import Unreachable
from app.domain.login import Step, StepState
from app.domain.secret import Secret
from app.services.changes import End
from app.services.login.browser import BrowserOptions
from app.tui.app import _CLOSE_SECONDS
from tests.support import app as fakes
from tests.support.fake_gumloop import ACCESS, REFRESH, STATE
from tests.support.login_steps import Attempt
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.login import (
    CHAINLOOP_BROWSER,
    GUMLOOP_KEY,
    GUMLOOP_OAUTH,
    LoginPage,
    at_the_choice,
    signed_out,
)
from tests.support.pages.page import opened


def slow(method: str) -> fakes.FakeContainer:
    """Gumloop answers this call later."""
    box = signed_out()
    box.gumloop.held[method] = asyncio.Event()
    return box


async def answered(login: LoginPage, box: fakes.FakeContainer, method: str) -> None:
    """Allow access in the browser, and wait until the server was asked."""
    await login.choose(GUMLOOP_OAUTH)
    await login.waits()
    await login.allowed()
    await login.until(lambda: method in box.gumloop.calls)


def stored(box: fakes.FakeContainer) -> Secret | None:
    """The access token in the keychain."""
    return box.fake_vault.entries.get(("gumloop-cli", "default:access_token"))


@pytest.mark.parametrize("method", ["exchange", "verify"])
async def test_escape_waits_for_the_end_and_says_so(method: str) -> None:
    box = slow(method)
    async with at_the_choice(box) as login:
        await answered(login, box, method)
        await login.press("escape")
        await login.until(lambda: "the sign-in is being finished" in login.toasts())
        box.gumloop.held[method].set()
        await login.signed_in()
        assert stored(box) == ACCESS


@pytest.mark.parametrize("method", ["exchange", "verify"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_waits_until_the_login_is_stored(method: str, number: int) -> None:
    box = slow(method)
    async with at_the_choice(box) as login:
        await answered(login, box, method)
        login.app.end_by_signal(number)
        await login.until(lambda: "signing in to Gumloop" in login.toasts())
        box.gumloop.held[method].set()
        await login.until(lambda: login.app._exit)
    assert stored(box) == ACCESS
    assert box.gumloop.revoked == []


async def test_ctrl_c_twice_waits_until_the_login_is_stored() -> None:
    box = slow("exchange")
    async with at_the_choice(box) as login:
        await answered(login, box, "exchange")
        await login.press("ctrl+c", "ctrl+c")
        await login.until(lambda: "signing in to Gumloop" in login.toasts())
        assert not login.app._exit
        box.gumloop.held["exchange"].set()
        await login.until(lambda: login.app._exit)
    assert stored(box) == ACCESS


async def test_what_is_not_verified_when_nobody_follows_is_revoked() -> None:
    """Tokens that nobody keeps do not live on at the server; with somebody there it could be tried again."""
    box = slow("verify")
    flow = Attempt(box.gumloop_browser_sign_in())
    steps = flow.steps(BrowserOptions(0, keep=True))
    async for step in steps:
        if step.step is Step.WAITING and step.state is StepState.RUNNING:
            arrival = fakes.FakeCallback({"code": "not-a-real-code", "state": STATE})
            box.fake_listeners.made[-1].arrivals.put_nowait(arrival)
        if step.step is Step.VERIFIED:
            break
    box.gumloop.lost["verify"] = Unreachable("no answer")
    await steps.aclose()
    assert box.changes.under_way() == ("signing in to Gumloop",)
    box.gumloop.held["verify"].set()
    await box.changes.finish()
    assert box.gumloop.revoked == [REFRESH]
    assert stored(box) is None
    assert [page.ok for page in arrival.shown] == [False]


async def test_no_answer_within_the_patience_is_unknown() -> None:
    box = slow("exchange")
    box.changes.grace = 0
    async with at_the_choice(box) as login:
        await answered(login, box, "exchange")
        login.app.end_by_signal(signal.SIGTERM)
        await login.until(lambda: login.app._exit)
    assert [(orphan.doing, orphan.end) for orphan in box.changes.orphans()] == [
        ("signing in to Gumloop", End.UNKNOWN)
    ]
    assert stored(box) is None


async def test_before_the_answer_escape_cancels_at_once() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(GUMLOOP_OAUTH)
        await login.waits()
        await login.press("escape")
        await login.until(lambda: not box.fake_listeners.made[-1].open)
        assert not box.changes.under_way()


async def test_the_browser_is_told_the_truth_when_the_app_ends_meanwhile() -> None:
    box = slow("verify")
    async with at_the_choice(box) as login:
        await login.choose(GUMLOOP_OAUTH)
        await login.waits()
        callback = await login.arrives(code="not-a-real-code", state=STATE)
        await login.until(lambda: "verify" in box.gumloop.calls)
        login.app.end_by_signal(signal.SIGTERM)
        assert callback.shown == []
        box.gumloop.held["verify"].set()
        await login.until(lambda: login.app._exit)
    assert [page.ok for page in callback.shown] == [True]


async def test_quitting_leaves_the_browser_time_for_its_last_page() -> None:
    assert _CLOSE_SECONDS > LINGER


async def test_a_form_can_be_left_while_it_is_verified_and_not_while_it_is_saved() -> None:
    box = slow("verify")
    async with at_the_choice(box) as login:
        await login.choose(GUMLOOP_KEY)
        key, user = await login.form("key"), await login.form("user")
        key.value, user.value = "gum_not_a_real_key", "not-a-real-user"
        user.focus()
        await login.press("enter")
        await login.until(lambda: "verify" in box.gumloop.calls)
        # The first one copies what the field has selected, the second one is not meant for that.
        await login.interrupt()
        await login.interrupt()
        await login.until(lambda: login.step(Step.VERIFIED) is None)
        box.gumloop.held["verify"].set()
        box.fake_vault.held = asyncio.Event()
        await login.press("enter")
        await login.until(lambda: login.step(Step.SAVED) is StepState.RUNNING)
        await login.press("escape")
        await login.until(lambda: "the sign-in is being finished" in login.toasts())
        box.fake_vault.held.set()
        await login.signed_in()


async def test_chainloop_stores_the_token_that_the_browser_brought() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        box.fake_vault.held = asyncio.Event()
        await login.comes_back()
        await login.until(lambda: login.step(Step.SAVED) is StepState.RUNNING)
        login.app.end_by_signal(signal.SIGTERM)
        await login.until(lambda: "signing in to Chainloop" in login.toasts())
        box.fake_vault.held.set()
        await login.until(lambda: login.app._exit)
    assert ("loopin-chainloop", "default") in box.fake_vault.entries


@pytest.mark.parametrize("way", [GUMLOOP_OAUTH, GUMLOOP_KEY])
async def test_enter_twice_in_one_burst_opens_one_sign_in(way: str) -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.mark(way)
        below = len(login.app.screen_stack)
        for _ in range(2):
            login.app.post_message(events.Key("enter", None))
        await login.until(lambda: len(login.app.screen_stack) > below)
        await login.rest()
        assert len(login.app.screen_stack) == below + 1
        assert len(box.fake_listeners.made) == (way == GUMLOOP_OAUTH)


@pytest.mark.parametrize("key", ["l", "L", "p", "w"])
async def test_a_key_twice_in_one_burst_opens_one_dialog_of_the_accounts(key: str) -> None:
    async with opened(AccountsPage, fakes.app()) as accounts:
        for _ in range(2):
            accounts.app.post_message(events.Key(key, key))
        await accounts.until(lambda: len(accounts.app.screen_stack) > 1)
        await accounts.rest()
        assert len(accounts.app.screen_stack) == 2
