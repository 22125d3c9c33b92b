"""A session that ends: told before and after, and mended without losing the screen."""

from datetime import timedelta

from textual.widgets import Input

from app.domain.errors import SessionEnded
from app.screens.login import LoginScreen
from app.screens.login_progress import LoginProgressScreen
from app.screens.tokens import TokensScreen
from tests.support import app as fakes
from tests.support.scenes import callback
from tests.ui.pilots import notes, settled, until

LARGE = (120, 36)
HOURS = timedelta(hours=22, minutes=50).total_seconds()


async def test_a_quarter_of_an_hour_before_the_end_is_told_once() -> None:
    box = fakes.container()
    box.fake_clock.advance(HOURS)
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        assert notes(pilot) == []
        box.fake_clock.advance(8 * 60)
        await pilot.press("r")
        await until(pilot, lambda: len(notes(pilot)) == 1)
        assert "session ends in 14 minutes. Press ctrl+l to sign in again" in notes(pilot)[0]
        await pilot.press("r")
        await until(pilot, lambda: not any(worker.is_running for worker in app.workers))
        assert len(notes(pilot)) == 1


async def test_under_an_api_token_nothing_is_told_of_a_session() -> None:
    app = fakes.app(fakes.container(environment=fakes.CI_TOKEN))
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        assert notes(pilot) == []


async def test_signing_in_again_comes_back_to_the_screen_as_it_was() -> None:
    box = fakes.container()
    app = fakes.app(box, screen="tokens")
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: box.plane.calls.count("list_tokens") > 0)
        await pilot.press("slash", *"ci-", "enter")
        here = app.screen
        assert isinstance(here, TokensScreen)
        box.plane.fail["list_tokens"] = SessionEnded("the session has ended", hint="sign in again")
        await pilot.press("r")
        await until(pilot, lambda: any("has ended. Press ctrl+l" in note for note in notes(pilot)))
        del box.plane.fail["list_tokens"]
        before = box.plane.calls.count("list_tokens")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, LoginScreen))
        await until(pilot, lambda: "◌" not in str(app.screen.query_one("#login-storage").render()))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, LoginProgressScreen))
        await until(pilot, lambda: bool(box.fake_browser.opened))
        await callback(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is here)
        await until(pilot, lambda: box.plane.calls.count("list_tokens") > before)
        assert here.query_one("#filter-input", Input).value == "ci-"


async def test_over_a_sign_in_there_is_no_other() -> None:
    app = fakes.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, LoginScreen))
        depth = len(app.screen_stack)
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert len(app.screen_stack) == depth
