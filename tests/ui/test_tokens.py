"""The Tokens room: what a person sees and does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from textual.widgets import Input

from app.domain.errors import Unreachable
from app.domain.organizations import Role
from app.screens.revoke_many import Countdown
from app.screens.revoke_tokens import ConfirmRevoke
from app.screens.token_dialogs import SortDialog, TokenDialog
from tests.support import app as fakes
from tests.support.rooms import SIZE, Room, stage, story
from widgets.detail_pane import DetailPane
from widgets.state_view import StateView
from widgets.tabs_with_counts import TabsWithCounts


async def test_the_list_opens_on_what_ends_soonest() -> None:
    """With the counts on the tabs and the time of reading in the footer."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.listed()
        await room.until(room.names)
        assert (room.tab(), room.names()[0], len(room.names())) == ("Active", "ci-legacy", 20)
        counts = [tab.count for tab in room.room.query_one(TabsWithCounts).tabs]
        assert counts == [20, 8, 3, 2, 2, 24]
        await room.reads("as of 12:04:31")
        await room.reads("next sweep")


async def test_nothing_is_asked_before_the_first_frame() -> None:
    """While the server thinks, the room says what it waits for."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        assert room.room.query_one(StateView).state in {"loading", "filled"}
        await room.listed()
        assert box.plane.calls.count("list_tokens") == 1


async def test_tabs_turn_round_and_a_click_goes_there() -> None:
    """Left from the first is the last."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("left")
        assert (room.tab(), len(room.names())) == ("All", 24)
        await room.press("right", "right")
        assert room.tab() == "At risk"
        await pilot.click(TabsWithCounts, offset=(46, 0))
        await room.until(lambda: room.tab() == "Expired")
        assert room.names() == ["ml-batch-2025-09", "web-e2e-2025"]


async def test_the_filter_is_live_and_escape_clears_it() -> None:
    """Digits and letters go into the input; the cursor stays on its token; escape clears, then leaves."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("slash")
        await room.write("web")
        assert set(room.names()) == {
            "web-smoke",
            "ci-web-staging",
            "ci-web-preview",
            "web-canary",
            "sbom-scanner",
            "ci-web",
        }
        await room.write(" 2")
        assert room.tab() == "Active"
        await room.press("backspace", "backspace", "enter")
        await room.press("j")
        held = room.under_cursor()
        await room.press("escape")
        assert len(room.names()) == 20
        assert room.under_cursor() == held


async def test_the_filter_speaks_a_language_and_names_a_bad_term() -> None:
    """While a term is half typed, the others stay in force."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("slash")
        await room.write("project:web !name:ci-*")
        expected = {"web-smoke", "web-canary", "sbom-scanner"}
        assert set(room.names()) == expected
        await room.write(" idle>")
        await room.reads("✗ idle>: a duration must follow")
        assert set(room.names()) == expected
        await room.write("30d")
        assert set(room.names()) == {"web-smoke", "web-canary"}
        await room.reads("2 of 20")


async def test_what_matches_nothing_says_so() -> None:
    """An empty list is not a blank screen."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("slash")
        await room.write("zzz")
        await room.reads("Nothing on this tab matches the filter.")
        await room.reads("0 of 20")
        await room.press("enter")
        assert room.footer()["revoke"] is False


async def test_order_by_menu_and_by_header() -> None:
    """The same column twice turns around; the title shows the direction."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("s")
        await room.dialog(SortDialog)
        await room.press("up", "up", "up", "enter")
        await room.closed()
        assert room.names() == sorted(room.names())
        await room.reads("name ▲")
        await pilot.click("#tokens-table", offset=(15, 0))
        assert room.names() == sorted(room.names(), reverse=True)
        await room.reads("name ▼")


async def test_the_detail_stands_beside_the_list_or_opens_over_it() -> None:
    """Wide: a pane that follows the cursor. Narrow: enter."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        assert room.room.query_one(DetailPane).display
        await room.reads("512 of 90 d")
        await room.press("enter")
        assert room.screen is room.room
        await pilot.resize_terminal(80, 24)
        await room.until(lambda: not room.room.query_one(DetailPane).display)
        await room.press("enter")
        await room.dialog(TokenDialog)
        await room.reads("next sweep, within the hour")
        await room.press("escape")
        await room.closed()
        await room.press("j")
        await pilot.resize_terminal(*SIZE)
        await room.reads("240 of 90 d")


async def test_the_token_in_use_is_marked_and_its_limits_are_told() -> None:
    """Under an API token: you, no count of what is at risk, expiry only."""
    box = fakes.container(environment=fakes.CI_TOKEN)
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.reads("ci-release (you)")
        await room.reads("At risk –")
        await room.reads("expiry only")
        await room.reads("project tokens only")


async def test_revoking_one_asks_first_and_shows_the_proof() -> None:
    """Cancel has the focus: enter alone changes nothing."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("ctrl+d")
        await room.dialog(ConfirmRevoke)
        await room.reads("Revoke ci-legacy?")
        await room.reads("never used")
        await room.press("enter")
        await room.closed()
        assert "revoke_token" not in box.plane.calls
        await room.press("delete")
        await room.dialog(ConfirmRevoke)
        await room.press("tab", "enter")
        await room.until(lambda: "ci-legacy" not in room.names())
        await room.closed()
        assert "ci-legacy: revoked at 12:04:31, read back from the server" in room.toasts()
        tabs = room.room.query_one(TabsWithCounts).tabs
        assert [tab.count for tab in tabs] == [19, 7, 3, 2, 3, 24]


async def test_a_token_that_is_used_warns() -> None:
    """Something uses it: that is said before it stops working."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("G", "ctrl+d")
        await room.dialog(ConfirmRevoke)
        await room.reads("last used 3 minutes ago: something uses it")


async def test_revoking_several_needs_their_count_and_organization() -> None:
    """Marks, the range and all in the filter; a wrong phrase leaves the button closed."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("space", "j", "v")
        await room.reads("3 marked")
        await room.press("ctrl+d")
        await room.dialog(ConfirmRevoke)
        assert not room.enabled("#yes")
        await room.press("tab")
        room.find("#revoke-input", Input).focus()
        await room.write("3 globex")
        assert not room.enabled("#yes")
        for _ in "globex":
            await room.press("backspace")
        await room.write("acme")
        assert room.enabled("#yes")
        await room.press("enter", "enter")
        await room.dialog(Countdown)
        await room.press("escape")
        await room.closed()
        assert "revoke_token" not in box.plane.calls


async def test_marks_come_and_go() -> None:
    """Star marks all that is shown, again takes it off; escape takes off the marks before the filter."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("slash")
        await room.write("ml")
        await room.press("enter", "asterisk")
        count = len(room.names())
        await room.reads(f"{count} marked")
        await room.press("escape")
        assert "marked" not in room.text()
        assert len(room.names()) == count
        await room.press("asterisk", "asterisk")
        assert "marked" not in room.text()


async def test_a_revoked_token_cannot_be_marked_or_revoked_again() -> None:
    """The key stays in the footer and is grey."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("left", "left")
        await room.until(lambda: room.tab() == "Revoked")
        assert room.footer()["revoke"] is False
        await room.press("space", "ctrl+d")
        assert "marked" not in room.text()
        assert room.screen is room.room


async def test_the_cursor_stays_on_its_token_over_a_refresh() -> None:
    """Even when rows before it went away."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("j", "j", "j")
        held = room.under_cursor()
        box.plane.tokens = [t for t in box.plane.tokens if t.name not in {"ci-legacy", "poc-2025"}]
        await room.press("r")
        await room.until(lambda: len(room.names()) == 18)
        assert room.under_cursor() == held


async def test_a_failed_refresh_keeps_the_old_list() -> None:
    """And tells; the footer keeps the time of what is shown."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        box.plane.fail["list_tokens"] = Unreachable("nobody answers", hint="check the network")
        await room.press("r")
        await room.until(lambda: "nobody answers" in room.toasts())
        assert len(room.names()) == 20
        await room.reads("as of 12:04:31")


@pytest.mark.parametrize("size", [(80, 24), SIZE])
async def test_an_error_is_said_on_the_screen_and_can_be_retried(size: tuple[int, int]) -> None:
    """What happened, the next step, and a button for it."""
    box = story()
    box.plane.fail["list_tokens"] = Unreachable("nobody answers", hint="check the network")
    async with stage(box).run_test(size=size) as pilot:
        room = Room(pilot)
        await room.until(lambda: room.room.query_one(StateView).state == "error")
        await room.reads("nobody answers")
        await room.reads("check the network")
        box.plane.fail.clear()
        await pilot.click("#state-note Button")
        await room.until(room.names)


async def test_who_may_not_list_is_told_why() -> None:
    """Nothing is sent that would be refused."""
    box = story()
    box.plane.role = Role.VIEWER
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(lambda: room.room.query_one(StateView).state == "error")
        await room.reads("viewers may not see API tokens")
        assert "list_tokens" not in box.plane.calls
        assert room.footer()["new"] is False


async def test_an_organization_without_tokens_offers_the_first_one() -> None:
    """The empty state says what to do."""
    box = story()
    box.plane.tokens = []
    async with stage(box).run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(lambda: room.room.query_one(StateView).state == "empty")
        await room.reads("No API tokens in acme")
        await pilot.click("#state-note Button")
        await room.until(lambda: "New API token in acme" in room.text())


async def test_another_account_lists_again() -> None:
    """What was somebody else's does not stay on the screen."""
    box = story()
    app = stage(box)
    async with app.run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        box.plane.tokens = box.plane.tokens[:3]
        app.frame.account_changed.publish(None)
        await room.until(lambda: 0 < len(room.names()) < 4)


async def test_hostile_names_stay_text() -> None:
    """Markup, escape sequences and line breaks of a server neither style nor move anything."""
    box = story()
    bad = "[bold red]x[/] \x1b[31m\x1b]52;c;AAAA\x07 a\nb \u202eabc \u200b"
    box.plane.tokens = [
        replace(token, name=bad, description=bad, last_used_at=fakes.NOW - timedelta(days=n))
        for n, token in enumerate(box.plane.tokens[:5])
    ]
    async with stage(box).run_test(size=(160, 36)) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        text = room.text()
        assert "[bold red]x[/]" in text
        assert not set(text) & set("\x1b\x07\u202e\u200b")
