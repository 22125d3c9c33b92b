"""JSON from outside: read whole, and refused where it would use up the stack."""

import inspect
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.json_text import MAX_DEPTH, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab[]{}"\\/é\n'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='a[{"\\'), inner),
)


@given(VALUES)
def test_what_json_can_say_is_read_as_it_was_written(value: object) -> None:
    assert read_json(json.dumps(value)) == value
    assert read_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"]":', "}]")])
def test_depth_is_bounded_and_not_reached_in_the_parser(opening: str, closing: str) -> None:
    """With the stack nearly used up: the parser would stop with RecursionError."""
    levels = MAX_DEPTH // (opening.count("[") + opening.count("{"))
    assert read_json(opening * levels + "0" + closing * levels)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 60)
    try:
        for text in (opening * (levels + 1) + "0" + closing * (levels + 1), opening * 100_000):
            with pytest.raises(ValueError, match="nested"):
                read_json(text)
    finally:
        sys.setrecursionlimit(limit)


def test_brackets_side_by_side_and_in_strings_are_no_depth() -> None:
    side_by_side = "[" + ",".join(["[]"] * 1000) + "]"
    assert read_json(side_by_side) == [[]] * 1000
    assert read_json('"' + "[" * 1000 + '\\"[{"') == "[" * 1000 + '"[{'


@pytest.mark.parametrize("data", [b"", b"\xff\xfe{", b"{", b'"' + b"[" * 1000, b"[1] [2]", b"\xef\xbb\xbf"])
def test_what_is_no_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_json(data)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
