"""Under an API token that ends: New and Rotate say the latest end allowed before anything is created."""

from datetime import datetime, timedelta

from tests.support import app as fakes
from tests.support.pages.create import RevealPage
from tests.support.rooms import at_tokens, limited
from tests.ui.test_children import at


def end_in(days: int) -> datetime:
    """When the API token in effect ends, as this machine's zone has it."""
    return (fakes.NOW + timedelta(days=days)).astimezone()


async def test_the_form_says_the_latest_end_and_offers_only_what_fits() -> None:
    box = limited(40)
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        await form.reads(f"at the latest on {end_in(40):%A, %-d %B %Y}")
        text = form.text()
        assert "never" not in text.split("Expires")[1]
        assert "90 days" not in text
        assert "[as late as allowed]" in text
        assert form.can_create()
        await form.create()
        made = box.plane.tokens[-1]
        assert made.expires_at == fakes.NOW + timedelta(days=40, minutes=-1)


async def test_a_date_after_the_latest_end_is_refused_at_once() -> None:
    box = limited(40)
    async with at_tokens(box) as tokens:
        form = await tokens.new()
        await form.write("ci-new")
        assert await form.life("left") == "until a date"
        await form.date("2026-04-24")
        await form.reads("it would outlive the API token in effect")
        assert not form.can_create()
        await form.date("2026-04-22")
        assert form.can_create()


async def test_without_a_limit_the_form_is_as_ever() -> None:
    async with at_tokens(fakes.container(environment=fakes.CI_TOKEN)) as tokens:
        form = await tokens.new()
        assert "at the latest" not in form.text()
        assert "never" in form.text()


async def test_a_successor_that_would_live_too_long_ends_with_the_token_in_use() -> None:
    """Both are told before it is created."""
    box = limited(40)
    async with at_tokens(box) as tokens:
        question = await (await at(tokens, "web-preview")).rotate()
        await question.reads("a shorter life than the old one")
        await question.reads(f"It ends on {end_in(40):%-d %B %Y}")
        await question.yes()
        await tokens.over(RevealPage)
        assert box.plane.tokens[-1].expires_at == fakes.NOW + timedelta(days=40, minutes=-1)


async def test_a_successor_that_fits_keeps_its_life() -> None:
    box = limited(400)
    async with at_tokens(box) as tokens:
        question = await (await at(tokens, "web-preview")).rotate()
        await question.reads("life 90 d.")
        await question.reads(f"It ends at the latest on {end_in(400):%-d %B %Y}")
        await question.yes()
        await tokens.over(RevealPage)
        assert box.plane.tokens[-1].expires_at == fakes.NOW + timedelta(days=90)
