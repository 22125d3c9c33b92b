"""`check`, the filter of `list`, and what vanished between two listings."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.tokens.test_bulk import TOKENS, trail
from tests.support import server as servers
from tests.support.cli import Loopin, signed_in
from tests.support.databases import ago
from tests.support.hostile import names, unsafe
from tests.support.server import AccountServer, age_tokens, bulk_tokens

HOSTILE = 200


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountServer]:
    """A server of these tests' own: no other test makes tokens that are about to stop."""
    server = servers.start(tmp_path_factory.mktemp("check"))
    yield server
    servers.release(server.process)


@pytest.fixture
def ada(loopin: Loopin, server: AccountServer) -> Loopin:
    """The owner there."""
    return signed_in(loopin, server, server.owner)


def made(ada: Loopin, name: str, *more: str) -> dict[str, Any]:
    """A new token."""
    token: dict[str, Any] = ada(*TOKENS, "create", "--name", name, *more, "-o", "json").works().json
    return token


def near(ada: Loopin, *arguments: str, code: int = 7) -> dict[str, str]:
    """Names of what `check` finds, and why."""
    said = ada(*TOKENS, "check", *arguments, "-o", "json").fails(code)
    return {item["name"]: item["deadline"]["reason"] for item in said.json["near"]}


def test_check_finds_what_is_about_to_stop(ada: Loopin, server: AccountServer, stem: str) -> None:
    soon, later, idle, both = (f"{stem}-{what}" for what in ("soon", "later", "idle", "both"))
    for name, life in ((soon, "3d"), (later, "60d"), (idle, "never"), (both, "5d")):
        made(ada, name, "--expiration", life)
    age_tokens(server, idle, timedelta(days=85), timedelta(days=300))
    age_tokens(server, both, None, timedelta(days=89))
    mine = {name: why for name, why in near(ada).items() if name.startswith(stem)}
    assert mine == {both: "idle", idle: "idle", soon: "expires"}
    assert soon not in near(ada, "--within", "2d")
    assert near(ada, "--within", "2d", "--idle-within", "2d")[both] == "idle"
    assert idle not in near(ada, "--idle-within", "2d")
    assert near(ada, "--threshold", "0", "--within", "61d")[later] == "expires"
    assert idle not in near(ada, "--threshold", "0")


def test_what_the_next_sweep_takes_is_near_whatever_is_asked(
    ada: Loopin, server: AccountServer, stem: str
) -> None:
    """The sweep comes within an hour, and takes expired tokens too."""
    almost, expired = f"{stem}-almost", f"{stem}-expired"
    for name in (almost, expired):
        made(ada, name, "--expiration", "never")
        age_tokens(server, name, timedelta(days=90, minutes=-30), timedelta(days=300))
    with server.database() as database:
        past = ago(timedelta(days=1))
        database.execute("UPDATE api_tokens SET expires_at = ? WHERE name = ?", (past, expired))
    found = near(ada, "--within", "0d", "--idle-within", "0d")
    assert {name: why for name, why in found.items() if name.startswith(stem)} == {
        almost: "idle",
        expired: "idle",
    }
    said = ada(*TOKENS, "check").fails(7).out
    assert re.search(rf"{almost} .*within the hour", said)


def test_nothing_near_is_0(ada: Loopin) -> None:
    assert near(ada, "--threshold", "0", "--within", "1h", code=0) == {}
    said = ada(*TOKENS, "check", "--threshold", "0", "--within", "1h").works()
    assert said.out == ""
    assert "Nothing is near: " in said.err


def test_an_api_token_needs_the_threshold_and_says_what_it_does_not_see(ada: Loopin, stem: str) -> None:
    bot = made(ada, f"{stem}-bot")["jwt"]
    made(ada, f"{stem}-org", "--expiration", "1d")
    made(ada, f"{stem}-web", "--expiration", "1d", "--project", "web")
    ada(*TOKENS, "check", CHAINLOOP_TOKEN=bot).fails(2, "cannot be read with an API token", "--threshold")
    said = ada(*TOKENS, "check", "--threshold", "90", CHAINLOOP_TOKEN=bot).fails(7, "were not looked at")
    assert f"{stem}-web" in said.out
    assert f"{stem}-org" not in said.out
    ada(*TOKENS, "list", "--filter", "status:at-risk", CHAINLOOP_TOKEN=bot).fails(
        2, "  status:at-risk\n  ^^^^^^^^^^^^^^\n", "the auto-revoke threshold is not known", "--threshold"
    )
    ada(*TOKENS, "list", "--filter", "idle<1y", CHAINLOOP_TOKEN=bot).works()
    risk = ada(
        *TOKENS, "list", "--filter", "status:at-risk", "--threshold", "1", "-o", "json", CHAINLOOP_TOKEN=bot
    )
    assert risk.works().json


def test_a_filter_spares_the_token_that_signs_in(ada: Loopin, server: AccountServer, stem: str) -> None:
    """Under a person every token can be named; under a token its own is hidden or left out."""
    bot = made(ada, f"{stem}-bot")["jwt"]
    bulk_tokens(server, "acme", 3, name=f"{stem}-old", project="web")
    ada(*TOKENS, "revoke", "--filter", f"name:{stem}-*", "--yes", CHAINLOOP_TOKEN=bot).works()
    left = ada(*TOKENS, "list", "--filter", f"name:{stem}-*", "-o", "json").works().json
    assert [item["name"] for item in left] == [f"{stem}-bot"]


def test_a_filter_without_yes_shows_what_it_would_take(ada: Loopin, stem: str) -> None:
    made(ada, f"{stem}-one")
    said = ada(*TOKENS, "revoke", "--filter", f"name:{stem}-*").fails(2, f"{stem}-one", "add --yes")
    assert said.out == ""
    assert len(ada(*TOKENS, "list", "--filter", f"name:{stem}-*", "-o", "json").json) == 1
    nothing = ada(*TOKENS, "revoke", "--filter", f"name:{stem}-nobody-*", "--yes", "-o", "json").works()
    assert nothing.json == []


def test_a_status_in_the_filter_looks_at_every_status(ada: Loopin) -> None:
    gone = ada(*TOKENS, "list", "--filter", "status:revoked", "-o", "json").works().json
    assert gone
    assert all("revokedAt" in item for item in gone)
    assert ada(*TOKENS, "list", "--filter", "status:revoked", "--status", "active", "-o", "json").json == []


def test_what_vanished_between_two_listings_is_noted_once(
    ada: Loopin, server: AccountServer, stem: str
) -> None:
    """The sweep takes one; one is revoked by us; a third by another person, who used it a moment ago."""
    idle, ours, used = (f"{stem}-{what}" for what in ("idle", "ours", "used"))
    made(ada, idle)
    our_id, used_id = made(ada, ours)["id"], made(ada, used)["id"]
    age_tokens(server, used, timedelta(0), timedelta(days=3))
    assert "revoked outside" not in ada(*TOKENS, "list").works().err
    ada(*TOKENS, "revoke", "--id", our_id, "--yes").works()
    age_tokens(server, idle, timedelta(days=99), timedelta(days=300))
    with server.database() as connection:
        connection.execute(
            "UPDATE api_tokens SET revoked_at = CURRENT_TIMESTAMP WHERE name IN (?, ?)", (idle, used)
        )
    connection.close()
    swept, in_use = sorted(ada(*TOKENS, "list").works().err.splitlines())
    said = f"loopin: revoked outside Loopin: {stem}-"
    assert re.fullmatch(rf"{said}idle, revoked .* UTC, possibly by the sweep: 9[89] days .*", swept)
    assert re.fullmatch(rf"{said}used, revoked .* UTC, not by the sweep: .*", in_use)
    assert ada(*TOKENS, "list", "--status", "all").works().err == ""
    noted = {line["subject"]: line for line in trail(ada) if line["action"] == "revoked outside Loopin"}
    assert noted.keys() == {idle, used}
    assert "possibly by the sweep: " in noted[idle]["detail"]
    assert "not by the sweep: it was in use" in noted[used]["detail"]
    assert noted[used]["subject_id"] == used_id


def test_ones_own_revocation_that_could_not_be_written_down_is_not_claimed_of_others(
    ada: Loopin, stem: str, tmp_path: Path
) -> None:
    """The activity was on a full disk then, and is writable again at the next listing."""
    ours = made(ada, f"{stem}-ours")["id"]
    assert ada(*TOKENS, "list").works().err == ""
    activity = tmp_path / "state" / "activity.jsonl"
    kept = activity.read_bytes()
    activity.unlink()
    activity.mkdir()
    lost = ada(*TOKENS, "revoke", "--id", ours, "--yes").works().err
    assert lost.count("this could not be written into the activity: ") == 1
    activity.rmdir()
    activity.write_bytes(kept)
    assert ada(*TOKENS, "list").works().err == ""
    assert [line for line in trail(ada) if line["action"] == "revoked outside Loopin"] == []


def test_what_another_credential_cannot_see_has_not_vanished(ada: Loopin, stem: str) -> None:
    bot = made(ada, f"{stem}-bot")["jwt"]
    assert ada(*TOKENS, "list").works().err == ""
    assert ada(*TOKENS, "list", CHAINLOOP_TOKEN=bot).works().err == ""
    assert ada(*TOKENS, "list", "--project", "web").works().err == ""
    assert ada(*TOKENS, "list").works().err == ""
    assert [line for line in trail(ada) if line["action"] == "revoked outside Loopin"] == []


def test_a_state_folder_that_cannot_be_written_fails_nothing(ada: Loopin, tmp_path: Path) -> None:
    """It is a file here."""
    (tmp_path / "blocked").write_text("")
    ada(*TOKENS, "list", LOOPIN_STATE_DIR=str(tmp_path / "blocked" / "state")).works()


@pytest.fixture
def bulk(server: AccountServer, stem: str) -> Iterator[str]:
    """The name of a thousand tokens; they are gone afterwards, so that other lists stay short."""
    bulk_tokens(server, "acme", 1000, name=stem)
    with server.database() as connection:
        rows = connection.execute("SELECT id FROM api_tokens WHERE name LIKE ?", (f"{stem}%",)).fetchall()
        yield stem
        connection.begin()
        connection.executemany("DELETE FROM api_tokens WHERE id = ?", [(row[0],) for row in rows])
        connection.execute("COMMIT")
    connection.close()


def test_hostile_names_in_every_format(ada: Loopin, server: AccountServer, bulk: str) -> None:
    """And as the list that is shown before revoking. No formula begins a cell."""
    with server.database() as connection:
        rows = connection.execute("SELECT id FROM api_tokens WHERE name LIKE ?", (f"{bulk}%",)).fetchall()
        connection.begin()
        connection.executemany(
            "UPDATE api_tokens SET name = ?, description = ? WHERE id = ?",
            [(name, name[::-1], row[0]) for name, row in zip(names(HOSTILE), rows[:HOSTILE], strict=True)],
        )
        connection.execute("COMMIT")
    connection.close()
    for form in ("table", "csv", "md", "json"):
        said = ada(*TOKENS, "list", "--filter", "idle<5y", "-o", form).works()
        assert unsafe(said.out + said.err) == []
        assert said.out.count("\n") >= 1000
        if form == "csv":
            cells = [cell for row in csv.reader(io.StringIO(said.out)) for cell in row]
            assert [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@"))] == []
    for arguments in (["revoke", "--filter", "idle<5y"], ["check", "--idle-within", "52w", "--within", "1y"]):
        said = ada(*TOKENS, *arguments)
        assert said.code in {2, 7}
        assert unsafe(said.out + said.err) == []


@pytest.mark.usefixtures("bulk")
def test_a_reader_may_leave_a_long_csv(ada: Loopin) -> None:
    """A pipe holds 64 KiB (pipe(7)); this is several times as much."""
    assert ada.first_line(*TOKENS, "list", "-o", "csv").startswith("name,state")
