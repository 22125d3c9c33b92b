"""Tables, times and colours."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.output import RED, fitted, json_text, moment, paint, stamp, table, width
from app.domain.text import REPLACEMENT


def test_columns_line_up_by_terminal_cells() -> None:
    lines = table(("NAME", "X"), [("漢字", "1"), ("ascii-name", "2")]).splitlines()
    # Two ideographs take four cells.
    assert lines[1] == "漢字        1"
    assert lines[2] == "ascii-name  2"


def test_a_cell_cannot_move_the_cursor_or_break_the_line() -> None:
    line = table(("NAME",), [("a\x1b[31mb\nc\u202ed",)]).splitlines()[1]
    assert line == f"a{REPLACEMENT}[31mb c{REPLACEMENT}d"


def test_times_are_utc_with_z() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=2)))
    assert stamp(at) == "2026-01-02T01:04:05.000678Z"
    assert stamp(at.replace(microsecond=120_000)) == "2026-01-02T01:04:05.12Z"
    assert stamp(at.replace(second=50, microsecond=0)) == "2026-01-02T01:04:50Z"
    assert stamp(None) is None
    assert moment(at) == "2026-01-02 01:04 UTC"
    assert moment(None, "never") == "never"


def test_nothing_is_coloured_away_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert paint("x", RED) == "x"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert paint("x", RED) == "\x1b[31mx\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("x", RED) == "x"


def test_a_moment_is_aware() -> None:
    assert moment(datetime(2026, 1, 2, tzinfo=UTC)).endswith("UTC")


HEADERS = ("ID", "NAME", "USED (UTC)", "REVOKED (UTC)", "TEXT")
ORDER = ("NAME", "ID", "USED (UTC)", "REVOKED (UTC)", "TEXT")
ID, USED = "7" * 36, "2026-01-02 03:04"
LONG = (ID, "a-name-that-is-longer-than-most", USED, "", "漢字 in a long description of it")
ROWS = [LONG, (ID, "b", USED, "", "")]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """The lines of the table at a terminal of so many columns."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)

    def lines(columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        return fitted(HEADERS, ROWS, ORDER, short="NAME").split("\n")

    return lines


def test_piped_a_table_is_whole_and_in_its_own_order() -> None:
    assert fitted(HEADERS, ROWS, ORDER, short="NAME") == table(HEADERS, ROWS)


def test_at_a_wide_terminal_everything_is_there_but_columns_without_a_word(
    terminal: Callable[[int], list[str]],
) -> None:
    lines = terminal(200)
    assert lines[0].split() == ["NAME", "ID", "USED", "(UTC)", "TEXT"]
    assert lines[1].split("  ")[0] == ROWS[0][1]
    assert lines[1].endswith(ROWS[0][4])


def test_at_80_columns_the_name_is_cut_before_an_id_or_a_time_goes(
    terminal: Callable[[int], list[str]],
) -> None:
    lines = terminal(80)
    assert lines[0].split() == ["NAME", "ID", "USED", "(UTC)"]
    assert lines[1] == f"a-name-that-is-longer-t…  {ID}  {USED}"
    assert lines[2] == f"{'b':24}  {ID}  {USED}"


@pytest.mark.parametrize("columns", range(54, 130, 4))
def test_no_line_is_wider_than_the_terminal_and_no_id_is_cut(
    terminal: Callable[[int], list[str]], columns: int
) -> None:
    lines = terminal(columns)
    assert max(width(line) for line in lines) <= columns
    assert all(ID in line for line in lines[1:])


def test_the_last_column_that_finds_no_room_is_cut_by_cells(terminal: Callable[[int], list[str]]) -> None:
    assert terminal(93)[1].endswith(f"{USED}  漢字 in a long des…")


def test_what_shows_on_standard_error_fits_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    assert fitted(HEADERS, ROWS, ORDER) == table(HEADERS, ROWS)
    assert fitted(HEADERS, ROWS, ORDER, err=True) != table(HEADERS, ROWS)


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["", "\x00\x1b[31m\x7f", '"\\/', "\u2028\u202e漢字", "\ud800", "[]{},:\n  \n"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(st.characters()), inner)
    ),
)


@given(VALUES)
def test_json_is_that_of_the_standard_library(value: object) -> None:
    assert json_text(value) == json.dumps(value, indent=2)


def test_json_of_what_is_empty_and_of_what_is_nested() -> None:
    class Level(IntEnum):
        LOW = 1

    class Pair(NamedTuple):
        left: str
        right: Sequence[object]

    value = {
        "": [[], {}, (), "", 0, None, False, [[]], [{}], {"a": {}}],
        "level": Level.LOW,
        "pair": Pair("a", [Pair("b", ())]),
        "counted": Counter(a=1),
        "huge": [10**30, float("inf"), -0.0, 1e-7],
    }
    assert json_text(value) == json.dumps(value, indent=2)
    nothing: list[object] = [[], {}, (), "", 0, None, False]
    for empty in nothing:
        assert json_text(empty) == json.dumps(empty, indent=2)


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        json_text({"rows": [{"at": datetime(2026, 1, 2, tzinfo=UTC)}]})
