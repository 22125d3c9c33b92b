"""Rotating a token: never a moment in which neither works."""

from dataclasses import replace
from datetime import timedelta

from app.domain.activity import Action, Outcome
from app.domain.secret import Secret
from tests.support import app as fakes
from tests.support.pages.create import RevealPage
from tests.support.pages.page import Question
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import at_tokens, story
from tests.support.zones import here

NEW = "ci-release-2026-03"
SECRET = Secret(f"not-a-real-token-of-{NEW}-0042")


async def rotated(tokens: TokensPage, box: fakes.FakeContainer, *, works: bool = True) -> Question:
    """Rotate ci-release up to the reveal screen, save the new token, and leave: what becomes of the old?"""
    if works:
        box.plane.accepted.add(SECRET)
    await tokens.to_last()
    question = await tokens.rotate()
    await question.reads(f"A new token {NEW} is created.")
    await question.reads("Scope global, life 300 d.")
    await question.yes()
    reveal = await tokens.over(RevealPage)
    await reveal.to_keychain()
    await reveal.reads(f"saved to GNOME Keyring as profile {NEW}")
    return await reveal.ask_to_leave()


def living(box: fakes.FakeContainer) -> set[str]:
    """Names of unrevoked tokens that begin like ci-release."""
    return {t.name for t in box.plane.tokens if t.revoked_at is None and t.name.startswith("ci-release")}


async def test_the_old_token_lives_until_it_is_confirmed() -> None:
    """The new one was tried with a real call first."""
    box = story()
    async with at_tokens(box) as tokens:
        question = await rotated(tokens, box)
        await question.reads(f"{NEW} was tried: it works.")
        assert living(box) == {"ci-release", NEW}
        await question.yes()
        await tokens.until(lambda: living(box) == {NEW})
        await tokens.until(lambda: "ci-release is revoked" in tokens.toasts())
        entries = await box.activity_log.entries()
        assert [(e.action, e.outcome) for e in entries if e.action is Action.ROTATE] == [
            (Action.ROTATE, Outcome.DONE)
        ]


async def test_a_life_of_some_hours_or_with_a_late_creation_is_told_as_it_was_asked_for() -> None:
    for asked, told in ((timedelta(hours=12), "12 h"), (timedelta(days=90), "90 d")):
        box = story()
        created = fakes.NOW - timedelta(minutes=1)
        last = replace(
            box.plane.tokens[-1],
            name="zz-last",
            created_at=created + timedelta(milliseconds=4),
            expires_at=created + asked,
            revoked_at=None,
        )
        box.plane.tokens = [last]
        async with at_tokens(box) as tokens:
            await (await tokens.rotate()).reads(f"life {told}.")


async def test_both_can_be_kept_and_a_new_token_that_does_not_work_is_told() -> None:
    """Enter keeps both: it is what has the focus."""
    box = story()
    async with at_tokens(box) as tokens:
        question = await rotated(tokens, box, works=False)
        await question.reads("does NOT work: the session has ended")
        await question.enter()
        await tokens.until(lambda: "both tokens are kept" in tokens.toasts())
        assert living(box) == {"ci-release", NEW}


async def test_a_rotation_that_a_crash_ended_is_told_at_the_next_start() -> None:
    """The token that nobody saw is offered for revocation; the old one lives."""
    box = story()
    old = next(token for token in box.plane.tokens if token.name == "ci-release")
    await box.rotation.create_successor(old, await box.tokens.list_tokens())
    async with at_tokens(box) as tokens:
        question = await tokens.over(Question)
        await question.reads(f"was begun on {here(fakes.NOW, '%-d %B %Y at %H:%M')} and never ended")
        await question.yes()
        await tokens.until(lambda: living(box) == {"ci-release"})
        await tokens.closed()
    async with at_tokens(box) as tokens:
        await tokens.rest()
        assert tokens.screen is tokens.room
