"""A token list as a file."""

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.export import COLUMNS, Format, neutral, render
from app.domain.token_index import TokenIndex
from app.domain.token_row import Sort, Tab
from tests.support.sample_tokens import NOW, tokens

BOOK = TokenIndex(tokens(), NOW, 90, timedelta(days=14))
ROWS = BOOK.rows(Tab.ACTIVE, Sort())


def test_csv_has_a_line_a_token_with_time_and_threshold() -> None:
    """Each line stands alone: a spreadsheet sorts them."""
    lines = list(csv.DictReader(io.StringIO(render(ROWS, Format.CSV, NOW, 90))))
    assert len(lines) == 20
    assert lines[0]["name"] == "ci-legacy"
    assert (lines[0]["last used"], lines[0]["idle days"], lines[0]["reason"]) == ("never", "512", "idle")
    assert {line["as of"] for line in lines} == {"2026-03-14T12:04:31Z"}
    assert {line["threshold"] for line in lines} == {"90 days"}


def test_json_keeps_the_text_and_says_what_is_unknown() -> None:
    """A program gets the values as they are; null is a threshold that nobody could read."""
    whole = json.loads(render(ROWS, Format.JSON, NOW, None))
    assert whole["threshold_days"] is None
    assert len(whole["tokens"]) == 20
    assert set(whole["tokens"][0]) == {column.replace(" ", "_") for column in COLUMNS}


def test_markdown_is_one_table() -> None:
    """As many bars in each line."""
    lines = render(ROWS, Format.MARKDOWN, NOW, 0).splitlines()
    assert lines[0] == "20 API tokens as of 2026-03-14T12:04:31Z, auto-revoke threshold: off"
    assert {line.count("|") for line in lines[2:]} == {len(COLUMNS) + 1}


@given(st.text(max_size=40))
def test_no_cell_breaks_out_of_its_file(text: str) -> None:
    """Formulas, line breaks, bars and control characters stay text in a cell."""
    row = replace(ROWS[0], token=replace(ROWS[0].token, description=text))
    (line,) = csv.DictReader(io.StringIO(render([row], Format.CSV, NOW, 90)))
    assert not line["description"].lstrip().startswith(("=", "+", "-", "@"))
    table = render([row], Format.MARKDOWN, NOW, 90).splitlines()
    assert len(table) == 5
    assert table[4].replace("\\\\", "").replace("\\|", "").count("|") == len(COLUMNS) + 1
    assert json.loads(render([row], Format.JSON, NOW, 90))["tokens"][0]["description"] == text


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-x", "@sum", "  =1"])
def test_formulas_are_neutralised(cell: str) -> None:
    """With the apostrophe that spreadsheets understand."""
    assert neutral(cell).startswith("'")
    assert neutral("plain-text") == "plain-text"
