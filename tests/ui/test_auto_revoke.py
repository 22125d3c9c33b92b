"""The Auto-revoke room: look before you save."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from app.domain.activity import Action, Outcome
from app.domain.errors import PermissionDenied, Unreachable
from app.domain.organizations import Role
from tests.support import app as fakes
from tests.support.pages.page import SMALL, Page
from tests.support.pages.rooms import ThresholdDialog
from tests.support.rooms import at_threshold, at_tokens, story


async def test_it_opens_on_what_is_saved() -> None:
    """With the parts, the bars and the list of what falls."""
    async with at_threshold() as room:
        await room.reads("Saved: 90 days.")
        await room.reads("7 due now · 0 within the hour · 1 more within 7 d · 2 more within 30 d · 12 safe")
        await room.reads("idle time of 22 unrevoked tokens")
        await room.reads("Only tokens that you can see are counted.")
        assert room.marked() == 90
        assert not room.can_save()


async def test_every_way_to_move_the_threshold_shows_at_once_what_it_means() -> None:
    """Presets, a day more or less, a number, off and on again."""
    async with at_threshold() as room:
        await room.lower()
        await room.reads("At 60 days:  9 due now · 1 within the hour")
        await room.reads("▼ Not saved yet: 90 days → 60 days. Lowered: tokens end sooner.")
        await room.day_less()
        assert room.days() == "59"
        assert room.preset() is None
        await room.threshold("365")
        await room.reads("Tokens live longer.")
        await room.toggle()
        await room.reads("Off: no token is revoked by itself")
        assert not room.is_on()
        await room.toggle()
        assert room.is_on()
        assert room.days() == "365"
        await room.undo()
        await room.reads("Saved: 90 days.")


@pytest.mark.parametrize("typed", ["366", "999", "-1", ""])
async def test_what_is_not_a_threshold_cannot_be_saved(typed: str) -> None:
    """It is named beside the input; the key is grey."""
    async with at_threshold() as room:
        await room.threshold(typed)
        assert ("use 0–365" in room.text()) == bool(typed)
        assert room.footer()["save"] is False
        assert not room.can_save()


async def test_off_is_off_whatever_stands_in_the_field() -> None:
    """The mouse takes the choice that it hits, and on is what it was before."""
    async with at_threshold() as room:
        await room.threshold("999")
        await room.click_switch("off")
        await room.reads("Not saved yet: 90 days → off.")
        assert room.days() == "0"
        await room.click_switch("on")
        await room.reads("Saved: 90 days.")


async def test_the_field_and_the_buttons_do_what_the_keys_do() -> None:
    """Enter in the field asks to save, as its button does; the other button takes the change back."""
    async with at_threshold() as room:
        await room.threshold("60")
        question = await room.enter_in_field()
        await question.reads("Revoke what is unused for 60 days in acme?")
        await question.press("escape")
        await room.closed()
        question = await room.click_save()
        await question.press("escape")
        await room.closed()
        await room.click_undo()
        await room.reads("Saved: 90 days.")
        assert not room.can_undo()


async def test_escape_drops_what_is_not_saved() -> None:
    """It is a step back inside the room."""
    async with at_threshold() as room:
        await room.lower()
        await room.reads("90 days → 60 days")
        await room.press("escape")
        await room.reads("Saved: 90 days.")
        assert room.days() == "90"


async def test_saving_what_revokes_asks_for_the_number() -> None:
    """Nothing is sent before it is typed; afterwards the server was read again."""
    box = story()
    async with at_threshold(box) as room:
        await room.lower()
        question = await room.save()
        await question.reads(
            "10 tokens are revoked within the hour, without notice and for good. "
            "Those due in 1 h stay when they are used before."
        )
        assert question.cancel_has_focus()
        await question.count("9")
        assert not question.can_save()
        await question.count("10")
        await question.press("enter", "enter")
        await room.closed()
        await room.until(lambda: "Saved: 60 days." in room.text())
        assert "acme: 60 days, read back from the server." in room.toasts()
        assert box.plane.threshold == 60
        after = box.plane.calls[box.plane.calls.index("set_threshold") :]
        assert "current" in after


async def test_saving_what_revokes_nothing_is_one_button() -> None:
    """Cancel first; the typed number is for what cannot be undone."""
    box = story()
    async with at_threshold(box) as room:
        await room.toggle()
        question = await room.save()
        await question.reads("Turn auto-revocation off in acme?")
        await question.enter()
        await room.closed()
        assert box.plane.threshold == 90
        question = await room.save()
        await question.yes()
        await room.until(lambda: box.plane.threshold == 0)


async def test_a_refused_save_keeps_what_was_chosen() -> None:
    """The reason is told, the choice is still there."""
    box = story()
    async with at_threshold(box) as room:
        box.plane.fail["set_threshold"] = PermissionDenied("operation not allowed")
        await room.toggle()
        question = await room.save()
        await question.yes()
        await room.until(lambda: "operation not allowed" in room.toasts())
        await room.reads("Not saved yet: 90 days → off.")


async def test_a_refresh_keeps_what_is_not_saved() -> None:
    """Only an unchanged threshold follows the server."""
    box = story()
    async with at_threshold(box) as room:
        await room.lower()
        box.plane.threshold = 180
        await room.refresh()
        await room.until(lambda: "180 days → 60 days" in room.text())
        await room.undo()
        await room.refresh()
        box.plane.threshold = 30
        await room.refresh()
        await room.until(lambda: "Saved: 30 days." in room.text())


async def test_a_viewer_sees_the_threshold_and_why_it_cannot_be_changed() -> None:
    """The tokens may not be listed: so nothing is counted."""
    box = story()
    box.plane.role = Role.VIEWER
    async with at_threshold(box) as room:
        await room.reads("Saved: 90 days.")
        await room.reads("Read-only. Your role is viewer: owners and admins change settings.")
        await room.reads("viewers may not see API tokens")
        assert room.footer()["save"] is False
        await room.lower()
        await room.ask_to_save()
        await room.rest()
        assert room.screen is room.room
        assert "list_tokens" not in box.plane.calls


async def test_under_an_api_token_it_is_a_preview() -> None:
    """The threshold in force is unknown, and that is said; others can be looked at."""
    box = fakes.container(environment=fakes.CI_TOKEN)
    async with at_threshold(box) as room:
        await room.reads("cannot be read with this credential")
        await room.reads("settings need a person's login")
        await room.reads("Choose a threshold to see what it would mean.")
        await room.higher()
        await room.reads("At 30 days:")
        assert room.footer()["save"] is False


async def test_the_sweep_is_at_hand_in_the_demo_alone() -> None:
    """Elsewhere the key does not exist."""
    async with at_threshold() as room:
        assert "sweep now" not in room.footer()
        await room.sweep()
        await room.rest()
        assert room.toasts() == ""
    async with at_threshold(demo=True) as room:
        assert room.footer()["sweep now"] is True
        await room.sweep()
        await room.until(lambda: "nothing was due" in room.toasts())


async def test_an_error_is_said_and_can_be_retried() -> None:
    """As everywhere."""
    box = story()
    box.plane.fail["current"] = Unreachable("nobody answers", hint="check the network")
    async with at_threshold(box) as room:
        await room.until(lambda: room.state() == "error")
        await room.reads("nobody answers")
        box.plane.fail.clear()
        await room.note_button()
        await room.until(lambda: "Saved: 90 days." in room.text())


async def test_it_fits_into_eighty_by_twenty_four() -> None:
    """The parts on one line, the buttons on the last."""
    async with at_threshold(size=SMALL) as room:
        await room.until(lambda: "At 90 days" in room.text())
        lines = room.text().splitlines()
        assert any("7 due now · 0 in 1 h · 1 in 7 d · 2 in 30 d · 12 safe" in line for line in lines)
        assert "Save …" in lines[-2]
        await room.reads("becomes revoked")


def another_threshold(box: fakes.FakeContainer) -> str:
    """Somebody else changes it."""
    box.plane.threshold = 180
    return "Nothing was sent: the threshold was changed meanwhile: it is 180 days and no longer 90 days."


def another_token(box: fakes.FakeContainer) -> str:
    """One more would fall."""
    box.plane.tokens.append(replace(box.plane.tokens[0], id="late", name="found-later"))
    return "Nothing was sent: more would be revoked than was shown: found-later."


@pytest.mark.parametrize("meanwhile", [another_threshold, another_token])
async def test_what_is_no_longer_true_is_shown_and_asked_anew(
    meanwhile: Callable[[fakes.FakeContainer], str],
) -> None:
    """Nothing is sent for an answer to another question; escape then leaves everything as it is."""
    box = story()
    async with at_threshold(box) as room:
        await room.lower()
        question = await room.save()
        why = meanwhile(box)
        await question.count("10")
        await question.press("enter", "enter")
        await room.reads(why)
        again = await room.over(ThresholdDialog)
        assert again.cancel_has_focus()
        await again.press("escape")
        await room.closed()
        await room.reads("→ 60 days")
        assert "set_threshold" not in box.plane.calls
        again = await room.save()
        await again.count("11" if len(box.plane.tokens) > 24 else "10")
        await again.press("enter", "enter")
        await room.until(lambda: "set_threshold" in box.plane.calls)


@pytest.mark.parametrize(("made", "told"), [(True, "it was saved"), (False, "it is 90 days")])
@pytest.mark.parametrize("at", [at_threshold, at_tokens])
async def test_a_change_whose_answer_got_lost_is_told_at_the_next_start(
    at: Callable[[fakes.FakeContainer], AbstractAsyncContextManager[Page]], made: bool, told: str
) -> None:
    """Nobody could be asked then: what is read now tells what became of it, and ends it in the trail."""
    box = story()
    box.plane.held["set_threshold"] = asyncio.Event()
    async with at_threshold(box) as room:
        await room.threshold("365")
        question = await room.save()
        await question.count("1")
        await question.press("enter", "enter")
        await room.until(lambda: "set_threshold" in box.plane.calls)
        broken = Unreachable("the connection broke")
        box.plane.lost["set_threshold"] = box.plane.fail["current"] = broken
        box.plane.held["set_threshold"].set()
        await room.until(lambda: "the connection broke" in room.toasts())
    box.plane.lost.clear()
    box.plane.fail.clear()
    box.plane.threshold = 365 if made else 90
    box.start_again()
    async with at(box) as page:
        await page.until(lambda: f"Saving auto-revoke 365 days in acme: {told}." in page.toasts())
        assert box.fake_activity.lines[-1].action is Action.THRESHOLD
        assert box.fake_activity.lines[-1].outcome is (Outcome.DONE if made else Outcome.FAILED)
    box.start_again()
    async with at(box) as page:
        await page.rest()
        assert "Saving auto-revoke" not in page.toasts()
