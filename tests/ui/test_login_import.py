"""Sign in with the login that Chainloop's own command line keeps in its configuration file."""

from dataclasses import replace
from datetime import timedelta

import pytest
from textual.widgets import Button, Input

from app.domain.credentials import Method
from app.domain.errors import Unreachable
from app.domain.login import Step, StepState
from app.domain.server_info import SIGN_OUT
from app.domain.vendor_login import TITLE, VendorLogin
from app.services.stored_logins import ChainloopVault
from tests.support import app as fakes
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.login import CHAINLOOP_TOKEN, LoginPage, at_the_choice, signed_out
from tests.support.pages.page import opened
from tests.support.zones import here

PATH = "~/.config/chainloop/config.toml"


def vendor_login(**changes: object) -> VendorLogin:
    """Ada's session, for another server than the default one."""
    login = VendorLogin(
        PATH,
        fakes.USER_TOKEN,
        replace(fakes.ENDPOINT, address="cp.own.example:443", ca="/ca.pem"),
        Method.BROWSER,
        fakes.NOW + timedelta(days=6),
    )
    return replace(login, **changes)  # type: ignore[arg-type]


def found(**changes: object) -> fakes.FakeContainer:
    """A machine where the vendor's program has signed in, and nobody else."""
    box = signed_out()
    box.vendor.login = vendor_login(**changes)
    return box


def server(login: LoginPage) -> Input:
    return login.find("#login-server", Input)


async def test_without_a_file_there_is_no_such_way() -> None:
    async with at_the_choice(signed_out()) as login:
        assert not any(TITLE in words for words in login.options())


@pytest.mark.parametrize("size", [(80, 24), (100, 32), (60, 15)])
async def test_it_is_the_last_way_and_moves_no_other(size: tuple[int, int]) -> None:
    async with at_the_choice(found(), size=size) as login:
        assert TITLE in login.options()[-1]
        assert f"found in {PATH}: take it over into the keychain" in login.options()[-1]
        assert "API token               unattended" in next(
            w for w in login.options() if CHAINLOOP_TOKEN in w
        )


async def test_it_goes_to_the_server_of_the_file_whatever_is_typed() -> None:
    box = found()
    async with at_the_choice(box) as login:
        await login.mark(CHAINLOOP_TOKEN)
        await login.until(lambda: server(login).value == fakes.ENDPOINT.address)
        server(login).value = "not an address"
        await login.mark(TITLE)
        await login.until(lambda: server(login).value == "cp.own.example:443")
        assert server(login).disabled
        await login.press("enter", "enter")
        done = await login.signed_in()
        assert (done.endpoint, done.method, done.copy_in) == ("cp.own.example:443", Method.BROWSER, PATH)
        assert f"{PATH}, unchanged and valid" in login.shown()
        assert fakes.USER_TOKEN.reveal() not in login.shown()
    stored = await ChainloopVault(box.fake_vault).read("default")
    assert stored is not None
    assert (stored.secret, stored.endpoint, stored.method) == (
        fakes.USER_TOKEN,
        vendor_login().endpoint,
        Method.BROWSER,
    )
    assert box.fake_accounts.known["chainloop", "default"]["copy_in"] == PATH


async def test_it_says_what_it_does_before_it_does_it() -> None:
    box = found(exposed=True)
    async with at_the_choice(box) as login:
        await login.choose(TITLE)
        await login.until(lambda: "Verify and sign in" in login.shown())
        shown = " ".join(login.shown().split())
        until = here(fakes.NOW + timedelta(days=6), "%-d %b %Y")
        assert f"is stored in plain text in {PATH}, for cp.own.example:443, until {until}" in shown
        assert "others can read the file" in shown
        assert "its copy stays valid" in shown
        assert "Show what is typed" not in shown
        assert "current" not in box.plane.calls
        await login.press("enter")
        assert "others can read the copy" in (await login.signed_in()).problem


async def test_a_failed_attempt_leaves_everything_and_can_be_made_again() -> None:
    box = found()
    box.plane.fail["current"] = Unreachable("nobody answers", hint="try again later")
    async with at_the_choice(box) as login:
        await login.choose(TITLE)
        await login.press("enter")
        await login.until(lambda: login.step(Step.VERIFIED) is StepState.FAILED)
        assert "nobody answers" in login.shown()
        assert not box.fake_vault.entries
        assert box.fake_accounts.known == {}
        box.plane.fail.clear()
        # A button that was just pressed takes no second press.
        await login.until(lambda: not login.find("#submit", Button).has_class("-active"))
        await login.press("enter")
        await login.signed_in()


async def test_a_file_that_is_gone_fails_the_first_step() -> None:
    box = found()
    async with at_the_choice(box) as login:
        await login.choose(TITLE)
        box.vendor.login = None
        await login.press("enter")
        await login.until(lambda: login.step(Step.FOUND) is StepState.FAILED)
        assert "there is no file" in login.shown()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"endpoint": None, "problem": "control-plane.API is not set"}, "control-plane.API is not set"),
        (
            {"expires_at": fakes.NOW - timedelta(days=1)},
            f"it ended {here(fakes.NOW - timedelta(days=1), '%-d %b %Y')}",
        ),
    ],
)
async def test_what_cannot_be_taken_over_is_grey_and_says_why(changes: dict[str, object], why: str) -> None:
    async with at_the_choice(found(**changes)) as login:
        assert not login.can_take_last()
        assert why in login.options()[-1]


@pytest.mark.parametrize(("able", "fate"), [(True, "ended, too"), (False, "stays valid, too")])
async def test_signing_out_tells_what_becomes_of_the_copy(able: bool, fate: str) -> None:
    box = fakes.container()
    box.vendor.login = vendor_login()
    fakes.finish(box.accounts.update("chainloop", "default", {"copy_in": PATH}))
    box.plane.capabilities = frozenset({SIGN_OUT}) if able else frozenset()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        question = await accounts.sign_out()
        until = here(fakes.NOW + timedelta(hours=23, minutes=12), "%-d %b %Y")
        await question.reads(f"{PATH} has a copy of it: both end there, or stay valid until {until}")
        await question.yes()
        await accounts.until(lambda: f"the copy in {PATH} {fate}" in accounts.toasts())
    assert ("chainloop", "default") not in box.fake_accounts.known
