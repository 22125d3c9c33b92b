"""Tables, times and colours."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.cli.output import RED, moment, paint, stamp, table
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
    assert stamp(at) == "2026-01-02T01:04:05Z"
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
