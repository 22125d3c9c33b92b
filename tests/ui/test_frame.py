"""The frame: rooms, bars, keys, quitting, the gate for worker errors."""

import asyncio
import os
import signal
from datetime import timedelta

import pytest
from textual import work

from app.domain.errors import Unreachable
from app.tui.app import OPEN_DEMO, LoopinApp
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.activity.screen import ActivityScreen
from app.tui.screens.auto_revoke.screen import AutoRevokeScreen
from app.tui.screens.base_screen import BaseScreen
from app.tui.screens.tokens.screen import TokensScreen
from tests.support import app as fakes
from tests.support.pages.frame import FramePage
from tests.support.pages.login import GUMLOOP_KEY, LoginPage
from tests.support.pages.page import SMALL, opened
from tests.support.zones import here


@pytest.mark.parametrize(
    ("key", "screen"),
    [("2", TokensScreen), ("3", AutoRevokeScreen), ("4", ActivityScreen), ("1", AccountsScreen)],
)
async def test_digits_go_to_the_rooms(key: str, screen: type[BaseScreen]) -> None:
    async with opened(FramePage, fakes.app(screen="activity" if key == "1" else "accounts")) as frame:
        await frame.press(key)
        await frame.to(screen)


async def test_a_click_on_a_tab_goes_there() -> None:
    async with opened(FramePage, fakes.app()) as frame:
        await frame.click_tab("4 Activity")
        await frame.to(ActivityScreen)


async def test_the_first_frame_waits_for_no_keychain() -> None:
    """A keychain that never answers leaves a usable app."""
    box = fakes.container()
    asked = asyncio.Event()

    async def silent(service: str, account: str) -> None:
        asked.set()
        await asyncio.Event().wait()

    box.fake_vault.read = silent  # type: ignore[method-assign]  # the one call that hangs
    async with fakes.app(box).run_test(size=SMALL) as pilot:
        frame = FramePage(pilot)
        await asked.wait()
        await frame.press("4")
        await frame.to(ActivityScreen)


async def test_the_top_bar_names_who_where_and_how_long() -> None:
    async with opened(FramePage, fakes.app()) as frame:
        await frame.until(lambda: "ada@acme.example · owner" in frame.bar())
        assert "acme ▾" in frame.bar()
        assert "◷ 23 h 12 m" in frame.bar()


@pytest.mark.parametrize(
    ("width", "there", "gone"),
    [
        (120, ("ada@acme.example", "◷ 23 h 12 m", "loopin", "2 Tokens"), ()),
        (90, ("◷ 23 h 12 m", "loopin", "2 Tokens"), ("ada@",)),
        (80, ("loopin", "2 Tokens"), ("ada@", "◷")),
        (70, ("2 Tokens",), ("ada@", "◷", "loopin")),
        (60, ("1 Accounts", " 2 "), ("ada@", "◷", "loopin", "2 Tokens")),
    ],
)
async def test_the_top_bar_keeps_the_organization_and_the_badge(
    width: int, there: tuple[str, ...], gone: tuple[str, ...]
) -> None:
    """What goes first is the identity, then the clock, the name of the program, the words of the tabs."""
    box = fakes.container()
    async with opened(FramePage, fakes.app(box, demo=fakes.FakeDemo()), (width, 24)) as frame:
        await frame.until(lambda: "acme ▾" in frame.bar())
        assert "DEMO" in frame.bar()
        assert [words for words in there if words not in frame.bar()] == []
        assert [words for words in gone if words in frame.bar()] == []


async def test_a_long_name_of_an_organization_is_cut_before_it_goes() -> None:
    box = fakes.container()
    name = "the-organization-of-a-very-long-name"
    box.plane.organizations, box.plane.current_name = (name,), name
    box.fake_accounts.known["chainloop", "default"] |= {"organization": name, "organization_id": f"id-{name}"}
    async with opened(FramePage, fakes.app(box, demo=fakes.FakeDemo()), (60, 24)) as frame:
        await frame.until(lambda: "the-organizatio… ▾" in frame.bar())
        assert "DEMO" in frame.bar()


async def test_the_clock_warns_under_a_quarter_of_an_hour() -> None:
    box = fakes.container()
    box.fake_clock.advance(timedelta(hours=23).total_seconds())
    async with opened(FramePage, fakes.app(box)) as frame:
        await frame.until(lambda: "◷ 12 m !" in frame.bar())


async def test_under_an_api_token_the_frame_says_read_only() -> None:
    async with opened(FramePage, fakes.app(fakes.container(environment=fakes.CI_TOKEN))) as frame:
        await frame.until(lambda: "API token ci-release — settings are read-only" in frame.bar())


async def test_the_footer_names_the_keys_that_work_and_greys_the_rest() -> None:
    async with opened(FramePage, fakes.app(fakes.container(signed_in=False))) as frame:
        await frame.until(lambda: "sign out" in frame.foot())
        hints = frame.footer()
        assert hints["sign in"]
        assert not hints["sign out"]
        assert f"as of {here(fakes.NOW, '%H:%M:%S')}" in frame.foot()


async def test_a_footer_without_room_keeps_the_help() -> None:
    async with opened(FramePage, fakes.app(), (30, 24)) as frame:
        await frame.until(lambda: "? help" in frame.foot())


async def test_letters_belong_to_the_input_that_has_the_focus() -> None:
    async with opened(FramePage, fakes.app(screen="activity"), SMALL) as frame:
        await frame.filter("1", "q", "question_mark", "colon", "slash")
        assert isinstance(frame.screen, ActivityScreen)
        assert frame.typed() == "1q?:/"
        await frame.until(lambda: "/ filter" not in frame.foot())
        assert "F1 help" in frame.foot()


async def test_q_at_the_top_quits() -> None:
    async with opened(FramePage, fakes.app(), SMALL) as frame:
        await frame.quit()
    assert frame.app.return_value == 0


async def test_escape_never_quits() -> None:
    async with opened(FramePage, fakes.app(), SMALL) as frame:
        await frame.press("escape", "escape", "escape")
        await frame.rest()
        assert frame.app.is_running
        assert frame.app.return_value is None


async def test_q_leaves_a_dialog_and_then_the_app() -> None:
    async with opened(FramePage, fakes.app(), SMALL) as frame:
        await frame.why()
        await frame.quit()
        await frame.closed()
        assert frame.app.return_value is None
        await frame.quit()
    assert frame.app.return_value == 0


async def test_ctrl_c_twice_quits_and_once_only_says_so() -> None:
    box = fakes.container()
    async with opened(FramePage, fakes.app(box), SMALL) as frame:
        await frame.interrupt()
        assert "press ctrl+c again to quit" in frame.notes()
        box.fake_clock.advance(3)
        await frame.interrupt()
        assert frame.app.return_value is None
        await frame.interrupt()
    assert frame.app.return_value == 0


async def test_ctrl_c_never_copies_what_is_masked() -> None:
    async with opened(FramePage, fakes.app(fakes.container(signed_in=False)), SMALL) as frame:
        login = LoginPage(frame.pilot)
        await login.open("l")
        await login.choose(GUMLOOP_KEY)
        field = await login.form("key")
        await login.press(*"gum_secret", "shift+home")
        assert field.selected_text == "gum_secret"
        await frame.interrupt()
        assert frame.app.clipboard == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_ends_the_app_in_order(number: signal.Signals) -> None:
    async with opened(FramePage, fakes.app(), SMALL) as frame:
        os.kill(os.getpid(), number)
        await frame.until(lambda: frame.app.return_value is not None or not frame.app.is_running)
    assert frame.app.return_value == 128 + number


class Breaking(LoopinApp):
    """An app with workers that fail."""

    @work(exit_on_error=False, description="ask the server")
    async def fail(self, error: Exception) -> None:
        raise error


async def test_a_workers_error_is_told_with_its_next_step() -> None:
    app = Breaking(fakes.container())
    async with opened(FramePage, app, SMALL) as frame:
        app.fail(Unreachable("nobody answers", hint="check the address"))
        await frame.until(lambda: frame.notes() == ["nobody answers. Check the address"])


async def test_an_unexpected_error_is_one_sentence_and_the_app_goes_on() -> None:
    app = Breaking(fakes.container())
    async with opened(FramePage, app, SMALL) as frame:
        app.fail(ZeroDivisionError("a token: not-a-real-one"))
        await frame.until(lambda: bool(frame.notes()))
        assert "could not ask the server" in frame.notes()[0]
        assert "not-a-real-one" not in frame.notes()[0]
        assert frame.app.is_running


async def test_the_theme_that_was_chosen_is_remembered() -> None:
    box = fakes.container()
    async with opened(FramePage, fakes.app(box), SMALL) as frame:
        frame.app.theme = "loopin-light"
        await frame.until(lambda: box.fake_preferences.chosen == {"theme": "loopin-light"})


async def test_an_unknown_theme_is_told_and_the_default_taken() -> None:
    async with opened(FramePage, fakes.app(fakes.container(theme="sunset-99")), SMALL) as frame:
        assert frame.app.theme == "loopin-dark"
        assert "there is no theme called sunset-99" in frame.notes()


async def test_a_remapped_key_works_and_is_shown() -> None:
    async with opened(FramePage, fakes.app(fakes.container(keys={"app.help": "h"})), SMALL) as frame:
        await frame.until(lambda: "h help" in frame.foot())
        await frame.help("h")


async def test_keys_that_conflict_are_refused_by_name_and_the_defaults_stay() -> None:
    async with opened(FramePage, fakes.app(fakes.container(keys={"app.help": "l"})), SMALL) as frame:
        assert any("l is both app.help and accounts.login" in note for note in frame.notes())
        await frame.help()


async def test_the_first_start_offers_the_demo() -> None:
    async with opened(FramePage, fakes.app(fakes.container(signed_in=False))) as frame:
        await frame.take_demo()
    assert frame.app.return_value == OPEN_DEMO


async def test_the_palette_offers_what_this_screen_can_do() -> None:
    async with opened(FramePage, fakes.app()) as frame:
        await frame.palette("activity")
        await frame.press("enter")
        await frame.to(ActivityScreen)
