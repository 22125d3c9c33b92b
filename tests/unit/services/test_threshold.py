"""What is announced before the threshold is changed, and what falls at the sweep after it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.inactivity import is_inactive
from app.domain.tokens import APIToken
from app.services.threshold import ReviewOutdated, ThresholdReview
from tests.support import app as fakes
from tests.support.sample_tokens import tokens

HOUR = timedelta(hours=1)
around = st.timedeltas(-4 * HOUR, 6 * HOUR)
"""How long after the look a token has been idle for the threshold."""
Spec = tuple[timedelta, bool, timedelta | None]


def made(specs: list[Spec], days: int) -> list[APIToken]:
    """Tokens by the moment at which they become due, whether they were ever used, and their expiry."""
    base = tokens(fakes.NOW)[0]
    active = [fakes.NOW + due - timedelta(days=days) for due, _, _ in specs]
    return [
        replace(
            base,
            id=str(number),
            name=f"token-{number}",
            created_at=since - timedelta(days=1 if used else 0),
            last_used_at=since if used else None,
            expires_at=None if expiry is None else fakes.NOW + expiry,
            revoked_at=None,
        )
        for number, (since, (_, used, expiry)) in enumerate(zip(active, specs, strict=True))
    ]


async def confirm(box: fakes.FakeContainer, shown: ThresholdReview) -> ThresholdReview:
    """Confirm what is shown, as often as it is shown anew; return the last of it."""
    for _ in range(2):
        try:
            await box.threshold.update_threshold(shown.days, shown)
        except ReviewOutdated as outdated:
            assert "set_threshold" not in box.plane.calls
            shown = outdated.review
        else:
            return shown
    raise AssertionError("the clock stood still, and it was outdated twice")


@given(
    st.lists(st.tuples(around, st.booleans(), st.none() | around), max_size=8),
    st.integers(1, 365),
    st.integers(0, 365),
    st.timedeltas(timedelta(), 3 * HOUR),
    st.timedeltas(timedelta(), HOUR),
    st.sets(st.integers(0, 7)),
)
def test_what_falls_was_announced(
    specs: list[Spec],
    days: int,
    before: int,
    dialog: timedelta,
    sweep: timedelta,
    used: set[int],
) -> None:
    """However long the question stays open, whenever within the hour the sweep comes, whoever uses one."""

    async def act() -> tuple[set[str], set[str]]:
        box = fakes.container()
        box.plane.tokens, box.plane.threshold = made(specs, days), before
        shown = await box.threshold.review_threshold(days)
        box.fake_clock.advance(dialog.total_seconds())
        for number in used & set(range(len(specs))):
            box.plane.tokens[number] = replace(box.plane.tokens[number], last_used_at=box.fake_clock.now())
        shown = await confirm(box, shown)
        at = box.fake_clock.now() + sweep
        fallen = {token.id for token in box.plane.tokens if is_inactive(token, days, at)}
        return fallen, {token.id for token in shown.partition.announced}

    fallen, announced = asyncio.run(act())
    assert fallen <= announced


@pytest.mark.parametrize("days", [60, 0])
async def test_another_threshold_meanwhile_stops_it(days: int) -> None:
    """Also when it is turned off: what would be saved is not the change that was confirmed."""
    box = fakes.container()
    shown = await box.threshold.review_threshold(days)
    box.plane.threshold = 30
    with pytest.raises(ReviewOutdated, match="it is 30 days and no longer 90 days") as stopped:
        await box.threshold.update_threshold(days, shown)
    assert box.plane.threshold == 30
    assert box.fake_activity.lines == []
    assert (await box.threshold.update_threshold(days, stopped.value.review)).threshold == days


async def test_a_token_that_was_not_shown_stops_it_and_one_that_was_used_does_not() -> None:
    box = fakes.container()
    shown = await box.threshold.review_threshold(60)
    unused = replace(box.plane.tokens[2], id="new", name="found-later", last_used_at=None)
    box.plane.tokens.append(unused)
    with pytest.raises(ReviewOutdated, match="more would be revoked than was shown: found-later"):
        await box.threshold.update_threshold(60, shown)
    box.plane.tokens[-1] = replace(unused, last_used_at=fakes.NOW)
    assert (await box.threshold.update_threshold(60, shown)).threshold == 60
