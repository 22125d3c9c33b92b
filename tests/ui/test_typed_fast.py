"""Keys that arrive in one burst, as a fast typist, a paste or a terminal over a slow line sends them."""

from textual import events
from textual.widgets import Input

from app.tui.app import LoopinApp
from app.tui.screens.tokens.create_token import CreateTokenDialog
from tests.support.pages.login import GUMLOOP_KEY, at_the_choice, signed_out
from tests.support.pages.page import opened
from tests.support.pages.rooms import ActivityPage
from tests.support.rooms import at_tokens
from tests.support.scenes import with_activity

_NAMES = {"/": "slash", "\t": "tab"}


def _burst(app: LoopinApp, letters: str) -> None:
    """All at once: the app handles none of them before the last is there."""
    for letter in letters:
        app.post_message(events.Key(_NAMES.get(letter, letter), letter if letter.isprintable() else None))


async def test_what_follows_the_key_of_the_filter_is_typed_into_it() -> None:
    """`n` and `s` among it open no dialog, and a second `/` is a letter."""
    async with at_tokens() as tokens:
        _burst(tokens.app, "/ns/web")
        await tokens.until(lambda: tokens.filtered() == "ns/web")
        assert len(tokens.app.screen_stack) == 1


async def test_the_trail_is_filtered_by_what_follows_the_key_at_once() -> None:
    async with opened(ActivityPage, with_activity("loopin-dark")) as activity:
        await activity.until(lambda: len(activity.rows()) == 6)
        _burst(activity.app, "/release")
        await activity.until(lambda: activity.count() == "1 of 6 entries")


async def test_what_is_typed_ahead_after_tab_lands_in_the_next_field() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(GUMLOOP_KEY)
        first, second = list(login.screen.query(Input))[:2]
        await login.until(lambda: first.has_focus)
        _burst(login.app, "key\tuser")
        await login.until(lambda: second.value == "user")
        assert first.value == "key"


async def test_the_same_in_a_dialog() -> None:
    async with at_tokens() as tokens:
        await tokens.press("n")
        await tokens.until(lambda: isinstance(tokens.app.screen, CreateTokenDialog))
        name, description = list(tokens.app.screen.query(Input))[:2]
        await tokens.until(lambda: name.has_focus)
        _burst(tokens.app, "ci-a\tfor b")
        await tokens.until(lambda: description.value == "for b")
        assert name.value == "ci-a"
