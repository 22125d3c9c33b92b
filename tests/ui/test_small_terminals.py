"""Dialogs in a terminal with little room: all can be read and reached, or nothing can be done."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from app.tui.app import LoopinApp
from app.tui.screens.dialogs.dialog import ENLARGE, Dialog
from app.tui.screens.tokens.revoke_many import Countdown
from tests.support import scenes, scenes_rooms
from tests.support.app import FakeContainer
from tests.support.idle import exact, settle

DIALOGS = (
    *("sign-out", "why", "ci-identity", "profiles", "organization", "activity-export", "help"),
    *("tokens-detail", "tokens-sort", "tokens-saved-filters", "tokens-keyless", "create", "create-date"),
    *("create-permissions", "reveal", "reveal-shown", "reveal-leave", "revoke-one", "revoke-many"),
    *("revoke-countdown", "revoke-results", "export", "rotate", "auto-revoke-save"),
)
SCENES = {**scenes.SCENES, **scenes_rooms.SCENES}


@pytest.fixture(autouse=True)
def one_at_a_time() -> Iterator[None]:
    with exact():
        yield


@asynccontextmanager
async def dialog_of(scene: str, size: tuple[int, int]) -> AsyncIterator[tuple[Pilot[int], Dialog[object]]]:
    app = SCENES[scene].make("loopin-dark")
    async with app.run_test(size=size) as pilot:
        await SCENES[scene].play(pilot)
        assert isinstance(app.screen, Dialog)
        yield pilot, app.screen


def hidden_buttons(dialog: Dialog[object]) -> list[str | None]:
    """Those of which a part cannot be seen."""
    buttons = [button for button in dialog.query(Button) if button.display]
    return [button.id for button in buttons if not button.is_on_screen or not _whole(dialog, button)]


def _whole(dialog: Dialog[object], button: Button) -> bool:
    clip = dialog.find_widget(button).clip.intersection(dialog.region)
    return clip.contains_region(button.region)


@pytest.mark.parametrize("scene", DIALOGS)
async def test_every_button_is_seen_whole(scene: str) -> None:
    async with dialog_of(scene, (40, 10)) as (pilot, dialog):
        for size in ((40, 10), (60, 15), (80, 15), (60, 24)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            assert hidden_buttons(dialog) == [], size
            assert dialog.query_one(".dialog").region.height > 2, size


@pytest.mark.parametrize("scene", ["revoke-many", "create"])
async def test_what_stands_above_the_buttons_can_be_scrolled(scene: str) -> None:
    async with dialog_of(scene, (60, 12)) as (pilot, dialog):
        box = dialog.query_one(".dialog")
        assert box.max_scroll_y > 0
        dialog.set_focus(dialog.query(Button).first())
        for key, expected in (("pagedown", True), ("pageup", False)):
            for _ in range(9):
                await pilot.press(key)
            await settle(pilot)
            assert (box.scroll_y == box.max_scroll_y) is expected


@pytest.mark.parametrize(
    "scene", [name for name in DIALOGS if name not in {"revoke-countdown", "tokens-detail"}]
)
async def test_in_one_that_is_too_small_it_only_asks_for_more_room(scene: str) -> None:
    async with dialog_of(scene, (80, 24)) as (pilot, dialog):
        before = dialog.focused
        for size in ((39, 30), (80, 9)):
            await pilot.resize_terminal(*size)
            await settle(pilot)
            strips = dialog._compositor.render_strips()
            assert ENLARGE in "\n".join("".join(part.text for part in line) for line in strips), size
            assert hidden_buttons(dialog) == [button.id for button in dialog.query(Button) if button.display]
            for key in ("enter", "space", "tab", "enter", "y", "ctrl+s", "r", "k"):
                await pilot.press(key)
            await settle(pilot)
            assert pilot.app.screen is dialog, size
            await pilot.resize_terminal(80, 24)
            await settle(pilot)
            assert hidden_buttons(dialog) == [], size
            assert dialog.focused is before, size


@pytest.mark.parametrize(
    ("scene", "key"), [("revoke-one", "escape"), ("revoke-one", "q"), ("tokens-detail", "enter")]
)
async def test_it_can_still_be_left(scene: str, key: str) -> None:
    async with dialog_of(scene, (30, 8)) as (pilot, dialog):
        await pilot.press(key)
        await settle(pilot)
        assert pilot.app.screen is not dialog


@pytest.mark.parametrize("how", ["small", "stopped", "resumed"])
async def test_a_countdown_that_cannot_be_seen_is_stopped(how: str) -> None:
    async with dialog_of("revoke-countdown", (80, 24)) as (pilot, dialog):
        app = pilot.app
        assert isinstance(dialog, Countdown)
        assert isinstance(app, LoopinApp)
        if how == "small":
            await pilot.resize_terminal(39, 9)
        else:
            signals = {"stopped": app.app_suspend_signal, "resumed": app.app_resume_signal}
            signals[how].publish(app)
        await settle(pilot)
        assert app.screen is not dialog
        box = app.container
        assert isinstance(box, FakeContainer)
        assert [call for call in box.plane.calls if "revoke" in str(call)] == []


@pytest.mark.parametrize("scene", ["revoke-one", "create", "export", "sign-out", "auto-revoke-save"])
async def test_one_that_opens_unseen_waits_to_be_seen(scene: str) -> None:
    async with dialog_of(scene, (30, 8)) as (pilot, dialog):
        assert dialog.focused is None
        await pilot.press("enter")
        await settle(pilot)
        assert pilot.app.screen is dialog
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert hidden_buttons(dialog) == []
        assert dialog.focused is not None
