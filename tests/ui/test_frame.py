"""The frame: rooms, bars, keys, quitting, the gate for worker errors."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest
from textual import work
from textual.widgets import Input

from app.domain.errors import Unreachable
from app.main import OPEN_DEMO, LoopinApp
from app.screens.accounts import AccountsScreen
from app.screens.activity import ActivityScreen
from app.screens.auto_revoke import AutoRevokeScreen
from app.screens.help import HelpScreen
from app.screens.room import RoomScreen
from app.screens.tokens import TokensScreen
from tests.support import app as fakes
from tests.ui.pilots import notes, settled, until
from widgets.key_bar import KeyBar
from widgets.top_bar import TopBar

SMALL, LARGE = (80, 24), (120, 36)


def text(app: LoopinApp, bar: type[TopBar] | type[KeyBar]) -> str:
    """What stands on a bar."""
    return app.screen.query_one(bar).render().plain


@pytest.mark.parametrize(
    ("key", "screen"),
    [("2", TokensScreen), ("3", AutoRevokeScreen), ("4", ActivityScreen), ("1", AccountsScreen)],
)
async def test_digits_go_to_the_rooms(key: str, screen: type[RoomScreen]) -> None:
    app = fakes.app(screen="activity" if key == "1" else "accounts")
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, screen))


async def test_a_click_on_a_tab_goes_there() -> None:
    app = fakes.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.click(TopBar, offset=(text(app, TopBar).index("4 Activity") + 2, 0))
        await until(pilot, lambda: isinstance(app.screen, ActivityScreen))


async def test_the_first_frame_waits_for_no_keychain() -> None:
    """A keychain that never answers leaves a usable app."""
    box = fakes.container()
    asked = asyncio.Event()

    async def silent(service: str, account: str) -> None:
        asked.set()
        await asyncio.Event().wait()

    box.fake_vault.read = silent  # type: ignore[method-assign]  # the one call that hangs
    app = fakes.app(box)
    async with app.run_test(size=SMALL) as pilot:
        await asked.wait()
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, ActivityScreen))


async def test_the_top_bar_names_who_where_and_how_long() -> None:
    app = fakes.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "ada@acme.example · owner" in text(app, TopBar))
        assert "acme ▾" in text(app, TopBar)
        assert "◷ 23 h 12 m" in text(app, TopBar)


async def test_a_narrow_top_bar_drops_the_identity_and_keeps_the_clock() -> None:
    box = fakes.container(signed_in=True)
    app = fakes.app(box, demo=fakes.FakeDemo())
    async with app.run_test(size=(60, 24)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "◷ 23 h 12 m" in text(app, TopBar))
        assert "DEMO" in text(app, TopBar)
        assert "ada@" not in text(app, TopBar)
        assert "2 Tokens" not in text(app, TopBar)


async def test_the_clock_warns_under_a_quarter_of_an_hour() -> None:
    box = fakes.container()
    box.fake_clock.advance(timedelta(hours=23).total_seconds())
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "◷ 12 m !" in text(app, TopBar))


async def test_under_an_api_token_the_frame_says_read_only() -> None:
    app = fakes.app(fakes.container(environment=fakes.CI_TOKEN))
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "API token ci-release — settings are read-only" in text(app, TopBar))


async def test_the_footer_names_the_keys_that_work_and_greys_the_rest() -> None:
    app = fakes.app(fakes.container(signed_in=False))
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "log out" in text(app, KeyBar))
        hints = {hint.label: hint for hint in app.screen.query_one(KeyBar).hints}
        assert hints["log in"].enabled
        assert not hints["log out"].enabled
        assert "as of 12:04:31" in text(app, KeyBar)


async def test_a_footer_without_room_keeps_the_help() -> None:
    app = fakes.app()
    async with app.run_test(size=(30, 24)) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "? help" in text(app, KeyBar))


async def test_letters_belong_to_the_input_that_has_the_focus() -> None:
    app = fakes.app(screen="activity")
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("slash", "1", "q", "question_mark", "colon", "slash")
        assert isinstance(app.screen, ActivityScreen)
        assert app.screen.query_one(Input).value == "1q?:/"
        await until(pilot, lambda: "/ filter" not in text(app, KeyBar))
        assert "F1 help" in text(app, KeyBar)


async def test_q_at_the_top_quits() -> None:
    app = fakes.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await pilot.pause()
    assert app.return_value == 0


async def test_escape_never_quits() -> None:
    app = fakes.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("escape", "escape", "escape")
        assert app.is_running
        assert app.return_value is None


async def test_q_leaves_a_dialog_and_then_the_app() -> None:
    app = fakes.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("w")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("q")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert app.return_value is None


async def test_ctrl_c_twice_quits_and_once_only_says_so() -> None:
    box = fakes.container()
    app = fakes.app(box)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert "press ctrl+c again to quit" in notes(pilot)
        box.fake_clock.advance(3)
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.return_value is None
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert app.return_value == 0


async def test_ctrl_c_never_copies_what_is_masked() -> None:
    app = fakes.app(fakes.container(signed_in=False))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await pilot.press("l", "down", "enter")
        await pilot.press(*"gum_secret", "shift+home", "ctrl+c")
        await pilot.pause()
        assert app.clipboard == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_the_app_in_order(number: signal.Signals) -> None:
    app = fakes.app()
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        os.kill(os.getpid(), number)
        await until(pilot, lambda: app.return_value is not None or not app.is_running)
    assert app.return_value == 128 + number


class Breaking(LoopinApp):
    """An app with workers that fail."""

    @work(exit_on_error=False, description="ask the server")
    async def fail(self, error: Exception) -> None:
        raise error


async def test_a_workers_error_is_told_with_its_next_step() -> None:
    app = Breaking(fakes.container())
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        app.fail(Unreachable("nobody answers", hint="check the address"))
        await until(pilot, lambda: notes(pilot) == ["nobody answers. Check the address"])


async def test_an_unexpected_error_is_one_sentence_and_the_app_goes_on() -> None:
    app = Breaking(fakes.container())
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        app.fail(ZeroDivisionError("a token: not-a-real-one"))
        await until(pilot, lambda: bool(notes(pilot)))
        assert "could not ask the server" in notes(pilot)[0]
        assert "not-a-real-one" not in notes(pilot)[0]
        assert app.is_running


async def test_the_theme_that_was_chosen_is_remembered() -> None:
    box = fakes.container()
    app = fakes.app(box)
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        app.theme = "loopin-light"
        await until(pilot, lambda: box.fake_preferences.chosen == {"theme": "loopin-light"})


async def test_an_unknown_theme_is_told_and_the_default_taken() -> None:
    app = fakes.app(fakes.container(theme="sunset-99"))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert app.theme == "loopin-dark"
        assert "there is no theme called sunset-99" in notes(pilot)


async def test_a_remapped_key_works_and_is_shown() -> None:
    app = fakes.app(fakes.container(keys={"app.help": "h"}))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "h help" in text(app, KeyBar))
        await pilot.press("h")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_keys_that_conflict_are_refused_by_name_and_the_defaults_stay() -> None:
    app = fakes.app(fakes.container(keys={"app.help": "l"}))
    async with app.run_test(size=SMALL) as pilot:
        await settled(pilot)
        assert any("l is both app.help and accounts.login" in note for note in notes(pilot))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


async def test_the_first_start_offers_the_demo() -> None:
    app = fakes.app(fakes.container(signed_in=False))
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: any(found.region for found in app.screen.query("#welcome-demo")))
        await pilot.click("#welcome-demo")
        await pilot.pause()
    assert app.return_value == OPEN_DEMO


async def test_the_palette_offers_what_this_screen_can_do() -> None:
    app = fakes.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("colon", *"activity")
        await until(pilot, lambda: bool(app.screen.query("CommandList > *")) or True)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ActivityScreen))
