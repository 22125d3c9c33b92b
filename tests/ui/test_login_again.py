"""A sign-in that failed goes on from what is still good, or says what starts over."""

from app.domain.errors import Failed, Unreachable, VaultLocked
from app.domain.login import Step, StepState
from tests.support.fake_gumloop import REFRESH
from tests.support.pages.login import CHAINLOOP_BROWSER, GUMLOOP_OAUTH, at_the_choice, signed_out

SILENT = Unreachable("the server does not answer", hint="check your connection")


async def test_a_verification_that_got_no_answer_is_repeated_without_a_new_consent() -> None:
    box = signed_out()
    box.gumloop.fail["verify"] = SILENT
    async with at_the_choice(box) as login:
        await login.choose(GUMLOOP_OAUTH)
        await login.waits()
        await login.allowed()
        await login.fails(Step.VERIFIED)
        assert login.retry() == "Try again"
        assert "you need not allow access again" in login.shown()
        assert box.gumloop.revoked == []
        del box.gumloop.fail["verify"]
        await login.try_again()
        await login.signed_in()
        assert len(box.fake_browser.opened) == 1
        assert box.gumloop.calls.count("exchange") == 1
        assert login.step(Step.EXCHANGE) is StepState.DONE


async def test_giving_up_ends_the_tokens_that_nobody_keeps() -> None:
    box = signed_out()
    box.gumloop.fail["verify"] = SILENT
    async with at_the_choice(box) as login:
        await login.choose(GUMLOOP_OAUTH)
        await login.waits()
        await login.allowed()
        await login.fails(Step.VERIFIED)
        await login.press("escape")
        await login.until(lambda: box.gumloop.revoked == [REFRESH])
        assert not box.fake_vault.entries


async def test_a_keychain_that_locked_meanwhile_is_told_and_saving_goes_on() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        box.fake_vault.error = VaultLocked("GNOME Keyring is locked", hint="unlock it")
        await login.comes_back()
        await login.fails(Step.SAVED)
        assert "GNOME Keyring is locked" in login.shown()
        await login.try_again()
        await login.fails(Step.KEYCHAIN)
        box.fake_vault.error = None
        await login.try_again()
        await login.signed_in()
        assert len(box.fake_browser.opened) == 1


async def test_a_denied_sign_in_has_no_code_to_exchange_and_starts_over() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(GUMLOOP_OAUTH)
        await login.waits()
        await login.denied()
        await login.fails(Step.EXCHANGE)
        assert login.step(Step.WAITING) is login.step(Step.STATE) is StepState.DONE
        assert "access was denied: you pressed Deny" in login.shown()
        assert login.retry() == "Start over"
        await login.try_again()
        await login.waits()
        assert len(box.fake_browser.opened) == 2


async def test_a_code_that_was_not_exchanged_starts_over() -> None:
    box = signed_out()
    box.gumloop.fail["exchange"] = Failed("the token endpoint answered 500", hint="try again")
    async with at_the_choice(box) as login:
        await login.choose(GUMLOOP_OAUTH)
        await login.waits()
        await login.allowed()
        await login.fails(Step.EXCHANGE)
        assert login.retry() == "Start over"
        assert "a new page in the browser" in login.shown()
