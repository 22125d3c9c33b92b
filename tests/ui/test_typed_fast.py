"""Keys that arrive in one burst, as a fast typist, a paste or a terminal over a slow line sends them."""

from textual import events

from app.main import LoopinApp
from tests.support.pages.page import opened
from tests.support.pages.rooms import ActivityPage
from tests.support.rooms import at_tokens
from tests.support.scenes import with_activity


def _burst(app: LoopinApp, letters: str) -> None:
    """All at once: the app handles none of them before the last is there."""
    for letter in letters:
        app.post_message(events.Key("slash" if letter == "/" else letter, letter))


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
