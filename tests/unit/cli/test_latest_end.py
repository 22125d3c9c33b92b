"""Commands under an API token that ends: nothing is created that would outlive it."""

import asyncio
from datetime import timedelta

import pytest

from app.domain.rotation import NewLife
from app.domain.secret import Secret
from tests.support import app as fakes
from tests.support.rooms import limited
from tests.unit.cli.test_children import loopin

NEW = ("create", "--name", "ci-new", "--project", "web")
WEB_PREVIEW = "70000000-0000-4000-8000-000000000007"


@pytest.mark.parametrize("expiration", [(), ("--expiration", "never"), ("--expiration", "41d")])
def test_a_life_past_the_latest_end_is_refused_before_anything_is_sent(expiration: tuple[str, ...]) -> None:
    box = limited(40)
    refused = "it would outlive the API token in effect: the latest end allowed is 2026-04-23T12:04:31Z"
    loopin(box, *NEW, *expiration).fails(2, refused, "choose 39d or less")
    assert box.plane.calls == []
    assert box.fake_activity.lines == []


def test_a_life_up_to_the_latest_end_is_taken() -> None:
    box = limited(40)
    loopin(box, *NEW, "--expiration", "39d").works()
    assert box.plane.tokens[-1].expires_at == fakes.NOW + timedelta(days=39)


def test_an_api_token_without_an_end_or_of_a_stock_control_plane_limits_nothing() -> None:
    box = fakes.container(environment=fakes.CI_TOKEN)
    loopin(box, *NEW).works()
    assert box.plane.tokens[-1].expires_at is None


def test_a_rotation_past_the_latest_end_is_refused() -> None:
    """A life that was asked for before anything is sent, that of the old token once it is known."""
    box = limited(40)
    rotate = ("rotate", "--id", WEB_PREVIEW, "--keep-old", "--yes")
    latest = "the latest end allowed is 2026-04-23T12:04:31Z"
    loopin(box, *rotate, "--expiration", "60d").fails(2, latest, "choose 39d or less")
    assert box.plane.calls == []
    loopin(box, *rotate).fails(2, latest)
    assert "create_token" not in box.plane.calls
    assert box.fake_activity.lines == []
    box.plane.accepted.add(Secret("not-a-real-token-of-web-preview-2026-03-0042"))
    loopin(box, *rotate, "--expiration", "39d").works()
    assert box.plane.tokens[-1].expires_at == fakes.NOW + timedelta(days=39)


@pytest.mark.parametrize("expiration", [(), ("--expiration", "60d")])
def test_a_refused_rotation_leaves_what_an_interrupted_one_created(expiration: tuple[str, ...]) -> None:
    """Its successor is not revoked, and the journal still knows it: the next rotation can clear up."""
    box = limited(40)

    async def interrupt() -> None:
        listing = await box.tokens.list_tokens()
        old = next(token for token in listing.tokens if token.id == WEB_PREVIEW)
        await box.rotation.create_successor(old, listing, NewLife(timedelta(days=39)))

    asyncio.run(interrupt())
    box.start_again()
    before, journal = list(box.plane.tokens), list(box.fake_activity.lines)
    successor = before[-1]
    rotate = ("rotate", "--id", WEB_PREVIEW, "--keep-old", "--yes")
    loopin(box, *rotate, *expiration).fails(2, "the latest end allowed is")
    assert box.plane.tokens == before
    assert box.fake_activity.lines == journal
    left = f"its new token {successor.name} ({successor.id}) is active; its secret was not saved"
    assert left in loopin(box, "list").works().err
    box.plane.accepted.add(Secret(f"not-a-real-token-of-{successor.name}-0042"))
    done = loopin(box, *rotate, "--expiration", "39d").works()
    assert "its secret was not saved: it is revoked first" in done.err
    assert successor.id not in {token.id for token in box.plane.tokens if token.revoked_at is None}
