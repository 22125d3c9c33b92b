"""The order and the counts of an index, against the rules written down the plain way."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import token_index as module
from app.domain.filter import parse
from app.domain.token_index import Rows, TokenIndex
from app.domain.token_row import Row, Sort, SortKey, Tab, build_row
from app.domain.tokens import APIToken, Project, TokenState
from tests.support.sample_tokens import NOW

NEAR = timedelta(days=14)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
RANK = {TokenState.ACTIVE: 0, TokenState.EXPIRED: 1, TokenState.REVOKED: 2}

IN_TAB: dict[Tab, Callable[[Row], bool]] = {
    Tab.ACTIVE: lambda r: r.state is TokenState.ACTIVE,
    Tab.AT_RISK: lambda r: r.at_risk,
    Tab.EXPIRING: lambda r: r.expiring,
    Tab.EXPIRED: lambda r: r.state is TokenState.EXPIRED,
    Tab.REVOKED: lambda r: r.state is TokenState.REVOKED,
    Tab.ALL: lambda r: True,
}


def deadline_key(r: Row) -> tuple[int, datetime, datetime]:
    """What works before what is over; the soonest deadline, then the longest unused; the latest end."""
    if r.state is not TokenState.ACTIVE:
        over = r.token.revoked_at or r.token.expires_at or FIRST
        return RANK[r.state], LAST - (over - FIRST), FIRST
    return 0, r.deadline.at if r.deadline else LAST, r.token.last_used_at or FIRST


KEYS: dict[SortKey, Callable[[Row], Any]] = {
    SortKey.STATE: lambda r: (RANK[r.state], not r.at_risk, not r.expiring),
    SortKey.NAME: lambda r: r.token.name,
    SortKey.SCOPE: lambda r: (r.token.project is not None, r.token.scope),
    SortKey.LAST_USED: lambda r: r.token.last_used_at or FIRST,
    SortKey.DEADLINE: deadline_key,
    SortKey.EXPIRES: lambda r: r.token.expires_at or LAST,
    SortKey.CREATED: lambda r: r.token.created_at,
    SortKey.DESCRIPTION: lambda r: r.token.description.lower(),
}

# Few different values, so that many rows are equal: only then can an order be unstable.
days = st.sampled_from((-200, -90, -89, -76, -14, -1, 0)).map(lambda n: NOW + timedelta(days=n))
ends = st.sampled_from((-31, -1, 0, 1, 13, 14, 15, 60)).map(lambda n: NOW + timedelta(days=n))
a_token = st.builds(
    APIToken,
    id=st.uuids().map(str),
    name=st.sampled_from(("ci", "web", "ml")),
    description=st.sampled_from(("", "A job", "a job")),
    organization_id=st.just("o"),
    organization_name=st.just("acme"),
    created_at=days,
    expires_at=st.none() | ends,
    revoked_at=st.none() | st.none() | days,
    last_used_at=st.none() | days,
    project=st.sampled_from((None, Project("1", "web"), Project("2", "ml"))),
)
lists = st.lists(a_token, max_size=25, unique_by=lambda token: token.id)
thresholds = st.sampled_from((None, 0, 30, 90))
orders = st.builds(Sort, st.sampled_from(SortKey), st.booleans())


@pytest.fixture(autouse=True, scope="module")
def tiny_slices() -> Any:
    """Make the slices so small that every list has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLICE", 4)
        patch.setattr(module, "FEW", 3)
        yield


@given(lists, thresholds, orders, st.sampled_from(Tab))
def test_each_order_is_stable_in_both_directions(
    tokens: list[APIToken], threshold: int | None, order: Sort, tab: Tab
) -> None:
    """Equal rows stay as the server lists them: Python's own stable sort of all rows says the same."""
    rows = [r for r in (build_row(t, NOW, threshold, NEAR) for t in tokens) if IN_TAB[tab](r)]
    wanted = sorted(rows, key=KEYS[order.key], reverse=order.descending)
    shown = TokenIndex(tokens, NOW, threshold, NEAR).rows(tab, order)
    assert [r.token.id for r in shown] == [r.token.id for r in wanted]
    assert list(shown) == wanted


@given(lists, thresholds)
def test_the_counts_are_those_of_the_rows(tokens: list[APIToken], threshold: int | None) -> None:
    """Counted without a row being made; what nobody can say is not counted."""
    rows = [build_row(t, NOW, threshold, NEAR) for t in tokens]
    wanted: dict[Tab, int | None] = {tab: sum(map(inside, rows)) for tab, inside in IN_TAB.items()}
    if threshold is None:
        wanted[Tab.AT_RISK] = None
    assert TokenIndex(tokens, NOW, threshold, NEAR).counts == wanted


@given(lists, thresholds, orders, st.sampled_from(Tab))
def test_rows_are_the_same_before_and_after_all_are_built(
    tokens: list[APIToken], threshold: int | None, order: Sort, tab: Tab
) -> None:
    index = TokenIndex(tokens, NOW, threshold, NEAR)
    assert index.has_all_rows is (not tokens)
    early = list(index.rows(tab, order))
    index.build_rows()
    assert index.has_all_rows
    assert early == list(index.rows(tab, order))


@given(lists, orders, st.sampled_from(Tab))
def test_a_cleared_index_ends_what_still_builds_its_rows(
    tokens: list[APIToken], order: Sort, tab: Tab
) -> None:
    """A newer list may clear it while another thread builds."""
    index = TokenIndex(tokens, NOW, 90, NEAR)
    index.build_rows()
    index.clear()
    index.build_rows()
    assert list(index.tokens) == []


@given(lists, orders, st.sampled_from(Tab), st.sampled_from(("ci", "web", "e", "job", "!ci", "zz")))
def test_a_filter_keeps_the_order_however_many_it_lets_through(
    tokens: list[APIToken], order: Sort, tab: Tab, text: str
) -> None:
    """Few that stay, few that go, and anything between are found in three ways; all of them say the same."""
    index, wanted = TokenIndex(tokens, NOW, 90, NEAR), parse(text)
    through = wanted.at(NOW)
    plain = [r.token.id for r in index.rows(tab, order) if through(r)]
    for share in (0.0, 0.5, 1.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_FEW_OF_ALL", share)
            assert [r.token.id for r in index.rows(tab, order, wanted)] == plain


@given(lists, orders, st.data())
def test_a_token_is_found_where_it_stands(tokens: list[APIToken], order: Sort, data: st.DataObject) -> None:
    """By its id, in any order; one of another tab, or of no listing, is not there."""
    index = TokenIndex(tokens, NOW, 90, NEAR)
    rows = index.rows(Tab.ACTIVE, order)
    ids = [r.token.id for r in rows]
    assert [token.id for token in rows.tokens()] == ids
    for token in tokens:
        assert rows.place_of(token.id) == (ids.index(token.id) if token.id in ids else None)
    assert rows.place_of("no such token") is None
    at = data.draw(st.slices(len(ids)))
    part = rows[at]
    assert isinstance(part, Rows)
    assert [r.token.id for r in part] == ids[at]


def test_a_moment_at_the_end_of_time_has_its_place() -> None:
    """A server may say that a token was used on the last day there is: no deadline lies beyond it."""
    late = APIToken("1", "late", "", "o", "acme", FIRST, None, None, LAST)
    early = APIToken("2", "early", "", "o", "acme", FIRST)
    index = TokenIndex([late, early], NOW, 90, NEAR)
    assert [r.token.name for r in index.rows(Tab.ALL, Sort())] == ["early", "late"]
    assert index.counts[Tab.AT_RISK] == 1
