"""`loopin activity`: the trail of this machine, without a server and without a keychain."""

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from app.adapters.storage.activity import JsonLinesActivity
from app.bootstrap import Container
from app.cli import exit_codes
from app.cli.runtime import run
from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
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
    used("activity", "--since", "yesterday").fails(
        exit_codes.USAGE, "neither a length of time nor a day", "7d"
    )
    used("activity", "--json", "--csv").fails(exit_codes.USAGE, "exclude each other")


def test_nothing_done_yet_is_said(loopin: Loopin) -> None:
    assert "Nothing was done yet" in loopin("activity").works().err


async def _done_twice(container: Container) -> str:
    for action in (Action.CREATE, Action.REVOKE):
        await container.activity_log.add(action, subject="web")
    return "done"


@pytest.mark.parametrize("room", [True, False])
def test_what_the_activity_cannot_take_is_told_once_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    (tmp_path / "file").write_text("no folder can be made in here")
    state = tmp_path / ("folder" if room else "file") / "state"
    monkeypatch.setenv("LOOPIN_STATE_DIR", str(state))
    with click.Context(click.Command("rotate")) as ctx:
        assert [run(ctx, _done_twice) for _ in range(2)] == ["done", "done"]
    said = capsys.readouterr()
    assert said.out == ""
    lost = f"loopin: this could not be written into the activity: {state}/activity.jsonl cannot be written: "
    assert said.err == "" if room else (said.err.startswith(lost) and said.err.count("\n") == 1)
