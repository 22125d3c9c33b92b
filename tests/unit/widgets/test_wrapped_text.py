"""Lines are as wide as a terminal shows them: a wide character takes two cells, a combining one none."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
from app.domain.login import LoginStep, Step, StepState
from app.domain.text import clean
from widgets import activity_lines
from widgets.step_list import StepList
from widgets.wrapped_text import hang, pad, wrap

WIDE = "\u6f22\u5b57" * 30
PIECES = ["a", "b ", "\u6f22", "\u5b57 ", "e\u0301", "\U0001f600"]
WORDS = st.lists(st.sampled_from(PIECES), max_size=100).map("".join)


@given(WORDS, st.integers(2, 40))
def test_no_line_is_wider_than_its_room_and_nothing_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize("width", [30, 43, 80])
def test_a_wide_text_hangs_within_the_width(width: int) -> None:
    assert max(line.cell_length for line in hang([("label  ", "bold")], WIDE, width)) <= width


@pytest.mark.parametrize("width", [60, 79, 100, 140])
def test_columns_of_wide_text_stay_within_the_width(width: int) -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    entry = ActivityEntry(
        at, Action.REVOKE, Outcome.DONE, Provider.CHAINLOOP, identity=WIDE, subject=WIDE, detail=WIDE
    )
    assert activity_lines.line(entry, width, at).cell_length <= width
    steps = StepList()
    happened = {Step.BROWSER: LoginStep(Step.BROWSER, StepState.DONE, WIDE)}
    steps.set_reactive(StepList.happened, happened)
    assert [line.cell_length for line in steps.lines(width)] == [width]


def test_padding_counts_cells() -> None:
    assert cell_len(pad(clean("\u6f22\u5b57"), 9)) == 9
