"""Tokens that a token created: told beside the list, and offered for revocation with it."""

from tests.support import app as fakes
from tests.support.fake_desktop import FakeClock
from tests.support.pages.create import RevealPage
from tests.support.pages.page import SMALL
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import at_tokens, children, story


def living(box: fakes.FakeContainer) -> set[str]:
    """Names of the unrevoked tokens of the family."""
    return {t.name for t in box.plane.tokens if t.revoked_at is None and "backup" in t.name}


FAMILY = {"ops-backup", "backup-nas", "backup-tape", "backup-verify", "ops-backup-2026-02"}


async def at(tokens: TokensPage, name: str) -> TokensPage:
    """Move the cursor to a token."""
    await tokens.press("g", *["j"] * tokens.names().index(name))
    await tokens.until(lambda: tokens.under_cursor() == name)
    return tokens


async def test_the_pane_tells_who_created_a_token_and_how_many_it_created() -> None:
    box = children(story())
    async with at_tokens(box) as tokens:
        await at(tokens, "backup-tape")
        await tokens.reads("created by ops-backup")
        await tokens.reads("has created 1 active token")
        await at(tokens, "ops-backup")
        await tokens.reads("has created 3 active tokens")
        assert "created by" not in tokens.text()


async def test_a_creator_that_is_not_listed_is_told_by_its_id() -> None:
    box = children(story())
    parent = next(token for token in box.plane.tokens if token.name == "ops-backup")
    box.plane.tokens.remove(parent)
    async with at_tokens(box) as tokens:
        await at(tokens, "backup-nas")
        assert parent.id.split("-")[0] in tokens.text().split("created by")[1]


async def test_children_stay_unless_they_are_chosen() -> None:
    box = children(story())
    async with at_tokens(box) as tokens:
        question = await (await at(tokens, "ops-backup")).revoke()
        await question.reads("Also revoke the 3 active tokens created with it")
        offered = question.says("#revoke-children-names")
        assert offered == "backup-nas, backup-tape, backup-verify", "a successor is not offered"
        assert question.can_revoke()
        await question.yes()
        await tokens.until(lambda: living(box) == FAMILY - {"ops-backup"})


async def test_with_its_children_one_token_is_asked_about_as_several_are() -> None:
    box = children(story())
    async with at_tokens(box, SMALL) as tokens:
        question = await (await at(tokens, "ops-backup")).revoke()
        await question.with_children()
        await question.reads("Revoke 4 tokens of acme?")
        await question.reads("Type 4 acme to go on")
        for name in ("ops-backup", "└ backup-nas", "└ backup-tape", "└ backup-verify"):
            assert name in question.text()
        assert not question.can_revoke()
        receipts = await (await question.count("4 acme")).now()
        await receipts.reads("4 of 4 tokens are revoked")
        assert living(box) == {"ops-backup-2026-02"}


async def test_the_choice_can_be_taken_back() -> None:
    """Then it is one token again, and nothing has to be typed."""
    box = children(story())
    async with at_tokens(box) as tokens:
        question = await (await at(tokens, "ops-backup")).revoke()
        await question.with_children()
        await question.with_children()
        await question.reads("Revoke ops-backup in acme?")
        assert question.can_revoke()
        await question.click("#yes")
        await tokens.until(lambda: living(box) == FAMILY - {"ops-backup"})


async def test_of_several_only_those_that_are_not_marked_are_offered() -> None:
    """What was typed for fewer is not enough for more."""
    box = children(story())
    async with at_tokens(box) as tokens:
        for name in ("ops-backup", "backup-tape"):
            await (await at(tokens, name)).mark()
        question = await tokens.revoke()
        await question.reads("Also revoke the 2 active tokens created with them")
        await question.reads("backup-nas, backup-verify")
        await question.type("2 acme")
        assert question.can_revoke()
        await question.with_children()
        assert not question.can_revoke()
        receipts = await (await question.count("4 acme")).now()
        await receipts.reads("4 of 4 tokens are revoked")
        assert living(box) == {"ops-backup-2026-02"}


async def test_who_created_nothing_is_asked_about_as_before() -> None:
    box = children(story())
    async with at_tokens(box) as tokens:
        question = await (await at(tokens, "backup-nas")).revoke()
        assert not question.offers_children()


async def test_the_end_of_a_rotation_leaves_children_alone() -> None:
    box = children(story())
    async with at_tokens(box) as tokens:
        question = await (await at(tokens, "ops-backup")).rotate()
        await question.yes()
        reveal = await tokens.over(RevealPage)
        await reveal.to_keychain()
        await reveal.reads("saved to")
        question = await reveal.ask_to_leave()
        assert "created with" not in question.text()
        await question.yes()
        await tokens.until(lambda: "ops-backup" not in living(box))
        assert living(box) >= FAMILY - {"ops-backup"}


async def test_a_token_that_was_created_since_the_list_was_read_is_offered() -> None:
    """A list that is older than a minute is read again before anything is revoked."""
    box = story()
    async with at_tokens(box) as tokens:
        await at(tokens, "ops-backup")
        children(box)
        assert isinstance(box.clock, FakeClock)
        box.clock.advance(90)
        question = await tokens.revoke()
        await question.reads("Also revoke the 3 active tokens created with it")


async def test_a_successor_is_named_and_not_offered() -> None:
    box = children(story())
    async with at_tokens(box) as tokens:
        question = await (await at(tokens, "ops-backup")).revoke()
        await question.reads("Created by a rotation, and not among them: ops-backup-2026-02")
