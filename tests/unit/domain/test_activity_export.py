"""The trail as a file: spreadsheets run nothing, JSON says when it was read."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.activity_export import has_words, render
from app.domain.credentials import Provider
from app.domain.export import Format
from tests.support.hostile import unsafe

NOW = datetime(2026, 3, 14, 12, 4, 31, tzinfo=UTC)


def entry(subject: str, outcome: Outcome = Outcome.DONE) -> ActivityEntry:
    """One line of the trail."""
    return ActivityEntry(NOW, Action.CREATE, outcome, Provider.CHAINLOOP, "ada@acme.example", subject=subject)


@pytest.mark.parametrize("subject", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "＝1"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(subject: str) -> None:
    rows = list(csv.reader(io.StringIO(render([entry(subject)], Format.CSV, NOW))))
    assert rows[1][7].startswith("'")


def test_json_tells_when_it_was_read_and_what_was_interrupted() -> None:
    told = json.loads(render([entry("ci", Outcome.STARTED)], Format.JSON, NOW))
    assert told["as_of"] == "2026-03-14T12:04:31Z"
    assert told["activity"][0]["outcome"] == "interrupted"


def test_markdown_stays_a_table() -> None:
    lines = render([entry("a|b")], Format.MARKDOWN, NOW).splitlines()
    assert "a\\|b" in lines[-1]


def test_words_are_looked_for_everywhere() -> None:
    assert has_words(entry("ci-release"), ["ada@", "release"])
    assert not has_words(entry("ci-release"), ["ada@", "other"])


def test_json_keeps_a_hostile_name_and_lets_it_do_nothing() -> None:
    """What a terminal would obey, or turn around, is escaped; the value is the same."""
    name = "\x1b]0;x\x07\x9b31m\u202eevil\u2066 ü"
    text = render([entry(name)], Format.JSON, NOW)
    assert unsafe(text) == []
    assert "ü" in text
    assert json.loads(text)["activity"][0]["subject"] == name
