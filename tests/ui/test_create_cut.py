"""A token whose creation takes its time: it is made once, and its secret reaches the person."""

import asyncio
import signal
from dataclasses import replace

import pytest

from app.domain.activity import Action, Outcome
from app.domain.errors import Failed, LoopinError, PermissionDenied, SessionEnded, Unreachable, UsageError
from app.tui.screens.dialogs.help import HelpScreen
from tests.support import app as fakes
from tests.support.pages.create import CreatePage, RevealPage
from tests.support.pages.page import Question
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import at_tokens, story


def slow() -> fakes.FakeContainer:
    """The server makes the token at once, and answers later."""
    box = story()
    box.plane.held["create_token"] = asyncio.Event()
    return box


async def creating(tokens: TokensPage, box: fakes.FakeContainer) -> CreatePage:
    """Send the form of ci-new, and wait until the server has made it."""
    form = await tokens.new()
    await form.write("ci-new")
    await form.enter()
    await form.until(lambda: any(token.name == "ci-new" for token in box.plane.tokens))
    return form


async def rotating(tokens: TokensPage, box: fakes.FakeContainer) -> None:
    """Confirm the rotation of ci-release, and wait until the server has made the successor."""
    await tokens.to_last()
    question = await tokens.rotate()
    await question.yes()
    await tokens.until(lambda: box.plane.calls.count("create_token") == 1)


def entries(box: fakes.FakeContainer, action: Action) -> list[tuple[Outcome, str]]:
    """What the trail says of it, oldest first."""
    return [(e.outcome, e.detail) for e in box.fake_activity.lines if e.action is action]


async def test_a_second_enter_creates_one_token() -> None:
    box = slow()
    async with at_tokens(box) as tokens:
        form = await creating(tokens, box)
        await form.enter()
        await form.press("ctrl+s")
        box.plane.held["create_token"].set()
        await form.over(RevealPage)
        assert box.plane.calls.count("create_token") == 1


async def test_escape_waits_for_the_answer_and_says_so() -> None:
    box = slow()
    async with at_tokens(box) as tokens:
        form = await creating(tokens, box)
        await form.leave()
        await form.until(lambda: "its answer is waited for" in form.toasts())
        box.plane.held["create_token"].set()
        reveal = await form.over(RevealPage)
        await reveal.reads("ci-new was created")


async def test_another_screen_above_the_form_takes_no_token_away() -> None:
    """Textual dismisses the screen on top, which is another one."""
    box = slow()
    async with at_tokens(box) as tokens:
        form = await creating(tokens, box)
        form.app.action_help()
        await form.dialog(HelpScreen)
        box.plane.held["create_token"].set()
        await form.rest()
        await form.press("escape")
        reveal = await form.over(RevealPage)
        await reveal.reads("ci-new was created")


async def test_quitting_waits_for_the_token_and_lets_it_be_saved() -> None:
    box = slow()
    async with at_tokens(box) as tokens:
        form = await creating(tokens, box)
        await form.press("ctrl+c", "ctrl+c")
        await form.until(lambda: "creating the API token ci-new" in form.toasts())
        box.plane.held["create_token"].set()
        question = await form.over(Question)
        await question.reads("Quit without saving?")
        await question.enter()
        reveal = await form.over(RevealPage)
        await reveal.to_keychain()
        await reveal.reads("saved to GNOME Keyring")
        assert not reveal.app._exit
        assert entries(box, Action.CREATE)[-1][0] is Outcome.DONE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_waits_for_the_token_and_tells_how_to_be_rid_of_it(number: int) -> None:
    box = slow()
    async with at_tokens(box) as tokens:
        form = await creating(tokens, box)
        form.app.end_by_signal(number)
        await form.until(lambda: "creating the API token ci-new" in form.toasts())
        box.plane.held["create_token"].set()
        await form.until(lambda: form.app._exit)
        new = box.plane.tokens[-1].id
        assert f"api-token revoke --id {new}" in form.app._final_message
    # The next start tells it, too.
    assert entries(box, Action.CREATE)[-1] == (Outcome.STARTED, "scope global")


async def test_an_answer_that_never_comes_is_unknown_and_told_at_the_next_start() -> None:
    box = slow()
    box.changes.grace = 0
    async with at_tokens(box) as tokens:
        form = await creating(tokens, box)
        form.app.end_by_signal(signal.SIGTERM)
        await form.until(lambda: form.app._exit)
    (orphan,) = box.changes.orphans()
    assert "creating the API token ci-new: no answer came" in orphan.words
    assert "api-token list" in orphan.hint
    box.start_again()
    async with at_tokens(box) as tokens:
        question = await tokens.over(Question)
        await question.reads("Revoke ci-new in acme?")


async def test_what_was_confirmed_and_is_not_begun_yet_is_told_so() -> None:
    """The server was still asked whether the organization is the one shown."""
    box = story()
    async with at_tokens(box) as tokens:
        await tokens.to_last()
        question = await tokens.rotate()
        box.plane.hold = asyncio.Event()
        await question.yes()
        await tokens.reads("rotating ci-release")
        await tokens.press("q")
        await tokens.until(lambda: tokens.app._exit)
    assert box.plane.calls.count("create_token") == 0
    assert [orphan.words for orphan in box.changes.orphans()] == [
        "creating the API token ci-release-2026-03: not begun"
    ]


LOST = [Failed("the answer broke off"), Unreachable("no answer")]


@pytest.mark.parametrize("error", LOST)
async def test_a_lost_answer_to_a_creation_stays_open_while_the_token_lives(error: LoopinError) -> None:
    """It is not closed as failed: the list shows it, and nobody has seen its secret."""
    box = story()
    box.plane.lost["create_token"] = error
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        await form.enter()
        await form.reads("token was created")
    assert entries(box, Action.CREATE)[-1] == (Outcome.STARTED, "scope global; its answer was lost")
    box.plane.lost.clear()
    box.start_again()
    async with at_tokens(box) as tokens:
        question = await tokens.over(Question)
        await question.reads("Revoke ci-new in acme?")


@pytest.mark.parametrize("error", LOST)
async def test_a_lost_answer_to_a_rotation_stays_open_while_the_new_token_lives(error: LoopinError) -> None:
    box = story()
    box.plane.lost["create_token"] = error
    async with at_tokens(box) as tokens:
        await rotating(tokens, box)
        await tokens.until(lambda: "token was created" in tokens.toasts())
    assert entries(box, Action.ROTATE)[-1][0] is Outcome.STARTED
    (left,) = await box.interrupted.find_rotations(await box.tokens.list_tokens())
    assert left.new.name == "ci-release-2026-03"
    assert not left.seen


async def test_a_second_rotation_while_one_runs_is_ignored_and_the_first_shows_its_token() -> None:
    box = slow()
    async with at_tokens(box) as tokens:
        await rotating(tokens, box)
        await tokens.ask_to_rotate()
        await tokens.until(lambda: "Already under way: rotate the token" in tokens.toasts())
        assert "rotating ci-release …" in tokens.foot()
        box.plane.held["create_token"].set()
        reveal = await tokens.over(RevealPage)
        await reveal.reads("ci-release-2026-03 was created")
        assert box.plane.calls.count("create_token") == 1


REFUSALS = {
    "read-only": UsageError("nothing was sent"),
    "identity": SessionEnded("the session has ended"),
    "refused": PermissionDenied("no"),
}


@pytest.mark.parametrize("why", sorted(REFUSALS))
async def test_a_rotation_that_was_refused_is_not_interrupted_for_ever(why: str) -> None:
    """Whether it was refused here or there: no new token exists, so nothing is left to be told."""
    box = story()
    old = next(token for token in box.plane.tokens if token.name == "ci-release")
    method = {"read-only": "server_info", "identity": "current", "refused": "create_token"}[why]
    listing = await box.tokens.list_tokens()
    box.plane.fail[method] = REFUSALS[why]
    if why == "read-only":
        # Only a draft with permissions asks what the server can do.
        old = replace(old, permissions=("organization:read", "project:read"))
    with pytest.raises(LoopinError):
        await box.rotation.create_successor(old, listing)
    assert await box.activity_log.interrupted() == ()
