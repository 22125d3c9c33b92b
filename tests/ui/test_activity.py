"""The Activity screen: what was done, newest first, filtered by words."""

import stat
from pathlib import Path

import pytest
from textual.widgets import OptionList

from app.domain.activity import Action
from app.domain.errors import Failed
from app.tui.screens.dialogs.export_file import ExportDialog
from tests.support import app as fakes
from tests.support.pages.page import SIZE, opened
from tests.support.pages.rooms import ActivityPage
from tests.support.scenes import with_activity


async def test_the_trail_is_listed_newest_first() -> None:
    async with opened(ActivityPage, with_activity("loopin-dark")) as activity:
        await activity.until(lambda: len(activity.rows()) == 6)
        assert "rotate" in activity.rows()[0]
        assert "interrupted" in activity.rows()[0]
        assert "login" in activity.rows()[-1]
        assert "✗ create     web-preview" in activity.rows()[3]
        assert "failed: this name is taken" in activity.rows()[3]


async def test_words_filter_and_escape_clears() -> None:
    async with opened(ActivityPage, with_activity("loopin-dark")) as activity:
        await activity.until(lambda: len(activity.rows()) == 6)
        await activity.filter("CI- create")
        await activity.until(lambda: activity.count() == "1 of 6 entries")
        assert "ci-release" in activity.rows()[0]
        await activity.press("escape")
        await activity.until(lambda: len(activity.rows()) == 6)
        assert not activity.line.display


async def test_a_filter_that_fits_nothing_offers_to_clear_it() -> None:
    async with opened(ActivityPage, with_activity("loopin-dark")) as activity:
        await activity.until(lambda: len(activity.rows()) == 6)
        await activity.filter("xyzzy")
        await activity.until(lambda: activity.state() == "empty")
        await activity.note_button()
        await activity.until(lambda: activity.state() == "filled")


async def test_an_empty_trail_says_what_will_be_here() -> None:
    async with opened(ActivityPage, fakes.app(screen="activity")) as activity:
        await activity.until(lambda: activity.state() == "empty")


async def test_a_trail_that_cannot_be_read_is_told_and_can_be_tried_again() -> None:
    box = fakes.container()
    box.fake_activity.error = Failed("the trail cannot be read: disk full", hint="make room")
    async with opened(ActivityPage, fakes.app(box, screen="activity")) as activity:
        await activity.until(lambda: activity.state() == "error")
        box.fake_activity.error = None
        await activity.note_button()
        await activity.until(lambda: activity.state() == "empty")


async def test_what_was_done_elsewhere_is_there_on_the_next_visit() -> None:
    box = fakes.container()
    async with opened(ActivityPage, fakes.app(box, screen="activity")) as activity:
        await activity.go_away()
        await activity.until(lambda: activity.app.account_state.asked)
        await box.organizations.switch_organization("globex")
        await activity.come_back()
        await activity.until(lambda: len(activity.rows()) == 1)
        assert "globex" in activity.rows()[0]


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_a_line_never_leaves_the_screen(width: int) -> None:
    async with opened(ActivityPage, with_activity("loopin-dark"), (width, 24)) as activity:
        await activity.until(lambda: len(activity.rows()) == 6)
        room = activity.width()
        assert all(len(row) <= room for row in activity.rows())
        assert ("Chainloop" in activity.rows()[0]) is (width == 200)
        assert ("ada@acme.example · acme" in activity.rows()[0]) is (width >= 120)
        assert all("interrupted" in row for row in activity.rows()[:1])


async def test_other_columns_fit_after_a_resize() -> None:
    async with opened(ActivityPage, with_activity("loopin-dark"), (80, 24)) as activity:
        await activity.until(lambda: len(activity.rows()) == 6)
        await activity.resize(SIZE)
        await activity.until(lambda: "ada@acme.example · acme" in activity.rows()[0])


async def test_what_the_filter_shows_goes_to_a_private_file(tmp_path: Path) -> None:
    target = tmp_path / "trail.csv"
    async with opened(ActivityPage, with_activity("loopin-dark")) as activity:
        await activity.until(lambda: len(activity.rows()) == 6)
        await activity.filter("leaked")
        await activity.press("enter")
        file = await activity.export()
        await file.click_write(str(target))
        await activity.until(target.exists)
        await activity.until(lambda: any("readable by you alone" in note for note in activity.notes()))
    head, line = target.read_text(encoding="utf-8").splitlines()
    assert head.startswith("at,action,outcome,provider")
    assert "revoke,done,chainloop,ada@acme.example,acme" in line
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_an_empty_trail_has_nothing_to_export() -> None:
    async with opened(ActivityPage, fakes.app(screen="activity")) as activity:
        await activity.ask_to_export()
        await activity.rest()
        assert not isinstance(activity.screen, ExportDialog)


async def test_the_cursor_stays_on_its_entry_when_newer_ones_come() -> None:
    async with opened(ActivityPage, with_activity("loopin-dark")) as activity:
        await activity.until(lambda: len(activity.rows()) == 6)
        options = activity.room.query_one(OptionList)
        options.focus()
        await activity.press("down", "down", "down")
        before = options.highlighted
        assert before is not None
        held = activity.rows()[before]
        box = activity.app.container
        await box.activity_log.add(Action.SWITCH, subject="globex")
        await activity.refresh()
        await activity.until(lambda: len(activity.rows()) == 7)
        assert options.highlighted == before + 1
        assert activity.rows()[before + 1] == held
