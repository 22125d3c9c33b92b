"""Which tokens a token has created."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.domain.lineage import Descendants, descendants
from app.domain.rotation import next_name, resembles_rotation
from app.domain.token_index import TokenIndex
from app.domain.tokens import APIToken, Project
from tests.support.sample import NOW

WEB, ML = Project("p-web", "web"), Project("p-ml", "ml")
DAY = timedelta(days=1)


def token(name: str, parent: str = "", age: int = 10, **more: Any) -> APIToken:
    """A token whose id is its name."""
    made = APIToken(name, name, "", "o", "acme", NOW - age * DAY, project=WEB, parent_id=parent)
    return replace(made, **more)


def names(found: Descendants) -> list[str]:
    return [token.name for token in found.tokens]


FAMILY = (
    token("root", age=90),
    token("other", age=80),
    token("child", "root", 70),
    token("revoked-child", "root", 60, revoked_at=NOW - DAY),
    token("expired-child", "root", 50, expires_at=NOW - DAY),
    token("grandchild", "child", 40),
    token("of-revoked", "revoked-child", 30),
    token("of-other", "other", 20),
)


def test_children_and_grandchildren_are_found_past_tokens_that_work_no_more() -> None:
    found = descendants({"root"}, FAMILY, frozenset(), NOW)
    assert names(found) == ["child", "grandchild", "of-revoked"]
    assert names(descendants({"child"}, FAMILY, frozenset(), NOW)) == ["grandchild"]
    assert descendants({"grandchild"}, FAMILY, frozenset(), NOW) == Descendants()


def test_what_is_chosen_already_is_not_offered() -> None:
    found = descendants({"root", "child", "other"}, FAMILY, frozenset(), NOW)
    assert names(found) == ["grandchild", "of-revoked", "of-other"]


def test_a_circle_ends() -> None:
    """No server should tell one."""
    circle = (token("a", "b"), token("b", "a"), token("c", "c"))
    assert names(descendants({"a", "c"}, circle, frozenset(), NOW)) == ["b"]


def test_a_parent_that_is_not_listed_is_no_trouble() -> None:
    assert names(descendants({"gone"}, (token("left", "gone"),), frozenset(), NOW)) == ["left"]


def test_the_journal_knows_a_successor_by_its_id() -> None:
    """Whatever its name. What the successor created lives on with it."""
    tokens = (token("ci", age=9), token("else", "ci", 8), token("of-else", "else", 7), token("more", "ci", 6))
    assert names(descendants({"ci"}, tokens, {("ci", "else")}, NOW)) == ["more"]


def test_where_the_journal_knows_the_successor_a_name_proves_nothing() -> None:
    tokens = (
        token("ci", age=9),
        token("d", "ci", 8),
        token("ci-2026-03", "ci", 7),
        token("x", "ci-2026-03", 6),
    )
    found = descendants({"ci"}, tokens, {("ci", "d")}, NOW)
    assert names(found) == ["ci-2026-03", "x"]
    assert [token.name for token in found.successors] == ["d"]


@pytest.mark.parametrize("old", ["ci-web", "ci-web-2025-12", "x" * 63, f"{'y' * 52}-2025-12-3"])
def test_without_a_journal_a_successor_is_known_by_its_name(old: str) -> None:
    first = next_name(old, set(), NOW)
    for name in (first, next_name(old, {first}, NOW)):
        tokens = (token(old, age=9), token(name, old, 8), token("more", old, 7))
        assert names(descendants({old}, tokens, frozenset(), NOW)) == ["more"]


def test_a_successor_that_was_chosen_itself_gives_its_children() -> None:
    tokens = (token("ci", age=9), token("ci-2026-03", "ci", 8), token("more", "ci-2026-03", 7))
    assert names(descendants({"ci", "ci-2026-03"}, tokens, frozenset(), NOW)) == ["more"]


@pytest.mark.parametrize(
    "new",
    [
        token("ci-docs-2026-03", "ci"),
        token("ci-docs", "ci"),
        token("ci-2026-03", "ci", project=ML),
        token("ci-2026-03", "ci", project=None),
        token("ci-2026-03", "ci", age=100),
        token("ci-2026-13", "ci"),
    ],
)
def test_another_name_another_scope_or_an_older_token_is_no_successor(new: APIToken) -> None:
    assert not resembles_rotation(token("ci", age=90), new)


def test_the_same_name_in_the_same_scope_is_a_successor() -> None:
    assert resembles_rotation(token("ci", age=90, revoked_at=NOW), token("ci", "ci"))


def test_a_book_counts_the_active_tokens_that_a_token_created() -> None:
    book = TokenIndex(FAMILY, NOW, 90, timedelta(days=14))
    assert [book.created_by(name) for name in ("root", "child", "other", "grandchild")] == [1, 1, 1, 0]
