"""The successor of a token."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.names import problem
from app.domain.rotation import NewLife, next_name, successor
from tests.support.sample_tokens import NOW, WEB, tokens

MARCH = datetime(2026, 3, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "taken", "following"),
    [
        ("ci-web", set(), "ci-web-2026-03"),
        ("ci-web-2025-12", set(), "ci-web-2026-03"),
        ("ci-web-2025-12-3", set(), "ci-web-2026-03"),
        ("ci-web-2026-03", {"ci-web-2026-03"}, "ci-web-2026-03-2"),
        ("ci-web", {"ci-web-2026-03", "ci-web-2026-03-2"}, "ci-web-2026-03-3"),
        ("release-2025-13", set(), "release-2025-13-2026-03"),
    ],
)
def test_the_month_takes_the_place_of_an_earlier_one(name: str, taken: set[str], following: str) -> None:
    """So that names do not grow with every rotation."""
    assert next_name(name, taken, MARCH) == following


@given(st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True), st.integers(0, 12))
def test_it_is_a_free_name_that_the_server_takes(name: str, times: int) -> None:
    """However long the name, however often it is rotated in a month."""
    taken = {name}
    for _ in range(times + 1):
        following = next_name(name, taken, MARCH)
        assert problem(following) == ""
        assert following not in taken
        taken.add(following)


def test_scope_life_and_permissions_are_the_same() -> None:
    """The default permissions are not asked for by name."""
    old = replace(tokens()[0], project=WEB, permissions=("organization:read",))
    old = replace(old, created_at=NOW - timedelta(days=10), expires_at=NOW + timedelta(days=20))
    draft = successor(old, set(), NOW)
    assert (draft.project, draft.expires_in, draft.permissions) == ("web", timedelta(days=30), ())
    limited = replace(old, permissions=("organization:read", "api_token:list"), expires_at=None)
    assert successor(limited, set(), NOW).permissions == limited.permissions
    assert successor(limited, set(), NOW).expires_in is None
    for span in (None, timedelta(days=7)):
        assert successor(old, set(), NOW, NewLife(span)).expires_in == span
