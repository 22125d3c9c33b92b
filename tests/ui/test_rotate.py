"""Rotating a token: never a moment in which neither works."""

from app.domain.activity import Action, Outcome
from app.domain.secret import Secret
from app.screens.dialog import Confirm
from app.screens.reveal import RevealDialog
from tests.support import app as fakes
from tests.support.rooms import SIZE, Room, stage, story

NEW = "ci-release-2026-03"
SECRET = Secret(f"not-a-real-token-of-{NEW}-0042")


async def revealed(room: Room, box: fakes.FakeContainer, *, works: bool = True) -> None:
    """Rotate ci-release up to the reveal screen, save the new token, and leave."""
    if works:
        box.plane.accepted.add(SECRET)
    await room.until(room.names)
    await room.press("G", "R")
    await room.dialog(Confirm)
    await room.reads(f"A new token {NEW} is created: scope organization, life 300 days.")
    await room.press("tab", "enter")
    await room.dialog(RevealDialog)
    await room.press("k", "enter")
    await room.reads(f"saved to GNOME Keyring as profile {NEW}")
    await room.press("escape")
    await room.dialog(Confirm)


def living(box: fakes.FakeContainer) -> set[str]:
    """Names of unrevoked tokens that begin like ci-release."""
    return {t.name for t in box.plane.tokens if t.revoked_at is None and t.name.startswith("ci-release")}


async def test_the_old_token_lives_until_it_is_confirmed() -> None:
    """The new one was tried with a real call first."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await revealed(room, box)
        await room.reads(f"{NEW} was tried: it works.")
        assert living(box) == {"ci-release", NEW}
        await room.press("tab", "enter")
        await room.until(lambda: living(box) == {NEW})
        await room.until(lambda: "ci-release is revoked" in room.toasts())
        entries = await box.trail.entries()
        assert [(e.action, e.outcome) for e in entries if e.action is Action.ROTATE] == [
            (Action.ROTATE, Outcome.DONE)
        ]


async def test_both_can_be_kept_and_a_new_token_that_does_not_work_is_told() -> None:
    """Enter keeps both: it is what has the focus."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await revealed(room, box, works=False)
        await room.reads("does NOT work: the session has ended")
        await room.press("enter")
        await room.until(lambda: "both tokens are kept" in room.toasts())
        assert living(box) == {"ci-release", NEW}


async def test_a_rotation_that_a_crash_ended_is_told_at_the_next_start() -> None:
    """The token that nobody saw is offered for revocation; the old one lives."""
    box = story()
    old = next(token for token in box.plane.tokens if token.name == "ci-release")
    await box.rotate_token.begin(old, box.plane.tokens)
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.dialog(Confirm)
        await room.reads("was begun on 14 March at 12:04 and never ended")
        await room.press("tab", "enter")
        await room.until(lambda: living(box) == {"ci-release"})
        await room.closed()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await pilot.pause()
        assert room.screen is room.room
