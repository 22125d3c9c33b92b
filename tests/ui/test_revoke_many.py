"""Revoking several tokens, from the countdown to the receipts."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from unittest.mock import patch

import pytest

from app.domain.activity import Outcome
from app.domain.credentials import Provider
from app.domain.errors import Failed, Refused, SessionEnded
from app.tui.app import LoopinApp
from app.tui.screens.dialogs.help import HelpScreen
from tests.support import app as fakes
from tests.support.fake_desktop import FakeClock
from tests.support.pages.login import LoginPage
from tests.support.pages.page import SMALL, Page, Question
from tests.support.rooms import at_tokens, story
from tests.support.zones import here


async def test_ten_seconds_can_be_waited_or_skipped() -> None:
    """Stop has the focus; the clock goes on by itself."""
    box = story()
    async with at_tokens(box) as tokens:
        countdown = await tokens.count_down(3)
        await countdown.reads("in 10 s")
        for second in range(10):
            assert countdown.is_open(), second
            box.fake_clock.advance(1)
            await countdown.rest(1)
        receipts = await countdown.over_by_itself()
        await receipts.reads("3 of 3 tokens are revoked")
        await receipts.reads(f"ci-legacy ✓ revoked at {here(fakes.NOW, '%H:%M:%S')}")
        assert receipts.text().count("Close") == 1, "the button is as wide as its new word"
        await receipts.leave()
        await tokens.closed()
        await tokens.until(lambda: tokens.counts()["Revoked"] == 5)
        assert "marked" not in tokens.text()


async def test_failures_can_be_tried_again() -> None:
    """Each row says why; only what failed is asked for again."""
    box = story()
    async with at_tokens(box) as tokens:
        countdown = await tokens.count_down(3)
        box.plane.fail["revoke_token"] = Failed("the server tried and could not")
        receipts = await countdown.now()
        await receipts.reads("0 of 3 tokens are revoked")
        await receipts.reads("the server tried and could not")
        assert "read back" not in receipts.text(), "there was nothing to read"
        box.plane.fail.clear()
        calls = box.plane.calls.count("revoke_token")
        await receipts.retry()
        await receipts.reads("3 of 3 tokens are revoked")
        assert box.plane.calls.count("revoke_token") == calls + 3


async def test_stopping_begins_no_further_call() -> None:
    """What is under way is awaited, the rest is not begun, and both are told apart."""
    box = story()
    async with at_tokens(box) as tokens:
        countdown = await tokens.count_down(6)
        box.plane.hold = asyncio.Event()
        receipts = await countdown.now()
        box.plane.calls.clear()
        hold, box.plane.hold = box.plane.hold, asyncio.Event()
        hold.set()
        await tokens.until(lambda: "revoke_token" in box.plane.calls or "current" in box.plane.calls)
        while "revoke_token" not in box.plane.calls:
            hold, box.plane.hold = box.plane.hold, asyncio.Event()
            hold.set()
            await tokens.rest(1)
        await receipts.stop()
        await receipts.reads("no further call is made")
        hold, box.plane.hold = box.plane.hold, None
        hold.set()
        await receipts.reads("4 of 6 tokens are revoked")
        await receipts.reads("not begun")
        assert box.plane.calls.count("revoke_token") == 4


async def test_a_session_that_ends_is_told_on_every_line() -> None:
    """The dialog stays, and can try again after a new login."""
    box = story()
    async with at_tokens(box) as tokens:
        countdown = await tokens.count_down(3)
        box.plane.fail["current"] = SessionEnded("the session has ended", hint="sign in again")
        receipts = await countdown.now()
        await receipts.reads("ci-legacy ✗ the session has ended")
        assert "revoke_token" not in box.plane.calls


async def test_an_interrupted_revocation_can_be_told_from_the_trail() -> None:
    """Begun and not ended: that is what a crash leaves; what ended shows its end alone."""
    box = story()
    gate = asyncio.Event()
    token = box.plane.tokens[0]
    await box.revocation.revoke_tokens([(box.plane.tokens[1].id, "done-before")])
    box.plane.hold = gate
    work = asyncio.create_task(box.revocation.revoke_tokens([(token.id, token.name)]))
    box.plane.hold.set()
    box.plane.hold = None
    await work
    entries = await box.activity_log.entries()
    assert [e.outcome for e in entries] == [Outcome.DONE, Outcome.DONE]
    begun = [line for line in box.fake_activity.lines if line.outcome is Outcome.STARTED]
    assert [line.subject for line in begun] == ["done-before", token.name]
    box.fake_activity.lines.pop()
    assert [e.outcome for e in await box.activity_log.entries()] == [Outcome.STARTED, Outcome.DONE]


async def test_the_token_in_use_is_revoked_last() -> None:
    """Without it no other could be revoked."""
    box = fakes.container(environment=fakes.CI_TOKEN)
    own = box.plane.tokens[1]
    others = [token for token in box.plane.tokens if token.revoked_at is None and token.id != own.id]
    order: list[str] = []
    await box.revocation.revoke_tokens(
        [(own.id, own.name), *((t.id, t.name) for t in others)], on_result=lambda r: order.append(r.name)
    )
    assert order[-1] == own.name
    assert len(order) == len(others) + 1


async def test_the_reason_goes_into_the_trail_of_every_token() -> None:
    """Typed in the first dialog, before the count; enter goes on to the count."""
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.mark(2)
        question = await tokens.revoke()
        await question.because("left the team")
        await question.write("2 acme")
        countdown = await question.confirmed()
        receipts = await countdown.now()
        await receipts.reads("2 of 2 tokens are revoked")
    told = [e.detail for e in await box.activity_log.entries() if e.subject_id]
    assert told == ["left the team"] * 2


async def test_thousands_are_reviewed_and_revoked_without_a_line_made_for_each() -> None:
    """The list of the dialog paints what is seen; every one can be reached."""
    box = story()
    first = box.plane.tokens[0]
    box.plane.tokens = [replace(first, id=f"t-{n}", name=f"bulk-{n:04}") for n in range(3000)]
    async with at_tokens(box, SMALL) as tokens:
        await tokens.mark_all()
        question = await tokens.revoke()
        await question.reads("Type 3000 acme to go on")
        assert question.widgets() < 40
        await question.to_last()
        await question.reads("bulk-2999")


async def test_a_bulk_that_a_crash_ended_is_told_and_what_is_left_can_be_marked() -> None:
    """As a kill leaves it: two of four begun, their ends never written. The trail knows the others, too."""
    box = story()
    chosen = [(t.id, t.name) for t in box.plane.tokens if t.revoked_at is None][:4]
    box.plane.fail["revoke_token"] = Failed("the server tried and could not")
    await box.revocation.revoke_tokens(chosen)
    box.plane.fail.clear()
    begun = [e for e in box.fake_activity.lines if e.outcome is Outcome.STARTED]
    box.fake_activity.lines = begun[:3]
    async with at_tokens(box) as tokens:
        question = await tokens.over(Question)
        await question.reads("Revoking 4 tokens was interrupted")
        others = ", ".join(name for _, name in chosen[2:])
        await question.reads(f"0 of 4 revoked, 2 not revoked, 2 not begun ({others})")
        await question.yes()
        await tokens.closed()
        await tokens.until(lambda: "4 marked" in tokens.text())
    async with at_tokens(box) as tokens:
        await tokens.rest()
        assert tokens.screen is tokens.room, "it is told once"


async def test_what_must_be_typed_has_the_focus() -> None:
    """Typing begins at once, enter does nothing until it is right, and escape leaves."""
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.mark(2)
        question = await tokens.revoke()
        await question.write("2 acm")
        await question.enter()
        assert question.is_open()
        assert not question.can_revoke()
        await question.write("e")
        assert question.can_revoke()
        await (await question.confirmed()).leave()
        await tokens.closed()


async def test_the_order_is_the_screens_and_failures_come_first() -> None:
    """The reason stands there whole, however narrow its cell."""
    box = story()
    async with at_tokens(box, SMALL) as tokens:
        shown = tokens.names()[:3]
        await tokens.mark(3)
        question = await tokens.revoke()
        text = question.text()
        assert sorted(shown, key=text.index) == shown
        countdown = await question.count("3 acme")
        last = next(token for token in box.plane.tokens if token.name == shown[-1])
        words = "the server keeps this one for as long as an attestation under way needs it"
        box.plane.fail[last.id] = Refused(words)
        receipts = await countdown.now()
        await receipts.reads("2 of 3 tokens are revoked")
        text = receipts.text()
        order = [shown[-1], *shown[:-1]]
        assert sorted(order, key=text.index) == order
        await receipts.reads(words)
        await receipts.reads("Times are read back from the server.")


async def test_one_can_sign_in_above_the_results_and_try_again() -> None:
    """The hint is a key that works there, not a command."""
    box = story()
    async with at_tokens(box) as tokens:
        countdown = await tokens.count_down(2)
        hint = "sign in again: loopin chainloop auth login"
        box.plane.fail["current"] = SessionEnded("Token is invalid", hint=hint, provider=Provider.CHAINLOOP)
        receipts = await countdown.now()
        await receipts.reads("✗ Token is invalid. Press ctrl+l to sign in again")
        box.plane.fail.clear()
        await sign_in(receipts)
        await receipts.until(receipts.is_open)
        await receipts.retry()
        await receipts.reads("2 of 2 tokens are revoked")


async def sign_in(page: Page) -> None:
    """Press the key, and go through the sign-in."""
    login = LoginPage(page.pilot)
    await login.open("ctrl+l")
    await page.press("enter")
    await login.waits()
    await login.comes_back()
    await page.press("enter")


def living(box: fakes.FakeContainer) -> int:
    """How many tokens are not revoked."""
    return sum(token.revoked_at is None for token in box.plane.tokens)


async def shrink(countdown: Page) -> None:
    """Make the terminal smaller than any dialog."""
    await countdown.resize((39, 9))


async def narrow(countdown: Page) -> None:
    """Make it too narrow."""
    await countdown.resize((39, 24))


async def suspend(countdown: Page) -> None:
    """What ctrl+z does before the process stops."""
    countdown.app._suspend_signal()


async def resume(countdown: Page) -> None:
    """What follows a stop that nobody announced."""
    countdown.app._resume_signal()


async def interrupt(countdown: Page) -> None:
    """Ctrl+c."""
    await countdown.press("ctrl+c")


async def stop_the_process(countdown: Page) -> None:
    """SIGSTOP, and SIGCONT a minute later: a second took a minute."""
    clock = countdown.app.container.clock
    assert isinstance(clock, FakeClock)
    clock.advance(60)


@pytest.mark.parametrize("what", [shrink, narrow, suspend, resume, interrupt, stop_the_process])
async def test_a_countdown_that_nobody_can_see_revokes_nothing(
    what: Callable[[Page], Awaitable[None]],
) -> None:
    box = story()
    async with at_tokens(box) as tokens:
        before = living(box)
        countdown = await tokens.count_down(3)
        await countdown.reads("in 10 s")
        await what(countdown)
        await tokens.until(lambda: "Nothing was revoked: " in tokens.toasts())
        await tokens.closed()
        for _ in range(12):
            box.fake_clock.advance(1)
            await tokens.rest(1)
        assert living(box) == before
        assert tokens.screen is tokens.room


async def test_a_selection_does_not_keep_ctrl_c_from_stopping_a_countdown() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        countdown = await tokens.count_down(3)
        with patch.object(LoopinApp, "selection", lambda app: "marked"):
            await countdown.press("ctrl+c")
            await tokens.closed()
        assert tokens.app.clipboard == ""


async def test_a_countdown_below_another_screen_waits_until_it_is_seen_again() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        before = living(box)
        countdown = await tokens.count_down(3)
        await countdown.reads("in 10 s")
        tokens.app.action_help()
        await tokens.dialog(HelpScreen)
        tokens.app.call_off("you stopped it")
        await tokens.press("escape")
        await tokens.closed()
        assert living(box) == before


async def test_quitting_while_tokens_are_revoked_begins_no_further_call() -> None:
    """What is under way is waited for; the trail has the end of it."""
    box = story()
    async with at_tokens(box) as tokens:
        countdown = await tokens.count_down(6)
        box.plane.held["revoke_token"] = asyncio.Event()
        receipts = await countdown.now()
        await receipts.until(lambda: box.plane.calls.count("revoke_token") == 4)
        receipts.app.end_by_signal(15)
        await receipts.until(lambda: "revoking 6 API tokens" in receipts.toasts())
        box.plane.held["revoke_token"].set()
        await receipts.until(lambda: receipts.app._exit)
        assert box.plane.calls.count("revoke_token") == 4
    assert await box.activity_log.interrupted() == ()
    said = [orphan.words for orphan in box.changes.orphans()]
    assert said == ["revoking 6 API tokens: finished, but 2 of 6 were not revoked"]


async def test_ctrl_c_begins_no_further_call() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        countdown = await tokens.count_down(6)
        box.plane.held["revoke_token"] = asyncio.Event()
        receipts = await countdown.now()
        await receipts.until(lambda: box.plane.calls.count("revoke_token") == 4)
        await receipts.press("ctrl+c")
        await receipts.reads("no further call is made")
        box.plane.held["revoke_token"].set()
        await receipts.reads("4 of 6 tokens are revoked")
