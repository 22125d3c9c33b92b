"""A sign-in that failed goes on from what is still good, or says what starts over."""

from textual.widgets import Button

from app.domain.errors import Failed, Unreachable, VaultLocked
from app.domain.login import Step, StepState
from app.main import LoopinApp
from tests.support import app as fakes
from tests.support.fake_gumloop import REFRESH
from tests.support.scenes import allowed, callback, denied
from tests.ui.pilots import until
from tests.ui.test_login import CHAINLOOP_BROWSER, SIZE, choose, out, shown, steps, waiting
from widgets.signed_in_panel import SignedInPanel

SILENT = Unreachable("the server does not answer", hint="check your connection")


def retry(app: LoopinApp) -> str:
    """What the button says."""
    return str(app.screen.query_one("#retry", Button).label)


async def test_a_verification_that_got_no_answer_is_repeated_without_a_new_consent() -> None:
    box = out()
    box.gumloop.fail["verify"] = SILENT
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "enter")
        await waiting(pilot, app)
        await allowed(pilot)
        await until(pilot, lambda: steps(app).get(Step.VERIFIED) is StepState.FAILED)
        assert retry(app) == "Try again"
        assert "you need not allow access again" in shown(app)
        assert box.gumloop.revoked == []
        del box.gumloop.fail["verify"]
        await pilot.press("r")
        await until(pilot, lambda: app.screen.query_one(SignedInPanel).result is not None)
        assert len(box.fake_browser.opened) == 1
        assert box.gumloop.calls.count("exchange") == 1
        assert steps(app)[Step.EXCHANGE] is StepState.DONE


async def test_giving_up_ends_the_tokens_that_nobody_keeps() -> None:
    box = out()
    box.gumloop.fail["verify"] = SILENT
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "enter")
        await waiting(pilot, app)
        await allowed(pilot)
        await until(pilot, lambda: steps(app).get(Step.VERIFIED) is StepState.FAILED)
        await pilot.press("escape")
        await until(pilot, lambda: box.gumloop.revoked == [REFRESH])
        assert not box.fake_vault.entries


async def test_a_keychain_that_locked_meanwhile_is_told_and_saving_goes_on() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        box.fake_vault.error = VaultLocked("GNOME Keyring is locked", hint="unlock it")
        await callback(pilot)
        await until(pilot, lambda: steps(app).get(Step.SAVED) is StepState.FAILED)
        assert "GNOME Keyring is locked" in shown(app)
        await pilot.press("r")
        await until(pilot, lambda: steps(app).get(Step.KEYCHAIN) is StepState.FAILED)
        box.fake_vault.error = None
        await pilot.press("r")
        await until(pilot, lambda: app.screen.query_one(SignedInPanel).result is not None)
        assert len(box.fake_browser.opened) == 1


async def test_a_denied_sign_in_fails_at_the_permission_and_starts_over() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "enter")
        await waiting(pilot, app)
        await denied(pilot)
        await until(pilot, lambda: steps(app).get(Step.WAITING) is StepState.FAILED)
        assert steps(app)[Step.STATE] is StepState.DONE
        assert "access was denied: you pressed Deny" in shown(app)
        assert retry(app) == "Start over"
        await pilot.press("r")
        await waiting(pilot, app)
        assert len(box.fake_browser.opened) == 2


async def test_a_code_that_was_not_exchanged_starts_over() -> None:
    box = out()
    box.gumloop.fail["exchange"] = Failed("the token endpoint answered 500", hint="try again")
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "enter")
        await waiting(pilot, app)
        await allowed(pilot)
        await until(pilot, lambda: steps(app).get(Step.EXCHANGE) is StepState.FAILED)
        assert retry(app) == "Start over"
        assert "a new page in the browser" in shown(app)
