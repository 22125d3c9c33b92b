"""An exception in a handler or a watcher shows a problem; the app and what is typed in it go on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from textual.message_pump import MessagePump
from textual.timer import Timer
from textual.widgets import Input

from app.tui.screens.auto_revoke.screen import AutoRevokeScreen
from app.tui.screens.login.flow_screen import LoginFlowScreen
from app.tui.screens.tokens.create_token import CreateTokenDialog
from app.tui.screens.tokens.reveal import RevealDialog
from app.tui.screens.tokens.screen import TokensScreen
from app.tui.terminal import MOST_ERRORS, TerminalApp, place_of
from tests.support.pages.login import CHAINLOOP_BROWSER, at_the_choice, signed_out
from tests.support.pages.page import Page
from tests.support.rooms import at_threshold, at_tokens
from widgets.token_browser import TokenBrowser

SECRET = "not-a-real-token-in-a-variable"


class Broken(Exception):
    """An error that nobody foresaw."""


def broken(*args: object, **kwargs: object) -> Any:
    """Raise it."""
    raise Broken(SECRET)


@contextmanager
def breaks(owner: type[object], name: str) -> Iterator[None]:
    """Let a method of the app raise an error."""
    with patch.object(owner, name, broken):
        yield


async def told(page: Page, contained: list[BaseException]) -> None:
    """The problem is shown without the error's own words; the app goes on."""
    await page.until(lambda: "Something unexpected happened" in page.toasts())
    assert SECRET not in page.toasts()
    assert page.app.is_running
    # Others may follow from it, as where a dialog lacks what could not be made.
    assert isinstance(contained[0], Broken)
    contained.clear()


async def test_in_a_watcher_of_a_widget(contained: list[BaseException]) -> None:
    async with at_tokens() as tokens:
        with breaks(TokenBrowser, "watch_filter"):
            await tokens.filter("web")
            await told(tokens, contained)
        await tokens.press("backspace")
        await tokens.until(lambda: tokens.filtered() == "we")
        assert 0 < len(tokens.names()) < (tokens.counts()["Active"] or 0)


async def test_in_a_handler_of_a_form_which_keeps_what_is_typed(contained: list[BaseException]) -> None:
    async with at_tokens() as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        with breaks(CreateTokenDialog, "_name_problem"):
            await form.write("er")
            await told(form, contained)
        assert form.name() == "ci-newer"
        await form.write("-2")
        reveal = await form.create()
        await reveal.reads("ci-newer-2 was created")


async def test_over_a_token_that_nobody_has_saved(contained: list[BaseException]) -> None:
    async with at_tokens() as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        reveal = await form.create()
        with breaks(RevealDialog, "_show"):
            await reveal.show()
            await told(reveal, contained)
        assert reveal.is_open()
        await reveal.to_keychain()
        await reveal.reads("saved to GNOME Keyring")


async def test_in_an_action_of_a_screen(contained: list[BaseException]) -> None:
    async with at_tokens() as tokens:
        with breaks(TokensScreen, "action_mark"):
            await tokens.press("space")
            await told(tokens, contained)
        await tokens.mark()
        await tokens.reads("1 marked")


async def test_in_an_action_of_the_app(contained: list[BaseException]) -> None:
    async with at_tokens() as tokens:
        with breaks(TerminalApp, "selection"):
            await tokens.press("ctrl+c")
            await told(tokens, contained)
        await tokens.press("ctrl+c")
        await tokens.until(lambda: "press ctrl+c again to quit" in tokens.toasts())


async def test_while_a_dialog_is_made(contained: list[BaseException]) -> None:
    """It can be left."""
    async with at_tokens() as tokens:
        with breaks(CreateTokenDialog, "compose_dialog"):
            await tokens.ask_for_new()
            await told(tokens, contained)
        await tokens.press("escape")
        await tokens.closed()
        await tokens.new()


async def test_in_a_worker() -> None:
    async with at_threshold() as room:
        with breaks(AutoRevokeScreen, "_show_identity"):
            await room.refresh()
            await room.until(lambda: "Something unexpected happened" in room.toasts())
        assert SECRET not in room.toasts()
        assert room.app.is_running


async def test_while_a_step_of_a_sign_in_is_shown_which_ends_all_the_same(
    contained: list[BaseException],
) -> None:
    """What the server gives once is stored, whatever the screen does with the step."""
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        with breaks(LoginFlowScreen, "_add_step"):
            await login.comes_back()
            await told(login, contained)
            await login.until(lambda: bool(box.fake_vault.entries))
        contained.clear()


async def test_in_a_timer(contained: list[BaseException]) -> None:
    """Lines are painted by one, too."""
    async with at_tokens() as tokens:
        timer: Timer = tokens.app.set_timer(0.001, broken)
        await told(tokens, contained)
        timer.stop()


async def test_the_same_error_again_and_again_is_told_once(contained: list[BaseException]) -> None:
    async with at_tokens() as tokens:
        with breaks(TokensScreen, "action_mark"):
            await tokens.press("space", "space", "space")
            await told(tokens, contained)
        assert tokens.toasts().count("Something unexpected happened") == 1


async def test_an_app_that_does_nothing_but_fail_is_given_up(contained: list[BaseException]) -> None:
    async def fail(times: int) -> None:
        async with at_tokens() as tokens:
            with breaks(TokensScreen, "action_mark"):
                await tokens.press(*["space"] * times)
            assert tokens.app.is_running

    await fail(MOST_ERRORS)
    with pytest.raises(Broken):
        await fail(MOST_ERRORS + 1)
    contained.clear()


async def test_text_of_an_error_is_not_in_its_place() -> None:
    try:
        broken()
    except Broken as error:
        place = place_of(error)
    assert place.startswith("Broken at ")
    assert SECRET not in place


def test_textual_still_handles_each_message_in_one_method() -> None:
    """What is wrapped; a widget that overrides it would not be."""
    assert MessagePump._dispatch_message.__qualname__.startswith("contain_errors")
    for kind in (Input, TokensScreen, TerminalApp):
        assert kind._dispatch_message is MessagePump._dispatch_message


async def test_nothing_is_contained_before_the_app_has_started() -> None:
    app = TerminalApp()
    assert not app.contain(Broken(SECRET))
