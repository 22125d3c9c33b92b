"""Which jobs of a trusted CI system are meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import UsageError
from app.server.core.trusted_issuers import find_mismatch, parse_conditions

TEXT = st.text(st.sampled_from("ab/*.?[]!-\n"), min_size=1, max_size=8)


def test_conditions_are_read() -> None:
    """The first = divides."""
    assert parse_conditions(["project_path=acme/*", "sub=a=b"]) == {"project_path": "acme/*", "sub": "a=b"}


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ([], "every project of that CI system would be trusted"),
        (["ref"], "is no condition"),
        (["=main"], "is no condition"),
        (["ref="], "is no condition"),
        (["re f=main"], "is no condition"),
        (["ref=" + "x" * 501], "is no condition"),
        (["ref=a", "ref=b"], "two conditions for ref"),
        ([f"c{n}=x" for n in range(21)], "over 20 conditions"),
    ],
)
def test_what_is_no_condition_is_refused(conditions: list[str], said: str) -> None:
    """Each with its sentence."""
    with pytest.raises(UsageError, match=said) as caught:
        parse_conditions(conditions)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("acme/*", "acme/web", True),
        ("acme/*", "acme/group/web", True),
        ("acme/*", "acme-evil/web", False),
        ("acme/*", "x/acme/web", False),
        ("acme/*", "ACME/web", False),
        ("acme/web", "acme/web\n", False),
        ("acme/w?b", "acme/web", False),
        ("acme/[w]eb", "acme/web", False),
        ("acme.web", "acmexweb", False),
        ("*", "", True),
        ("true", True, False),
        ("1", 1, False),
        ("*", None, False),
        ("*", ["x"], False),
    ],
)
def test_a_pattern_means_what_it_says(pattern: str, value: object, expected: bool) -> None:
    """Whole, literal but for the star, and texts only."""
    assert find_mismatch({"claim": pattern}, {"claim": value}) == ("" if expected else "claim")


def fits(pattern: str, value: str) -> bool:
    """The definition, letter by letter."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return fits(pattern[1:], value) or (bool(value) and fits(pattern, value[1:]))
    return bool(value) and pattern[0] == value[0] and fits(pattern[1:], value[1:])


@given(TEXT, TEXT)
def test_the_star_is_the_only_wildcard(pattern: str, value: str) -> None:
    """Compared with the definition."""
    assert (find_mismatch({"c": pattern}, {"c": value}) == "") == fits(pattern, value)


def test_many_stars_do_not_take_for_ever() -> None:
    """A pattern is an operator's, the value a stranger's."""
    assert find_mismatch({"c": "*a" * 12 + "b"}, {"c": "a" * 500}) == "c"


def test_all_conditions_must_fit() -> None:
    """The first that does not is named."""
    conditions = {"project_path": "acme/*", "ref": "main"}
    assert find_mismatch(conditions, {"project_path": "acme/web", "ref": "main"}) == ""
    assert find_mismatch(conditions, {"project_path": "acme/web"}) == "ref"
