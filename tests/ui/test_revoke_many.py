"""Revoking several tokens, from the countdown to the receipts."""

import asyncio
from dataclasses import replace

from textual.widgets import Input

from app.domain.activity import Outcome
from app.domain.errors import Failed, SessionEnded
from app.screens.dialog import Confirm
from app.screens.revoke_many import Countdown, RevokeMany
from app.screens.revoke_tokens import ConfirmRevoke
from tests.support import app as fakes
from tests.support.rooms import SIZE, Room, stage, story
from widgets.tabs_with_counts import TabsWithCounts
from widgets.virtual_table import VirtualTable


async def counting(room: Room, *, count: int = 3) -> None:
    """Mark the first rows, confirm, and stand in the countdown."""
    await room.until(room.names)
    await room.press(*["space"] * count, "ctrl+d")
    await room.dialog(ConfirmRevoke)
    room.find("#revoke-input", Input).focus()
    await room.write(f"{count} acme")
    await room.press("enter", "enter")
    await room.dialog(Countdown)


async def test_ten_seconds_can_be_waited_or_skipped() -> None:
    """Stop has the focus; the clock goes on by itself."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await counting(room)
        await room.reads("in 10 s")
        for second in range(10):
            assert isinstance(room.screen, Countdown), second
            box.fake_clock.advance(1)
            await pilot.pause()
        await room.dialog(RevokeMany)
        await room.reads("3 of 3 tokens are revoked")
        await room.reads("ci-legacy ✓ revoked at 12:04:31")
        await room.press("escape")
        await room.closed()
        await room.until(lambda: [t.count for t in room.room.query_one(TabsWithCounts).tabs][4] == 5)
        assert "marked" not in room.text()


async def test_failures_can_be_tried_again() -> None:
    """Each row says why; only what failed is asked for again."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await counting(room)
        box.plane.fail["revoke_token"] = Failed("the server tried and could not")
        await room.press("tab", "enter")
        await room.dialog(RevokeMany)
        await room.reads("0 of 3 tokens are revoked")
        await room.reads("the server tried and could not")
        box.plane.fail.clear()
        calls = box.plane.calls.count("revoke_token")
        await room.press("r")
        await room.reads("3 of 3 tokens are revoked")
        assert box.plane.calls.count("revoke_token") == calls + 3


async def test_stopping_begins_no_further_call() -> None:
    """What is under way is awaited, the rest is not begun, and both are told apart."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await counting(room, count=6)
        box.plane.hold = asyncio.Event()
        await room.press("tab", "enter")
        await room.dialog(RevokeMany)
        box.plane.calls.clear()
        hold, box.plane.hold = box.plane.hold, asyncio.Event()
        hold.set()
        await room.until(lambda: "revoke_token" in box.plane.calls or "current" in box.plane.calls)
        while "revoke_token" not in box.plane.calls:
            hold, box.plane.hold = box.plane.hold, asyncio.Event()
            hold.set()
            await pilot.pause()
        await room.press("escape")
        await room.reads("no further call is made")
        hold, box.plane.hold = box.plane.hold, None
        hold.set()
        await room.reads("4 of 6 tokens are revoked")
        await room.reads("not begun")
        assert box.plane.calls.count("revoke_token") == 4


async def test_a_session_that_ends_is_told_on_every_line() -> None:
    """The dialog stays, and can try again after a new login."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await counting(room)
        box.plane.fail["current"] = SessionEnded("the session has ended", hint="sign in again")
        await room.press("tab", "enter")
        await room.dialog(RevokeMany)
        await room.reads("ci-legacy ✗ the session has ended")
        assert "revoke_token" not in box.plane.calls


async def test_an_interrupted_revocation_can_be_told_from_the_trail() -> None:
    """Begun and not ended: that is what a crash leaves; what ended shows its end alone."""
    box = story()
    gate = asyncio.Event()
    token = box.plane.tokens[0]
    await box.revoke_tokens.do([(box.plane.tokens[1].id, "done-before")])
    box.plane.hold = gate
    work = asyncio.create_task(box.revoke_tokens.do([(token.id, token.name)]))
    box.plane.hold.set()
    box.plane.hold = None
    await work
    entries = await box.trail.entries()
    assert [e.outcome for e in entries] == [Outcome.DONE, Outcome.DONE]
    begun = [line for line in box.fake_activity.lines if line.outcome is Outcome.STARTED]
    assert [line.subject for line in begun] == ["done-before", token.name]
    box.fake_activity.lines.pop()
    assert [e.outcome for e in await box.trail.entries()] == [Outcome.STARTED, Outcome.DONE]


async def test_the_token_in_use_is_revoked_last() -> None:
    """Without it no other could be revoked."""
    box = fakes.container(environment=fakes.CI_TOKEN)
    own = box.plane.tokens[1]
    others = [token for token in box.plane.tokens if token.revoked_at is None and token.id != own.id]
    order: list[str] = []
    await box.revoke_tokens.do(
        [(own.id, own.name), *((t.id, t.name) for t in others)], told=lambda r: order.append(r.name)
    )
    assert order[-1] == own.name
    assert len(order) == len(others) + 1


async def test_the_reason_goes_into_the_trail_of_every_token() -> None:
    """Typed in the first dialog, before the count; enter goes on to the count."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("space", "space", "ctrl+d")
        await room.dialog(ConfirmRevoke)
        room.find("#revoke-reason", Input).focus()
        await room.write("left the team")
        await room.press("enter", *"2 acme", "enter", "enter")
        await room.dialog(Countdown)
        await room.press("tab", "enter")
        await room.reads("2 of 2 tokens are revoked")
    told = [e.detail for e in await box.trail.entries() if e.subject_id]
    assert told == ["left the team"] * 2


async def test_thousands_are_reviewed_and_revoked_without_a_line_made_for_each() -> None:
    """The list of the dialog paints what is seen; every one can be reached."""
    box = story()
    first = box.plane.tokens[0]
    box.plane.tokens = [replace(first, id=f"t-{n}", name=f"bulk-{n:04}") for n in range(3000)]
    async with stage(box).run_test(size=(80, 24)) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("asterisk", "ctrl+d")
        await room.dialog(ConfirmRevoke)
        await room.reads("Type 3000 acme to go on")
        assert len(list(room.screen.walk_children())) < 40
        room.find("#revoke-list", VirtualTable).focus()
        await room.press("G")
        await room.reads("bulk-2999")


async def test_a_bulk_that_a_crash_ended_is_told_and_what_is_left_can_be_marked() -> None:
    """As a kill leaves it: two of four begun, their ends never written. The trail knows the others, too."""
    box = story()
    chosen = [(t.id, t.name) for t in box.plane.tokens if t.revoked_at is None][:4]
    box.plane.fail["revoke_token"] = Failed("the server tried and could not")
    await box.revoke_tokens.do(chosen)
    box.plane.fail.clear()
    begun = [e for e in box.fake_activity.lines if e.outcome is Outcome.STARTED]
    box.fake_activity.lines = begun[:3]
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.dialog(Confirm)
        await room.reads("Revoking 4 tokens was interrupted")
        others = ", ".join(name for _, name in chosen[2:])
        await room.reads(f"0 of 4 revoked, 2 not revoked, 2 not begun ({others})")
        await room.press("tab", "enter")
        await room.closed()
        await room.until(lambda: "4 marked" in room.text())
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await pilot.pause()
        assert room.screen is room.room, "it is told once"
