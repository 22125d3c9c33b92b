"""`check`, the filter of `list`, and what vanished between two listings."""

import csv
import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.tokens.test_bulk import TOKENS, trail
from tests.support.cli import Loopin, signed_in
from tests.support.hostile import names, unsafe
from tests.support.server import AccountServer, ServerFactory, age_tokens, bulk_tokens


@pytest.fixture
def server(fresh_server: ServerFactory) -> AccountServer:
    """A server of one's own: these tests change what the sweep sees."""
    return fresh_server()


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


def test_check_finds_what_is_about_to_stop(ada: Loopin, server: AccountServer) -> None:
    for name, life in (("x-soon", "3d"), ("x-later", "60d"), ("x-idle", "never"), ("x-both", "5d")):
        made(ada, name, "--expiration", life)
    age_tokens(server, "x-idle", timedelta(days=85), timedelta(days=300))
    age_tokens(server, "x-both", None, timedelta(days=89))
    mine = {name: why for name, why in near(ada).items() if name.startswith("x-")}
    assert mine == {"x-both": "idle", "x-idle": "idle", "x-soon": "expires"}
    assert "x-soon" not in near(ada, "--within", "2d")
    assert near(ada, "--within", "2d", "--idle-within", "2d")["x-both"] == "idle"
    assert "x-idle" not in near(ada, "--idle-within", "2d")
    assert near(ada, "--threshold", "0", "--within", "61d")["x-later"] == "expires"
    assert "x-idle" not in near(ada, "--threshold", "0")


def test_nothing_near_is_0(ada: Loopin) -> None:
    assert near(ada, "--threshold", "0", "--within", "1h", code=0) == {}
    said = ada(*TOKENS, "check", "--threshold", "0", "--within", "1h").works()
    assert said.out == ""
    assert "Nothing is near: " in said.err


def test_an_api_token_needs_the_threshold_and_says_what_it_does_not_see(ada: Loopin) -> None:
    bot = made(ada, "x-bot")["jwt"]
    made(ada, "x-org", "--expiration", "1d")
    made(ada, "x-web", "--expiration", "1d", "--project", "web")
    ada(*TOKENS, "check", CHAINLOOP_TOKEN=bot).fails(2, "cannot be read with an API token", "--threshold")
    said = ada(*TOKENS, "check", "--threshold", "90", CHAINLOOP_TOKEN=bot).fails(7, "were not looked at")
    assert "x-web" in said.out
    assert "x-org" not in said.out
    ada(*TOKENS, "list", "--filter", "status:at-risk", CHAINLOOP_TOKEN=bot).fails(
        2, "  status:at-risk\n  ^^^^^^^^^^^^^^\n", "the auto-revoke threshold is not known", "--threshold"
    )
    ada(*TOKENS, "list", "--filter", "idle<1y", CHAINLOOP_TOKEN=bot).works()
    risk = ada(
        *TOKENS, "list", "--filter", "status:at-risk", "--threshold", "1", "-o", "json", CHAINLOOP_TOKEN=bot
    )
    assert risk.works().json


def test_a_filter_spares_the_token_that_signs_in(ada: Loopin, server: AccountServer) -> None:
    """Under a person every token can be named; under a token its own is hidden or left out."""
    bot = made(ada, "x-bot")["jwt"]
    bulk_tokens(server, "acme", 3, name="x-old", project="web")
    ada(*TOKENS, "revoke", "--filter", "name:x-*", "--yes", CHAINLOOP_TOKEN=bot).works()
    left = ada(*TOKENS, "list", "--filter", "name:x-*", "-o", "json").works().json
    assert [item["name"] for item in left] == ["x-bot"]


def test_a_filter_without_yes_shows_what_it_would_take(ada: Loopin) -> None:
    made(ada, "x-one")
    said = ada(*TOKENS, "revoke", "--filter", "name:x-*").fails(2, "x-one", "add --yes")
    assert said.out == ""
    assert len(ada(*TOKENS, "list", "--filter", "name:x-*", "-o", "json").json) == 1
    nothing = ada(*TOKENS, "revoke", "--filter", "name:nobody-*", "--yes", "-o", "json").works()
    assert nothing.json == []


def test_a_status_in_the_filter_looks_at_every_status(ada: Loopin) -> None:
    gone = ada(*TOKENS, "list", "--filter", "status:revoked", "-o", "json").works().json
    assert gone
    assert all("revokedAt" in item for item in gone)
    assert ada(*TOKENS, "list", "--filter", "status:revoked", "--status", "active", "-o", "json").json == []


def test_what_vanished_between_two_listings_is_noted_once(ada: Loopin, server: AccountServer) -> None:
    """The sweep takes one; one is revoked by us; a third by another person, who used it a moment ago."""
    made(ada, "x-idle")
    ours, used = made(ada, "x-ours"), made(ada, "x-used")
    age_tokens(server, "x-used", timedelta(0), timedelta(days=3))
    assert "revoked outside" not in ada(*TOKENS, "list").works().err
    ada(*TOKENS, "revoke", "--id", ours["id"], "--yes").works()
    age_tokens(server, "x-idle", timedelta(days=99), timedelta(days=300))
    with server.database() as connection:
        connection.execute(
            "UPDATE api_tokens SET revoked_at = CURRENT_TIMESTAMP WHERE name IN ('x-idle', 'x-used')"
        )
    connection.close()
    idle, in_use = sorted(ada(*TOKENS, "list").works().err.splitlines())
    assert re.fullmatch(
        r"loopin: revoked outside Loopin: x-idle, revoked .* UTC, possibly by the sweep: 9[89] days .*", idle
    )
    assert re.fullmatch(
        r"loopin: revoked outside Loopin: x-used, revoked .* UTC, not by the sweep: .*", in_use
    )
    assert ada(*TOKENS, "list", "--all").works().err == ""
    noted = {line["subject"]: line for line in trail(ada) if line["action"] == "revoked outside Loopin"}
    assert noted.keys() == {"x-idle", "x-used"}
    assert "possibly by the sweep: " in noted["x-idle"]["detail"]
    assert "not by the sweep: it was in use" in noted["x-used"]["detail"]
    assert noted["x-used"]["subject_id"] == used["id"]


def test_what_another_credential_cannot_see_has_not_vanished(ada: Loopin) -> None:
    bot = made(ada, "x-bot")["jwt"]
    assert ada(*TOKENS, "list").works().err == ""
    assert ada(*TOKENS, "list", CHAINLOOP_TOKEN=bot).works().err == ""
    assert ada(*TOKENS, "list", "--project", "web").works().err == ""
    assert ada(*TOKENS, "list").works().err == ""
    assert [line for line in trail(ada) if line["action"] == "revoked outside Loopin"] == []


def test_a_state_folder_that_cannot_be_written_fails_nothing(ada: Loopin, tmp_path: Path) -> None:
    """It is a file here."""
    (tmp_path / "blocked").write_text("")
    ada(*TOKENS, "list", LOOPIN_STATE_DIR=str(tmp_path / "blocked" / "state")).works()


def test_a_thousand_hostile_names_in_every_format(ada: Loopin, server: AccountServer) -> None:
    """And as the list that is shown before revoking. No formula begins a cell."""
    bulk_tokens(server, "acme", 1000, name="evil")
    with server.database() as connection:
        rows = connection.execute("SELECT id FROM api_tokens WHERE name LIKE 'evil%'").fetchall()
        connection.executemany(
            "UPDATE api_tokens SET name = ?, description = ? WHERE id = ?",
            [(name, name[::-1], row[0]) for name, row in zip(names(1000), rows, strict=True)],
        )
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


def test_a_reader_may_leave_a_long_csv(ada: Loopin, server: AccountServer) -> None:
    bulk_tokens(server, "acme", 5000)
    assert ada.first_line(*TOKENS, "list", "-o", "csv").startswith("name,state")
