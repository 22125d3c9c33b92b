"""Tabs, counts and order of a token list."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.token_index import TokenIndex
from app.domain.token_row import Sort, SortKey, Tab
from app.domain.tokens import TokenState
from tests.support.sample_tokens import NOW, tokens

NEAR = timedelta(days=14)


def index(threshold: int | None = 90) -> TokenIndex:
    """The sample tokens."""
    return TokenIndex(tokens(), NOW, threshold, NEAR)


def names(tab: Tab, sort: Sort | None = None) -> list[str]:
    """Names on a tab, in order."""
    return [row.token.name for row in index().rows(tab, sort or Sort())]


def test_tabs_count_what_they_hold() -> None:
    """Active, expired and revoked make up all; the other two are parts of the active ones."""
    counts = index().counts
    assert [counts[tab] for tab in Tab] == [20, 8, 3, 2, 2, 24]
    for tab in Tab:
        assert len(index().rows(tab, Sort())) == counts[tab]


def test_at_risk_is_auto_revoked_within_the_near_days() -> None:
    """83 days idle of 90 is near; 31 is not; a token that expired is not at risk any more."""
    risky = names(Tab.AT_RISK)
    assert "ops-dashboard" in risky
    assert "ci-ml-eval" not in risky
    assert "ml-batch-2025-09" not in risky


def test_without_a_readable_threshold_nobody_counts_the_risk() -> None:
    """None is not zero: the expiry alone gives deadlines then."""
    blind = index(None)
    assert blind.counts[Tab.AT_RISK] is None
    first = blind.rows(Tab.ACTIVE, Sort())[0]
    assert first.token.name == "ci-web-staging"
    assert blind.find(first.token.id) == first


def test_the_soonest_deadline_comes_first_and_what_is_over_last() -> None:
    """Never used counts as the oldest; expired and revoked ones follow those that still work."""
    order = names(Tab.ALL)
    assert order[0] == "ci-legacy"
    assert [r.state for r in index().rows(Tab.ALL, Sort())][-4:] == [
        TokenState.EXPIRED,
        TokenState.EXPIRED,
        TokenState.REVOKED,
        TokenState.REVOKED,
    ]


def test_without_deadlines_never_used_comes_first() -> None:
    """Auto-revoke off and no expiry: the least used is the most interesting."""
    plain = [replace(token, expires_at=None, revoked_at=None) for token in tokens()]
    rows = TokenIndex(plain, NOW, 0, NEAR).rows(Tab.ALL, Sort())
    assert [r.token.last_used_at for r in rows[:5]] == [None] * 5


@pytest.mark.parametrize("key", list(SortKey))
def test_a_click_sorts_and_a_second_one_turns_around(key: SortKey) -> None:
    """The same column twice turns around, another one starts upwards."""
    start = Sort(SortKey.CREATED if key is not SortKey.CREATED else SortKey.NAME)
    once = start.clicked(key)
    assert once == Sort(key)
    assert once.clicked(key) == Sort(key, descending=True)


def test_projects_are_known_from_the_listing() -> None:
    """The create dialog offers them."""
    assert index().projects() == ("ml", "web")
