"""What a threshold would do."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.domain.inactivity import Fate, fate
from app.domain.preview import Preview
from app.domain.tokens import APIToken
from tests.support.sample_tokens import NOW, tokens

ages = st.lists(st.tuples(st.integers(0, 500), st.one_of(st.none(), st.integers(0, 500)), st.booleans()))


def made(spec: list[tuple[int, int | None, bool]]) -> list[APIToken]:
    """Tokens of these ages, last uses (days) and revocations."""
    base = tokens()[0]
    return [
        replace(
            base,
            id=str(number),
            created_at=NOW - timedelta(days=created),
            last_used_at=None if used is None else NOW - timedelta(days=min(used, created)),
            revoked_at=NOW if revoked else None,
        )
        for number, (created, used, revoked) in enumerate(spec)
    ]


@given(ages, st.integers(0, 365))
def test_the_parts_are_what_the_rule_says_of_each_token(
    spec: list[tuple[int, int | None, bool]], threshold: int
) -> None:
    """Searching in order gives the same as asking token by token."""
    alive = [token for token in made(spec) if token.revoked_at is None]
    partition = Preview(made(spec), NOW).at(threshold)
    expected = Counter(fate(token, threshold, NOW) for token in alive)
    assert dict(partition.counts) == {f: expected[f] for f in Fate}
    assert {t.id for t in partition.falling} == {
        t.id for t in alive if fate(t, threshold, NOW) is not Fate.SAFE
    }


@given(ages, st.lists(st.integers(1, 400), unique=True, max_size=40).map(sorted))
def test_the_histogram_holds_every_unrevoked_token_once(
    spec: list[tuple[int, int | None, bool]], starts: list[int]
) -> None:
    """What is beyond the axis is in the last bar."""
    preview = Preview(made(spec), NOW)
    assert sum(preview.histogram([0, *starts])) == len(preview.tokens)


@given(ages, st.integers(1, 365))
def test_the_bars_from_the_threshold_on_hold_what_the_next_sweep_takes(
    spec: list[tuple[int, int | None, bool]], threshold: int
) -> None:
    """A bar in the colour of an error never shows a token that is safe."""
    preview = Preview(made(spec), NOW)
    assert preview.histogram([0, threshold])[1] == preview.at(threshold).next_sweep


def test_the_longest_unused_falls_first() -> None:
    """The list begins with the most urgent, and expired tokens are in it: the sweep takes them too."""
    falling = Preview(tokens(), NOW).at(90).falling
    assert falling[0].name == "ci-legacy"
    assert "ml-batch-2025-09" in [token.name for token in falling]
    assert "release-bot" not in [token.name for token in falling]
