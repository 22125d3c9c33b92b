"""`loopin activity`: the trail of this machine, without a server and without a keychain."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from app.cli import exits
from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
from app.store.activity import JsonLinesActivity
from tests.support.cli import Loopin


@pytest.fixture
def used(loopin: Loopin) -> Loopin:
    """A Loopin that did two things: one yesterday, one last month."""
    store = JsonLinesActivity(loopin.folder / "state" / "activity.jsonl")
    now = datetime.now(UTC)

    async def write() -> None:
        for days, subject in ((30, "=old-token"), (1, "new-token")):
            at = now - timedelta(days=days)
            await store.append(
                ActivityEntry(at, Action.CREATE, Outcome.DONE, Provider.CHAINLOOP, subject=subject)
            )

    asyncio.run(write())
    return loopin


def test_it_lists_newest_first(used: Loopin) -> None:
    lines = used("activity").works().out.splitlines()
    assert lines[0].startswith("WHEN (UTC)")
    assert "new-token" in lines[1]
    assert "=old-token" in lines[2]


def test_since_and_words_leave_the_rest_out(used: Loopin) -> None:
    assert "old" not in used("activity", "--since", "7d").works().out
    assert "new" not in used("activity", "old-token").works().out
    told = used("activity", "--json", "--since", "2020-01-01").works().json
    assert [row["subject"] for row in told["activity"]] == ["new-token", "=old-token"]


def test_csv_is_safe_in_a_spreadsheet(used: Loopin) -> None:
    rows = list(csv.DictReader(io.StringIO(used("activity", "--csv").works().out)))
    assert [row["subject"] for row in rows] == ["new-token", "'=old-token"]


def test_a_since_that_is_none_is_one_sentence(used: Loopin) -> None:
    used("activity", "--since", "yesterday").fails(exits.USAGE, "neither a length of time nor a day", "7d")
    used("activity", "--json", "--csv").fails(exits.USAGE, "exclude each other")


def test_nothing_done_yet_is_said(loopin: Loopin) -> None:
    assert "Nothing was done yet" in loopin("activity").works().err
