"""A new token does not stay on the screen, nor on the clipboard."""

import asyncio
import errno
import os
import signal
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Button, Input

from app.domain.activity import Action, Outcome
from app.tui.screens.tokens.reveal import SECONDS
from tests.support import app as fakes
from tests.support.pages.create import RevealPage
from tests.support.pages.page import SMALL, Question
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import at_tokens, stage, story

TOKEN = "not-a-real-token-of-ci-new-0042"


class Clearable(fakes.FakeClipboard):
    """A clipboard that can be read and emptied."""

    holds = ""

    def can_clear(self) -> bool:
        """Yes."""
        return True

    async def copy(self, text: str) -> str:
        """Hold it."""
        self.holds = text
        return await super().copy(text)

    async def clear(self, text: str) -> bool:
        """Empty it, unless it holds something else."""
        if self.holds != text:
            return False
        self.holds = ""
        return True


async def revealed(tokens: TokensPage) -> RevealPage:
    """Create a token and stand on its reveal screen."""
    form = await tokens.new()
    await form.write("ci-new")
    return await form.create()


def clearable(box: fakes.FakeContainer) -> Clearable:
    """Give the app a clipboard that can be emptied."""
    clipboard = Clearable()
    box.clipboard = clipboard
    return clipboard


async def test_it_hides_itself_after_a_minute() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        await reveal.show()
        await reveal.reads(TOKEN)
        box.fake_clock.advance(SECONDS - 1)
        await reveal.rest()
        assert TOKEN in reveal.text()
        box.fake_clock.advance(1)
        await reveal.until(lambda: TOKEN not in reveal.text())
        await tokens.until(lambda: "hidden again after a minute" in tokens.toasts())


async def test_a_second_look_lasts_its_own_minute() -> None:
    """The time of the first one is over with it."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        await reveal.show()
        box.fake_clock.advance(SECONDS / 2)
        await reveal.show()
        await reveal.show()
        await reveal.reads(TOKEN)
        box.fake_clock.advance(SECONDS - 1)
        await reveal.rest()
        assert TOKEN in reveal.text()
        box.fake_clock.advance(1)
        await reveal.until(lambda: TOKEN not in reveal.text())


async def test_it_hides_itself_when_the_terminal_loses_the_focus() -> None:
    async with at_tokens() as tokens:
        reveal = await revealed(tokens)
        await reveal.show()
        await reveal.reads(TOKEN)
        reveal.app.post_message(events.AppBlur())
        await reveal.until(lambda: TOKEN not in reveal.text())
        reveal.app.post_message(events.AppFocus())
        await reveal.rest()
        assert TOKEN not in reveal.text()


async def test_the_clipboard_is_emptied_after_a_minute_even_when_the_dialog_is_gone() -> None:
    box = story()
    clipboard = clearable(box)
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        await reveal.copy()
        await reveal.reads("the clipboard is emptied in 60 s, while Loopin runs")
        await reveal.to_keychain()
        await reveal.reads("saved to GNOME Keyring")
        await reveal.leave()
        await tokens.closed()
        assert clipboard.holds == TOKEN
        box.fake_clock.advance(SECONDS)
        await tokens.until(lambda: clipboard.holds == "")
        await tokens.until(lambda: "taken off the clipboard" in tokens.toasts())


async def test_what_somebody_else_copied_since_is_left_there() -> None:
    box = story()
    clipboard = clearable(box)
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        await reveal.copy()
        await reveal.reads("the clipboard is emptied")
        clipboard.holds = "something else"
        box.fake_clock.advance(SECONDS)
        await reveal.rest()
        assert clipboard.holds == "something else"
        assert "taken off" not in tokens.toasts()


async def test_a_clipboard_that_nobody_can_read_promises_nothing() -> None:
    async with at_tokens() as tokens:
        reveal = await revealed(tokens)
        await reveal.copy()
        await reveal.reads("copied with wl-copy")
        assert "emptied" not in reveal.text()


async def told(box: fakes.FakeContainer) -> list[tuple[Outcome, str]]:
    """What the trail says of creations, newest first."""
    return [(e.outcome, e.detail) for e in await box.activity_log.entries() if e.action is Action.CREATE]


def lives(box: fakes.FakeContainer) -> bool:
    """True while the new token works."""
    return any(t.name == "ci-new" and t.revoked_at is None for t in box.plane.tokens)


async def test_ctrl_c_twice_asks_before_an_unsaved_token_is_lost() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        assert await told(box) == [(Outcome.STARTED, "scope global")]
        await reveal.press("ctrl+c", "ctrl+c")
        question = await reveal.over(Question)
        await question.reads("Quit without saving?")
        await question.enter()
        await reveal.until(reveal.is_open)
        await reveal.press("ctrl+c", "ctrl+c")
        await (await reveal.over(Question)).yes()
        await reveal.until(lambda: reveal.app._exit)
        assert await told(box) == [(Outcome.DONE, "scope global, left unsaved")]


async def test_a_token_that_is_saved_asks_nothing_more() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        await reveal.to_keychain()
        await reveal.reads("saved to GNOME Keyring")
        assert await told(box) == [(Outcome.DONE, "scope global")]
        await reveal.press("ctrl+c", "ctrl+c")
        await reveal.until(lambda: reveal.app._exit)
        assert reveal.app._final_message == ""


@pytest.mark.parametrize("revoke", [True, False])
async def test_a_token_over_which_the_app_ended_is_told_at_the_next_start(revoke: bool) -> None:
    """Once; and the terminal says at once how to be rid of it."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        new = box.plane.tokens[-1].id
        reveal.app.exit(143)
        assert reveal.app._final_message == (
            "ci-new was created and not saved. To revoke it:\n"
            f"loopin chainloop organization api-token revoke --id {new}\n"
        )
    box.start_again()
    async with at_tokens(box) as tokens:
        question = await tokens.over(Question)
        await question.reads("Loopin ended before it was saved")
        await (question.yes() if revoke else question.enter())
        await tokens.until(lambda: lives(box) is not revoke)
        await tokens.closed()
        outcome = Outcome.FAILED if revoke else Outcome.DONE
        await tokens.until(lambda: box.fake_activity.lines[-1].outcome is outcome)
    async with at_tokens(box) as tokens:
        await tokens.rest()
        assert tokens.screen is tokens.room


async def test_a_token_that_was_revoked_meanwhile_is_not_told() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        await revealed(tokens)
    box.start_again()
    new = box.plane.tokens[-1]
    await box.revocation.revoke_tokens([(new.id, new.name)])
    async with at_tokens(box) as tokens:
        await tokens.rest()
        assert tokens.screen is tokens.room
        assert await told(box) == [(Outcome.FAILED, "interrupted; the list shows that it is revoked")]


async def test_the_file_that_is_offered_has_the_tokens_name_and_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ci-new.token").touch()
    async with at_tokens() as tokens:
        reveal = await revealed(tokens)
        assert await reveal.offered_file() == "./ci-new-2.token"
        await reveal.take()
        await reveal.reads("written to ./ci-new-2.token (0600)")
        assert (tmp_path / "ci-new-2.token").read_text() == TOKEN


async def test_a_file_that_cannot_be_written_says_why_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk nothing stays behind that blocks the same name."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place = tmp_path / "token"
    async with at_tokens() as tokens:
        reveal = await revealed(tokens)
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(os, "fsync", full)
            await reveal.to_file(str(place))
            await reveal.reads("No space left on device")
        assert not place.exists()
        await reveal.take()
        await reveal.reads(f"written to {place} (0600)")
        assert place.read_text() == TOKEN


async def test_a_toast_does_not_lie_over_the_buttons() -> None:
    """Nor does a row of them, at the smallest size."""
    async with stage().run_test(size=SMALL, notifications=True) as pilot:
        tokens = TokensPage(pilot)
        await tokens.ready()
        reveal = await revealed(tokens)
        (buttons,) = (line for line in reveal.text().splitlines() if "To keychain" in line)
        for number in range(2):
            reveal.app.notify(f"ci-legacy and {number} more: see Activity", title="Revoked outside Loopin")
        await reveal.until(lambda: reveal.text().count("see Activity") == 2)
        assert buttons in reveal.text().splitlines()


async def test_a_second_enter_while_the_keychain_asks_saves_once() -> None:
    """And what the dialog says of the token is what became of it."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        box.fake_vault.held = asyncio.Event()
        await reveal.to_keychain()
        await reveal.reads("saving to the keychain …")
        assert "NOT SAVED YET" not in reveal.text()
        await reveal.take()
        await reveal.until(lambda: "Already under way: save the token to the keychain" in reveal.toasts())
        box.fake_vault.held.set()
        await reveal.reads("saved to GNOME Keyring as profile ci-new")
        assert "already" not in reveal.text()
        assert ("loopin-chainloop", "ci-new") in box.fake_vault.entries


async def test_while_the_keychain_asks_the_token_can_still_be_written_to_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        box.fake_vault.held = asyncio.Event()
        await reveal.to_keychain()
        await reveal.reads("saving to the keychain …")
        reveal.find("#reveal-done", Button).focus()
        await reveal.to_file("./token")
        await reveal.reads("written to ./token (0600)")
        await reveal.leave()
        await reveal.until(lambda: "its end is waited for" in reveal.toasts())
        assert reveal.is_open()
        box.fake_vault.held.set()
        await reveal.reads("saved to GNOME Keyring as profile ci-new")


async def test_what_ends_meanwhile_leaves_a_question_open_that_is_being_answered() -> None:
    """Letters that are typed into it would press the dialog's keys."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        box.fake_vault.held = asyncio.Event()
        await reveal.to_keychain()
        await reveal.reads("saving to the keychain …")
        reveal.find("#reveal-done", Button).focus()
        await reveal.press("f", *"se")
        box.fake_vault.held.set()
        await reveal.reads("saved to GNOME Keyring as profile ci-new")
        await reveal.press(*"cret")
        assert reveal.find("#reveal-input", Input).value == "secret"
        assert "•••• " in reveal.text()


async def test_nobody_leaves_while_it_is_being_saved() -> None:
    """Whether it is saved is not known yet."""
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        box.fake_vault.held = asyncio.Event()
        await reveal.to_keychain()
        await reveal.reads("saving to the keychain …")
        await reveal.leave()
        await reveal.until(lambda: "its end is waited for" in reveal.toasts())
        assert reveal.is_open()
        box.fake_vault.held.set()
        await reveal.reads("saved to GNOME Keyring")
        assert await told(box) == [(Outcome.DONE, "scope global")]


async def test_a_signal_while_it_is_being_saved_waits_for_the_keychain() -> None:
    box = story()
    async with at_tokens(box) as tokens:
        reveal = await revealed(tokens)
        box.fake_vault.held = asyncio.Event()
        await reveal.to_keychain()
        await reveal.reads("saving to the keychain …")
        reveal.app.end_by_signal(signal.SIGTERM)
        await reveal.rest()
        assert not reveal.app._exit
        box.fake_vault.held.set()
        await reveal.until(lambda: reveal.app._exit)
    assert reveal.app.return_value == 143
    assert ("loopin-chainloop", "ci-new") in box.fake_vault.entries
    assert await told(box) == [(Outcome.DONE, "scope global")]
