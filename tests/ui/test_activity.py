"""The Activity screen: what was done, newest first, filtered by words."""

import stat
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, Static

from app.domain.errors import Failed
from app.main import LoopinApp
from app.screens.export_activity import ExportActivityDialog
from tests.support import app as fakes
from tests.support.scenes import with_activity
from tests.ui.pilots import notes, settled, until
from widgets.state_view import StateView

SIZE = (120, 36)


def rows(app: LoopinApp) -> list[str]:
    """What the list shows."""
    return [str(option.prompt) for option in app.screen.query_one(OptionList).options]


def count(app: LoopinApp) -> str:
    """The line above."""
    return str(app.screen.query_one("#activity-count", Static).render())


async def test_the_trail_is_listed_newest_first() -> None:
    app = with_activity("loopin-dark")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: len(rows(app)) == 6)
        assert "rotate" in rows(app)[0]
        assert "interrupted" in rows(app)[0]
        assert "login" in rows(app)[-1]
        assert "✗ create     web-preview" in rows(app)[3]
        assert "failed: this name is taken" in rows(app)[3]


async def test_words_filter_and_escape_clears() -> None:
    app = with_activity("loopin-dark")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: len(rows(app)) == 6)
        await pilot.press("slash", *"CI-", "space", *"create")
        await until(pilot, lambda: count(app) == "1 of 6 entries")
        assert "ci-release" in rows(app)[0]
        await pilot.press("escape")
        await until(pilot, lambda: len(rows(app)) == 6)
        assert not app.screen.query_one(Input).display


async def test_a_filter_that_fits_nothing_offers_to_clear_it() -> None:
    app = with_activity("loopin-dark")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: len(rows(app)) == 6)
        await pilot.press("slash", *"xyzzy")
        view = app.screen.query_one(StateView)
        await until(pilot, lambda: view.state == "empty")
        await pilot.click(view.query_one("Button"))
        await until(pilot, lambda: view.state == "filled")


async def test_an_empty_trail_says_what_will_be_here() -> None:
    app = fakes.app(screen="activity")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        view = app.screen.query_one(StateView)
        await until(pilot, lambda: view.state == "empty")


async def test_a_trail_that_cannot_be_read_is_told_and_can_be_tried_again() -> None:
    box = fakes.container()
    box.fake_activity.error = Failed("the trail cannot be read: disk full", hint="make room")
    app = fakes.app(box, screen="activity")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        view = app.screen.query_one(StateView)
        await until(pilot, lambda: view.state == "error")
        box.fake_activity.error = None
        await pilot.click(view.query_one("Button"))
        await until(pilot, lambda: view.state == "empty")


async def test_what_was_done_elsewhere_is_there_on_the_next_visit() -> None:
    box = fakes.container()
    app = fakes.app(box, screen="activity")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("1")
        await settled(pilot)
        await box.switch_organization.do("globex")
        await pilot.press("4")
        await until(pilot, lambda: len(rows(app)) == 1)
        assert "globex" in rows(app)[0]


@pytest.mark.parametrize("width", [80, 120, 200])
async def test_a_line_never_leaves_the_screen(width: int) -> None:
    app = with_activity("loopin-dark")
    async with app.run_test(size=(width, 24)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: len(rows(app)) == 6)
        room = app.screen.query_one(OptionList).content_size.width
        assert all(len(row) <= room for row in rows(app))
        assert ("Chainloop" in rows(app)[0]) is (width == 200)
        assert ("ada@acme.example · acme" in rows(app)[0]) is (width >= 120)
        assert all("interrupted" in row for row in rows(app)[:1])


async def test_other_columns_fit_after_a_resize() -> None:
    app = with_activity("loopin-dark")
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: len(rows(app)) == 6)
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: "ada@acme.example · acme" in rows(app)[0])


async def test_what_the_filter_shows_goes_to_a_private_file(tmp_path: Path) -> None:
    app = with_activity("loopin-dark")
    target = tmp_path / "trail.csv"
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: len(rows(app)) == 6)
        await pilot.press("slash", *"leaked", "enter", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, ExportActivityDialog))
        app.screen.query_one("#export-path", Input).value = str(target)
        await pilot.click("#yes")
        await until(pilot, target.exists)
        await until(pilot, lambda: any("readable by you alone" in note for note in notes(pilot)))
    head, line = target.read_text(encoding="utf-8").splitlines()
    assert head.startswith("at,action,outcome,provider")
    assert "revoke,done,chainloop,ada@acme.example,acme" in line
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


async def test_an_empty_trail_has_nothing_to_export() -> None:
    app = fakes.app(screen="activity")
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+s")
        await pilot.pause()
        assert not isinstance(app.screen, ExportActivityDialog)
