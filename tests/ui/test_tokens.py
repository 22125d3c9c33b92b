"""The Tokens room: what a person sees and does."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from textual import events

from app.domain.errors import Unreachable
from app.domain.organizations import Role
from tests.support import app as fakes
from tests.support.pages.create import CreatePage
from tests.support.pages.page import SIZE, SMALL, opened
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import at_tokens, stage, story
from tests.support.zones import here


async def test_the_list_opens_on_what_ends_soonest() -> None:
    """With the counts on the tabs and the time of reading in the footer."""
    async with at_tokens() as tokens:
        assert (tokens.tab(), tokens.names()[0], len(tokens.names())) == ("Active", "ci-legacy", 20)
        assert list(tokens.counts().values()) == [20, 8, 3, 2, 2, 24]
        await tokens.reads(f"as of {here(fakes.NOW, '%H:%M:%S')}")
        await tokens.reads("next sweep")


async def test_nothing_is_asked_before_the_first_frame() -> None:
    """While the server thinks, the room says what it waits for."""
    box = story()
    async with stage(box).run_test(size=SIZE) as pilot:
        tokens = TokensPage(pilot)
        assert tokens.state() in {"loading", "filled"}
        await tokens.listed()
        assert box.plane.calls.count("list_tokens") == 1


async def test_tabs_turn_round_and_a_click_goes_there() -> None:
    """Left from the first is the last."""
    async with at_tokens() as tokens:
        await tokens.previous_tab()
        assert (tokens.tab(), len(tokens.names())) == ("All", 24)
        await tokens.next_tab()
        await tokens.next_tab()
        assert tokens.tab() == "At risk"
        await tokens.click_tab("Expired")
        await tokens.until(lambda: tokens.tab() == "Expired")
        assert tokens.names() == ["ml-batch-2025-09", "web-e2e-2025"]


async def test_the_filter_is_live_and_escape_clears_it() -> None:
    """Digits and letters go into the input; the cursor stays on its token; escape clears, then leaves."""
    async with at_tokens() as tokens:
        await tokens.filter("web")
        assert set(tokens.names()) == {
            "web-smoke",
            "ci-web-staging",
            "ci-web-preview",
            "web-canary",
            "sbom-scanner",
            "ci-web",
        }
        await tokens.write(" 2")
        assert tokens.tab() == "Active"
        await tokens.press("backspace", "backspace")
        await tokens.to_list()
        await tokens.down()
        held = tokens.under_cursor()
        await tokens.clear()
        assert len(tokens.names()) == 20
        assert tokens.under_cursor() == held


async def test_the_filter_speaks_a_language_and_names_a_bad_term() -> None:
    """While a term is half typed, the others stay in force."""
    async with at_tokens() as tokens:
        await tokens.filter("project:web !name:ci-*")
        expected = {"web-smoke", "web-canary", "sbom-scanner"}
        assert set(tokens.names()) == expected
        await tokens.write(" idle>")
        await tokens.reads("✗ idle>: a duration must follow")
        assert set(tokens.names()) == expected
        await tokens.write("30d")
        assert set(tokens.names()) == {"web-smoke", "web-canary"}
        await tokens.reads("2 of 20")


async def test_what_matches_nothing_says_so() -> None:
    """An empty list is not a blank screen."""
    async with at_tokens() as tokens:
        await tokens.filter("zzz")
        await tokens.reads("Nothing on this tab matches the filter.")
        await tokens.reads("0 of 20")
        await tokens.to_list()
        assert tokens.footer()["revoke"] is False


async def test_order_by_menu_and_by_header() -> None:
    """The same column twice turns around; the title shows the direction."""
    async with at_tokens() as tokens:
        orders = await tokens.sort()
        await orders.take("up", "up", "up")
        await tokens.closed()
        assert tokens.names() == sorted(tokens.names())
        await tokens.reads("name ▲")
        await tokens.click_header("name")
        assert tokens.names() == sorted(tokens.names(), reverse=True)
        await tokens.reads("name ▼")


async def test_the_detail_stands_beside_the_list_or_opens_over_it() -> None:
    """Wide: a pane that follows the cursor. Narrow: enter."""
    async with at_tokens() as tokens:
        assert tokens.has_pane()
        await tokens.reads("512 of 90 d")
        await tokens.open_row()
        assert tokens.screen is tokens.room
        await tokens.resize(SMALL)
        await tokens.until(lambda: not tokens.has_pane())
        detail = await tokens.detail()
        await detail.reads("next sweep (≤ 1 h)")
        await detail.leave()
        await tokens.closed()
        await tokens.down()
        await tokens.resize(SIZE)
        await tokens.reads("240 of 90 d")


async def test_the_token_in_use_is_marked_and_its_limits_are_told() -> None:
    """Under an API token: you, no count of what is at risk, expiry only."""
    box = fakes.container(environment=fakes.CI_TOKEN)
    async with at_tokens(box) as tokens:
        await tokens.reads("ci-release (you)")
        await tokens.reads("At risk –")
        await tokens.reads("expiry only")
        await tokens.reads("project tokens only")


async def test_revoking_one_asks_first_and_shows_the_proof() -> None:
    """Cancel has the focus: enter alone changes nothing."""
    box = story()
    async with at_tokens(box) as tokens:
        question = await tokens.revoke()
        await question.reads("Revoke ci-legacy in acme?")
        await question.reads("never used")
        await question.enter()
        await tokens.closed()
        assert "revoke_token" not in box.plane.calls
        question = await tokens.revoke("delete")
        await question.yes()
        await tokens.until(lambda: "ci-legacy" not in tokens.names())
        await tokens.closed()
        assert (
            f"ci-legacy: revoked at {here(fakes.NOW, '%H:%M:%S')}, read back from the server"
            in tokens.toasts()
        )
        assert list(tokens.counts().values()) == [19, 7, 3, 2, 3, 24]


async def test_a_token_that_is_used_warns() -> None:
    """Something uses it: that is said before it stops working."""
    async with at_tokens() as tokens:
        await tokens.to_last()
        question = await tokens.revoke()
        await question.reads("last used 3 min ago: something uses it")


async def test_revoking_several_needs_their_count_and_organization() -> None:
    """Marks, the range and all in the filter; a wrong phrase leaves the button closed."""
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.mark()
        await tokens.down()
        await tokens.mark_range()
        await tokens.reads("3 marked")
        question = await tokens.revoke()
        assert not question.can_revoke()
        await question.type("3 globex")
        assert not question.can_revoke()
        await question.type("3 acme")
        assert question.can_revoke()
        countdown = await question.confirmed()
        await countdown.leave()
        await tokens.closed()
        assert "revoke_token" not in box.plane.calls


async def test_marks_come_and_go() -> None:
    """Star marks all that is shown, again takes it off; escape takes off the marks before the filter."""
    async with at_tokens() as tokens:
        await tokens.filter("ml")
        await tokens.to_list()
        await tokens.mark_all()
        count = len(tokens.names())
        await tokens.reads(f"{count} marked")
        await tokens.clear()
        assert "marked" not in tokens.text()
        assert len(tokens.names()) == count
        await tokens.mark_all()
        await tokens.mark_all()
        assert "marked" not in tokens.text()


@pytest.mark.parametrize("slip", ["!!web", "!name=web", "project:web !name:", "colour:red"])
async def test_nothing_is_marked_through_a_filter_that_is_not_understood(slip: str) -> None:
    """The rows that stand there are more than was asked for."""
    async with at_tokens() as tokens:
        await tokens.filter(slip)
        await tokens.to_list()
        await tokens.mark_all()
        await tokens.reads("✗ correct this before you mark all")
        assert "marked" not in tokens.text()


@pytest.mark.parametrize("text", ["expires<9999y", "expires>999999y", "*.*.*.*z"])
async def test_any_filter_can_be_typed(text: str) -> None:
    """The app stays, whatever is typed."""
    async with at_tokens() as tokens:
        await tokens.filter(text)
        await tokens.reads(f"{len(tokens.names())} of 20")


async def test_a_revoked_token_cannot_be_marked_or_revoked_again() -> None:
    """The key stays in the footer and is grey."""
    async with at_tokens() as tokens:
        await tokens.previous_tab()
        await tokens.previous_tab()
        await tokens.until(lambda: tokens.tab() == "Revoked")
        assert tokens.footer()["revoke"] is False
        await tokens.mark()
        await tokens.ask_to_revoke()
        await tokens.rest()
        assert "marked" not in tokens.text()
        assert tokens.screen is tokens.room


async def test_the_cursor_stays_on_its_token_over_a_refresh() -> None:
    """Even when rows before it went away."""
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.down(3)
        held = tokens.under_cursor()
        box.plane.tokens = [t for t in box.plane.tokens if t.name not in {"ci-legacy", "poc-2025"}]
        await tokens.refresh()
        await tokens.until(lambda: len(tokens.names()) == 18)
        assert tokens.under_cursor() == held


async def test_a_failed_refresh_keeps_the_old_list() -> None:
    """And tells; the footer keeps the time of what is shown."""
    box = story()
    async with at_tokens(box) as tokens:
        box.plane.fail["list_tokens"] = Unreachable("nobody answers", hint="check the network")
        await tokens.refresh()
        await tokens.until(lambda: "nobody answers" in tokens.toasts())
        assert len(tokens.names()) == 20
        await tokens.reads(f"as of {here(fakes.NOW, '%H:%M:%S')}")


@pytest.mark.parametrize("size", [SMALL, SIZE])
async def test_an_error_is_said_on_the_screen_and_can_be_retried(size: tuple[int, int]) -> None:
    """What happened, the next step, and a button for it."""
    box = story()
    box.plane.fail["list_tokens"] = Unreachable("nobody answers", hint="check the network")
    async with at_tokens(box, size) as tokens:
        assert tokens.state() == "error"
        await tokens.reads("nobody answers")
        await tokens.reads("check the network")
        box.plane.fail.clear()
        await tokens.note_button()
        await tokens.until(tokens.names)


async def test_who_may_not_list_is_told_why() -> None:
    """Nothing is sent that would be refused."""
    box = story()
    box.plane.role = Role.VIEWER
    async with at_tokens(box) as tokens:
        assert tokens.state() == "error"
        await tokens.reads("viewers may not see API tokens")
        assert "list_tokens" not in box.plane.calls


async def test_who_may_not_list_is_offered_no_new_token() -> None:
    """Also when it is known who it is, not only before."""
    box = story()
    box.plane.role = Role.VIEWER
    async with at_tokens(box) as tokens:
        assert tokens.footer()["new"] is False


async def test_an_organization_without_tokens_offers_the_first_one() -> None:
    """The empty state says what to do."""
    box = story()
    box.plane.tokens = []
    async with at_tokens(box) as tokens:
        assert tokens.state() == "empty"
        await tokens.reads("No API tokens in acme")
        await tokens.note_button()
        form = await tokens.over(CreatePage)
        await form.reads("New API token in acme")


async def test_another_account_lists_again() -> None:
    """What was somebody else's does not stay on the screen."""
    box = story()
    async with at_tokens(box) as tokens:
        box.plane.tokens = box.plane.tokens[:3]
        tokens.app.app_context.account_changed.publish(None)
        await tokens.until(lambda: 0 < len(tokens.names()) < 4)


async def test_hostile_names_stay_text() -> None:
    """Markup, escape sequences and line breaks of a server neither style nor move anything."""
    box = story()
    bad = "[bold red]x[/] \x1b[31m\x1b]52;c;AAAA\x07 a\nb \u202eabc \u200b"
    box.plane.tokens = [
        replace(token, name=bad, description=bad, last_used_at=fakes.NOW - timedelta(days=n))
        for n, token in enumerate(box.plane.tokens[:5])
    ]
    async with at_tokens(box, (160, 36)) as tokens:
        text = tokens.text()
        assert "[bold red]x[/]" in text
        assert not set(text) & set("\x1b\x07\u202e\u200b")


async def test_marks_stay_on_their_tokens_over_a_refresh() -> None:
    """Of those that are gone or revoked, none is left; a new one in their place gets none."""
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.mark(3)
        marked = tokens.names()[:3]
        gone, ended, left = marked
        box.plane.tokens = [
            replace(token, revoked_at=fakes.NOW) if token.name == ended else token
            for token in box.plane.tokens
            if token.name != gone
        ]
        await tokens.refresh()
        await tokens.until(lambda: len(tokens.names()) == 18)
        await tokens.reads("1 marked")
        question = await tokens.revoke()
        await question.reads(f"Revoke {left} in acme?")


async def test_the_list_of_a_dialog_stays_as_it_was_when_it_opened() -> None:
    """A list that arrives meanwhile changes nothing of what is confirmed."""
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.mark(3)
        marked = set(tokens.names()[:3])
        box.plane.hold = asyncio.Event()
        await tokens.refresh()
        question = await tokens.revoke()
        await question.reads("Revoke 3 tokens of acme?")
        kept = [token for token in box.plane.tokens if token.name not in marked]
        added = [replace(token, id=f"{token.id}-0", name=f"a-{token.name}") for token in kept[:3]]
        box.plane.tokens = [*added, *box.plane.tokens]
        box.plane.hold.set()
        await question.until(lambda: box.plane.calls.count("list_tokens") == 2)
        await question.rest()
        countdown = await question.count("3 acme")
        receipts = await countdown.now()
        await receipts.reads("3 of 3 tokens are revoked")
        assert {t.name for t in box.plane.tokens if t.revoked_at == fakes.NOW} == marked


BURSTS = [("s", "s"), ("s", "n"), ("n", "ctrl+d"), ("R", "R"), ("enter", "enter"), ("F", "F")]


@pytest.mark.parametrize("keys", BURSTS)
async def test_two_keys_in_one_burst_open_one_dialog(keys: tuple[str, str]) -> None:
    async with opened(TokensPage, stage(), SMALL) as tokens:
        for key in keys:
            tokens.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await tokens.until(lambda: len(tokens.app.screen_stack) == 2 and tokens.screen.is_mounted)
        await tokens.rest()
        assert len(tokens.app.screen_stack) == 2
