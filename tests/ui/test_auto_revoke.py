"""The Auto-revoke room: look before you save."""

import pytest
from textual.widgets import Button, Input

from app.domain.errors import PermissionDenied, Unreachable
from app.domain.organizations import Role
from app.screens.auto_revoke_save import ConfirmThreshold
from tests.support import app as fakes
from tests.support.pages.page import opened
from tests.support.pages.rooms import AutoRevokePage
from tests.support.rooms import stage, story
from widgets.choice_bar import ChoiceBar
from widgets.histogram import Histogram


async def test_it_opens_on_what_is_saved() -> None:
    """With the parts, the bars and the list of what falls."""
    async with opened(AutoRevokePage, stage(screen="auto_revoke")) as room:
        await room.reads("Saved: 90 days.")
        await room.reads("7 at the next sweep (≤ 1 h) · 1 more within 7 d · 2 more within 30 d · 12 safe")
        await room.reads("idle time of 22 unrevoked tokens")
        await room.reads("Only tokens that you can see are counted.")
        assert room.find(Histogram.__name__, Histogram).threshold == 90
        assert not room.enabled("#revoke-save")


async def test_every_way_to_move_the_threshold_shows_at_once_what_it_means() -> None:
    """Presets, a day more or less, a number, off and on again."""
    async with opened(AutoRevokePage, stage(screen="auto_revoke")) as room:
        await room.press("left")
        await room.reads("At 60 days:  9 at the next sweep")
        await room.reads("▼ Not saved yet: 90 days → 60 days. Lowered: tokens end sooner.")
        await room.press("minus")
        assert room.find("#revoke-days", Input).value == "59"
        assert room.find("#revoke-presets", ChoiceBar).chosen is None
        await room.threshold("365")
        await room.reads("Tokens live longer.")
        room.find("#revoke-presets", ChoiceBar).focus()
        await room.press("space")
        await room.reads("Off: no token is revoked by itself")
        assert room.find("#revoke-switch", ChoiceBar).chosen == 0
        await room.press("space")
        assert room.find("#revoke-days", Input).value == "365"
        await room.press("u")
        await room.reads("Saved: 90 days.")


@pytest.mark.parametrize("typed", ["366", "999", "-1", ""])
async def test_what_is_not_a_threshold_cannot_be_saved(typed: str) -> None:
    """It is named beside the input; the key is grey."""
    async with opened(AutoRevokePage, stage(screen="auto_revoke")) as room:
        await room.threshold(typed)
        assert ("use 0–365" in room.text()) == bool(typed)
        assert room.footer()["save"] is False
        assert not room.enabled("#revoke-save")


async def test_saving_what_revokes_asks_for_the_number() -> None:
    """Nothing is sent before it is typed; afterwards the server was read again."""
    box = story()
    async with opened(AutoRevokePage, stage(box, screen="auto_revoke")) as room:
        await room.press("left", "ctrl+s")
        await room.dialog(ConfirmThreshold)
        await room.reads("9 tokens are revoked within the hour, without notice and for good.")
        assert room.find("#cancel", Button).has_focus
        room.find("#threshold-input", Input).focus()
        await room.write("8")
        assert not room.enabled("#yes")
        await room.press("backspace", "9")
        await room.press("enter", "enter")
        await room.closed()
        await room.until(lambda: "Saved: 60 days." in room.text())
        assert "The server has it: 60 days." in room.toasts()
        assert box.plane.threshold == 60
        after = box.plane.calls[box.plane.calls.index("set_threshold") :]
        assert "current" in after


async def test_saving_what_revokes_nothing_is_one_button() -> None:
    """Cancel first; the typed number is for what cannot be undone."""
    box = story()
    async with opened(AutoRevokePage, stage(box, screen="auto_revoke")) as room:
        await room.press("space", "ctrl+s")
        await room.dialog(ConfirmThreshold)
        await room.reads("Turn auto-revocation off in acme?")
        await room.press("enter")
        await room.closed()
        assert box.plane.threshold == 90
        await room.press("ctrl+s")
        await room.dialog(ConfirmThreshold)
        await room.press("tab", "enter")
        await room.until(lambda: box.plane.threshold == 0)


async def test_a_refused_save_keeps_what_was_chosen() -> None:
    """The reason is told, the choice is still there."""
    box = story()
    async with opened(AutoRevokePage, stage(box, screen="auto_revoke")) as room:
        box.plane.fail["set_threshold"] = PermissionDenied("operation not allowed")
        await room.press("space", "ctrl+s")
        await room.dialog(ConfirmThreshold)
        await room.press("tab", "enter")
        await room.until(lambda: "operation not allowed" in room.toasts())
        await room.reads("Not saved yet: 90 days → off.")


async def test_a_refresh_keeps_what_is_not_saved() -> None:
    """Only an unchanged threshold follows the server."""
    box = story()
    async with opened(AutoRevokePage, stage(box, screen="auto_revoke")) as room:
        await room.press("left")
        box.plane.threshold = 180
        await room.press("r")
        await room.until(lambda: "180 days → 60 days" in room.text())
        await room.press("u", "r")
        box.plane.threshold = 30
        await room.press("r")
        await room.until(lambda: "Saved: 30 days." in room.text())


async def test_a_viewer_sees_the_threshold_and_why_it_cannot_be_changed() -> None:
    """The tokens may not be listed: so nothing is counted."""
    box = story()
    box.plane.role = Role.VIEWER
    async with opened(AutoRevokePage, stage(box, screen="auto_revoke")) as room:
        await room.reads("Saved: 90 days.")
        await room.reads("Read-only: your role is viewer: owners and admins change settings.")
        await room.reads("viewers may not see API tokens")
        assert room.footer()["save"] is False
        await room.press("left", "ctrl+s")
        assert room.screen is room.room
        assert "list_tokens" not in box.plane.calls


async def test_under_an_api_token_it_is_a_preview() -> None:
    """The threshold in force is unknown, and that is said; others can be looked at."""
    box = fakes.container(environment=fakes.CI_TOKEN)
    async with opened(AutoRevokePage, stage(box, screen="auto_revoke")) as room:
        await room.reads("cannot be read with this credential")
        await room.reads("settings need a person's login")
        await room.reads("Choose a threshold to see what it would mean.")
        await room.press("right")
        await room.reads("At 30 days:")
        assert room.footer()["save"] is False


async def test_the_sweep_is_at_hand_in_the_demo_alone() -> None:
    """Elsewhere the key does not exist."""
    async with opened(AutoRevokePage, stage(screen="auto_revoke")) as room:
        assert "sweep now" not in room.footer()
        await room.press("S")
        assert room.toasts() == ""
    async with opened(AutoRevokePage, stage(screen="auto_revoke", demo=True)) as room:
        assert room.footer()["sweep now"] is True
        await room.press("S")
        await room.until(lambda: "nothing was due" in room.toasts())


async def test_an_error_is_said_and_can_be_retried() -> None:
    """As everywhere."""
    box = story()
    box.plane.fail["current"] = Unreachable("nobody answers", hint="check the network")
    async with opened(AutoRevokePage, stage(box, screen="auto_revoke")) as room:
        await room.until(lambda: room.state() == "error")
        await room.reads("nobody answers")
        box.plane.fail.clear()
        await room.click("#state-note Button")
        await room.until(lambda: "Saved: 90 days." in room.text())


async def test_it_fits_into_eighty_by_twenty_four() -> None:
    """The parts on one line, the buttons on the last."""
    async with opened(AutoRevokePage, stage(screen="auto_revoke"), (80, 24)) as room:
        await room.until(lambda: "At 90 days" in room.text())
        lines = room.text().splitlines()
        assert any("7 at the next sweep (≤ 1 h) · 1 in 7 d · 2 in 30 d · 12 safe" in line for line in lines)
        assert "Save …" in lines[-2]
        await room.reads("becomes revoked")
