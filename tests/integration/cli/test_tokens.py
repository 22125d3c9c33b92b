"""`loopin chainloop organization api-token`, against a real server."""

import json
import re
import subprocess
import sys
from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from tests.support.cli import Loopin, secrets_in, signed_in
from tests.support.server import ROOT, AccountServer, ServerFactory, bulk_tokens

TOKENS = ("chainloop", "organization", "api-token")
REQUIRED = {"id", "name", "description", "createdAt"}
OPTIONAL = {"revokedAt", "expiresAt", "lastUsedAt", "scopedEntity", "permissions", "parentId"}


@pytest.fixture
def owner(loopin: Loopin, account_server: AccountServer) -> Loopin:
    """The command as the sample owner."""
    return signed_in(loopin, account_server, account_server.owner)


@pytest.fixture
def name() -> str:
    """A name nobody has."""
    return f"t-{uuid4().hex[:12]}"


def is_rfc3339(text: str) -> bool:
    return text.endswith("Z") and datetime.fromisoformat(text).tzinfo is not None


def test_create_list_revoke(owner: Loopin, name: str) -> None:
    made = owner(
        *TOKENS, "create", "--name", name, "--description", "for a test", "--expiration", "24h", "-o", "json"
    )
    token = made.works().json
    assert token.keys() - {"permissions"} == REQUIRED | {"jwt", "expiresAt"}
    assert token["name"] == name
    assert token["description"] == "for a test"
    life = datetime.fromisoformat(token["expiresAt"]) - datetime.fromisoformat(token["createdAt"])
    assert abs(life - timedelta(hours=24)) <= timedelta(seconds=2)

    listed = {item["id"]: item for item in owner(*TOKENS, "list", "-o", "json").works().json}
    assert "jwt" not in listed[token["id"]]
    revoked = owner(*TOKENS, "revoke", "--id", token["id"], "--yes", "-o", "json").works().json
    assert revoked == [
        {
            "id": token["id"], "name": name, "revoked": True, "alreadyRevoked": False,
            "revokedAt": revoked[0]["revokedAt"], "error": None,
        }
    ]  # fmt: skip
    assert is_rfc3339(revoked[0]["revokedAt"])
    assert token["id"] not in {item["id"] for item in owner(*TOKENS, "ls", "-o", "json").works().json}
    gone = {item["id"]: item for item in owner(*TOKENS, "ls", "--status", "revoked", "-o", "json").json}
    assert is_rfc3339(gone[token["id"]]["revokedAt"])


def test_json_has_the_vendors_keys(owner: Loopin) -> None:
    for item in owner(*TOKENS, "list", "--status", "all", "-o", "json").works().json:
        assert item.keys() >= REQUIRED
        assert item.keys() <= REQUIRED | OPTIONAL
        assert all(is_rfc3339(item[key]) for key in item if key.endswith("At"))
        if "scopedEntity" in item:
            assert item["scopedEntity"].keys() == {"type", "id", "name"}
            assert item["scopedEntity"]["type"] == "project"


@pytest.mark.parametrize(
    ("flags", "check"),
    [
        (["-s", "global"], lambda item: "scopedEntity" not in item),
        (["--scope", "project"], lambda item: "scopedEntity" in item),
        (["--project", "web"], lambda item: item["scopedEntity"]["name"] == "web"),
        (["-p", "web", "-s", "project"], lambda item: item["scopedEntity"]["name"] == "web"),
        (["--status", "revoked", "--all"], lambda item: "revokedAt" in item),
        (["--status", "revoked"], lambda item: "revokedAt" in item),
        (["--status", "active"], lambda item: "revokedAt" not in item),
    ],
    ids=lambda value: "-".join(value).strip("-") if isinstance(value, list) else "",
)
def test_list_filters(owner: Loopin, flags: list[str], check: object) -> None:
    assert callable(check)
    items = owner(*TOKENS, "list", "-o", "json", *flags).works().json
    assert items
    assert all(check(item) for item in items)


def test_all_is_status_all(owner: Loopin) -> None:
    said = owner(*TOKENS, "list", "-a", "-o", "json").works()
    assert said.err == "loopin: --all is deprecated; use --status all\n"
    ids = [item["id"] for item in said.json]
    wanted = [item["id"] for item in owner(*TOKENS, "list", "--status", "all", "-o", "json").works().json]
    assert ids == wanted


def test_table_shows_the_token_once_and_says_so(owner: Loopin, name: str) -> None:
    said = owner(*TOKENS, "create", "--name", name, "--project", "web", "--expiration", "never").works()
    assert "told only this once" in said.out
    assert len(secrets_in(said.out)) == 1
    assert secrets_in(said.err) == []
    row = next(line for line in owner(*TOKENS, "list").works().out.splitlines() if name in line)
    assert "  project/web  " in row
    assert "never" in row
    assert secrets_in(row) == []


def test_a_life_without_end_is_told(owner: Loopin, name: str) -> None:
    owner(*TOKENS, "create", "--name", name, "-o", "token").fails(0, "never expires")
    made = owner(*TOKENS, "create", "--name", f"{name}-0", "--expiration", "0", "-o", "json").works()
    assert "never expires" in made.err
    assert "expiresAt" not in made.json


def test_times_have_their_fraction(owner: Loopin, name: str) -> None:
    """As it is on the wire: microseconds, of which one time in a million is a whole second."""
    made = owner(*TOKENS, "create", "--name", name, "--expiration", "24h", "-o", "json").works().json
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,5}[1-9])?Z", made["createdAt"])
    assert len(made["createdAt"] + made["expiresAt"]) > 2 * len("2026-11-30T10:00:00Z")


def test_the_scope_is_the_vendors_word(owner: Loopin, name: str) -> None:
    owner(*TOKENS, "create", "--name", name, "--expiration", "24h").works()
    row = next(line for line in owner(*TOKENS, "list").works().out.splitlines() if name in line)
    assert "  global  " in row


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["create"], 2, ["--name", "create --help"]),
        (["create", "--name", "Bad_Name"], 2, ["capital letters"]),
        (["create", "--name", "a b"], 2, ["only a-z, 0-9 and hyphens"]),
        (["create", "--name", "x" * 64], 2, ["64 characters"]),
        (["create", "--name", "a\x1b[31m"], 2, ["only a-z"]),
        (["create", "--name", "ok", "--expiration", "soon"], 2, ["'soon' is not a length of time", "never"]),
        (["create", "--name", "ok", "--expiration", "-5h"], 2, ["not a length of time"]),
        (["create", "--name", "ok", "-o", "yaml"], 2, ["'yaml'", "table or json or token"]),
        (["create", "--name", "ci-web", "--project", "web"], 1, ["name already taken", "next:"]),
        (["create", "--name", "ok", "--project", "nowhere"], 1, ["next:"]),
        (["list", "--status", "gone"], 2, ["'gone'"]),
        (["list", "-o", "token"], 2, ["'token'", "table or json"]),
        (["revoke"], 2, ["--id"]),
        (["revoke", "--id", "", "--yes"], 2, ["--id is empty"]),
        (["revoke", "--id", "8f4eba7b-0000-4000-8000-000000000000"], 2, ["add --yes"]),
        (["revoke", "--id", "not-a-uuid", "--yes"], 1, ["not-a-uuid"]),
        (["revoke", "--id", "8f4eba7b-0000-4000-8000-000000000000", "--yes"], 1, ["not found", "next:"]),
        (["rename"], 2, ["'rename'"]),
        (["rotate"], 2, ["--id"]),
        (["rotate", "--id", "8f4eba7b-0000-4000-8000-000000000000"], 2, ["--yes or --keep-old"]),
        (
            ["rotate", "--id", "8f4eba7b-0000-4000-8000-000000000000", "-y"],
            1,
            ["there is no API token", "next:"],
        ),
        (["revoke", "--id", "a", "--filter", "never", "-y"], 2, ["exclude each other"]),
        (["revoke", "--filter", " ", "-y"], 2, ["it would revoke everything"]),
        (
            ["list", "--filter", "web colour:red"],
            2,
            ["  web colour:red\n      ^^^^^^^^^^\n", "no field colour"],
        ),
        (["list", "--filter", "漢 idle>soon"], 2, ["  漢 idle>soon\n     ^^^^^^^^^\n", "idle>30d"]),
        (["list", "--threshold", "366"], 2, ["--threshold"]),
        (["check", "--within", "soon"], 2, ["--within 'soon' is not a length of time", "14d"]),
        (["check", "-o", "csv"], 2, ["'csv'"]),
        (["lst"], 2, ["did you mean list?"]),
        (["yes"], 2, ["did you mean --yes?"]),
        (["list", "--nope"], 2, ["--nope"]),
        (["list", "--max-recv-msg-size", "many"], 2, ["'many'", "whole number"]),
        (["list", "--max-recv-msg-size", "1000"], 1, [" bytes, 1,000 are allowed", "--max-recv-msg-size"]),
        (["list", "--control-plane", "https://127.0.0.1/x"], 2, ["host:port"]),
        (["list", "--control-plane", "127.0.0.1:1"], 5, ["127.0.0.1:1"]),
        (["list", "--token", "eyJhbGciOi.bad.token"], 3, ["next:"]),
        (["list", "--token", ""], 2, ["--token is empty"]),
        (["list", "--token", "-"], 2, ["standard input is empty"]),
        (["list", "--org", "globex"], 1, ["globex"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_has_its_own_sentence(
    owner: Loopin, arguments: list[str], code: int, words: list[str]
) -> None:
    said = owner(*TOKENS, *arguments).fails(code, "loopin: ", *words)
    assert said.out == "" or arguments[0] == "revoke"
    assert "\x1b" not in said.err


def test_an_empty_list_says_whether_something_was_looked_for(
    loopin: Loopin, account_server: AccountServer
) -> None:
    signed_in(loopin, account_server, account_server.outsider)
    empty = "There are no API tokens in this organization; --status all shows revoked ones, too.\n"
    assert loopin(*TOKENS, "list").works().err == empty
    said = loopin(*TOKENS, "list", "--filter", "nothing-is-called-so").works()
    assert said.err == "There are no such API tokens in this organization.\n"


def test_a_stored_login_is_not_sent_to_another_kind_of_server(
    owner: Loopin, account_server: AccountServer
) -> None:
    """TLS is spoken to a server that speaks plain text."""
    owner(*TOKENS, "list", CHAINLOOP_API_INSECURE="false").fails(5, account_server.grpc)


def test_partly_done_is_6(owner: Loopin, name: str) -> None:
    token = owner(*TOKENS, "create", "--name", name, "-o", "json").works().json
    unknown = str(uuid4())
    said = owner(*TOKENS, "revoke", "--id", token["id"], "--id", unknown, "--yes", "-o", "json")
    done, not_done = said.fails(6, "1 of 2 API tokens were not revoked").json
    assert done["revoked"] is True
    assert not_done["id"] == unknown
    assert not_done["revoked"] is False
    assert not_done["error"]


def test_revoking_twice_counts_as_done(owner: Loopin, name: str) -> None:
    token = owner(*TOKENS, "create", "--name", name, "-o", "json").works().json
    owner(*TOKENS, "revoke", "--id", token["id"], "--id", token["id"], "-y").works()
    assert "was revoked already" in owner(*TOKENS, "revoke", "--id", token["id"], "-y").works().out


def test_a_viewer_is_told_why_not(loopin: Loopin, account_server: AccountServer) -> None:
    viewer = signed_in(loopin, account_server, account_server.viewer)
    viewer(*TOKENS, "list").fails(1, "viewer", "next:")
    viewer(*TOKENS, "create", "--name", "nope").fails(1, "next:")


def test_options_are_taken_before_the_command_too(owner: Loopin) -> None:
    front = owner("chainloop", "--org", "acme", "organization", "-o", "json", "api-token", "list").works()
    assert front.json == owner(*TOKENS, "list", "-n", "acme", "-o", "json").works().json
    owner("chainloop", "--org", "globex", "organization", "describe").fails(1, "globex")
    nearest = owner("chainloop", "--org", "globex", "organization", "describe", "--org", "acme")
    assert "Organization: acme" in nearest.works().out


def test_a_token_can_be_piped_in(owner: Loopin, account_server: AccountServer) -> None:
    token = owner.environment["CHAINLOOP_TOKEN"]
    said = owner("chainloop", "organization", "describe", "-t", "-", stdin=f"{token}\n", CHAINLOOP_TOKEN="")
    assert account_server.owner[0] in said.works().out


def test_an_answer_of_more_than_four_megabytes_arrives_and_a_reader_may_leave(
    loopin: Loopin, fresh_server: ServerFactory
) -> None:
    """gRPC takes no more by default. One of twenty thousand tokens is in chainloop/test_gateway.py."""
    server = fresh_server()
    bulk_tokens(server, "acme", 4000)
    with server.database() as database:
        database.execute("UPDATE api_tokens SET description = ?", ("x" * 1200,))
    owner = signed_in(loopin, server, server.owner)
    listed = owner(*TOKENS, "list", "-o", "json").works()
    assert len(listed.json) > 4000
    assert len(listed.out) > 4 * 1024**2
    assert owner.first_line(*TOKENS, "list").startswith("ID")


def test_a_token_that_could_not_be_written_out_is_told(owner: Loopin, name: str) -> None:
    with open("/dev/full", "w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "app", *TOKENS, "create", "--name", name, "-o", "token"],
            cwd=ROOT, env=owner.variables(), stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
            text=True, check=False,
        )  # fmt: skip
    assert run.returncode == 6
    assert f"the token {name} was created, but could not be written out" in run.stderr
    assert "revoke --id" in run.stderr
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr


def test_debug_log_has_no_secret(owner: Loopin, name: str) -> None:
    said = owner(*TOKENS, "create", "--name", name, "-o", "token", "--debug").works()
    (log,) = (owner.folder / "state").glob("debug-*.log")
    assert str(log) in said.err
    text = log.read_text()
    assert "api-token create" in text
    assert log.stat().st_mode & 0o777 == 0o600
    for secret in (said.out, owner.environment["CHAINLOOP_TOKEN"]):
        assert secret not in text
        assert secret.split(".")[1] not in text
    assert secrets_in(text) == []


@pytest.mark.parametrize("where", ["accepted", "early", "late", "variable"])
def test_a_token_that_was_given_is_not_in_the_debug_log(owner: Loopin, where: str) -> None:
    """As an option of the command, of a group above it, or as a variable."""
    token, wrong = owner.environment["CHAINLOOP_TOKEN"], "shapeless-secret"
    describe = ("organization", "describe", "--debug")
    done = {
        "accepted": lambda: owner("chainloop", *describe, "--token", token, CHAINLOOP_TOKEN="").works(),
        "early": lambda: owner("chainloop", "--token", wrong, *describe).fails(3),
        "late": lambda: owner("chainloop", *describe, "--token", wrong).fails(3),
        "variable": lambda: owner("status", "--debug", CHAINLOOP_TOKEN=wrong).fails(3),
    }[where]()
    (log,) = (owner.folder / "state").glob("debug-*.log")
    assert str(log) in done.err
    text = log.read_text()
    assert secrets_in(text) == []
    assert wrong not in text


def test_json_is_plain_ascii(owner: Loopin, name: str) -> None:
    said = owner(*TOKENS, "create", "--name", name, "--description", "\x1b[31m漢\u202e", "-o", "json").works()
    assert said.out.isascii()
    assert "\x1b" not in said.out
    assert json.loads(said.out)["description"]
    row = next(line for line in owner(*TOKENS, "list").works().out.splitlines() if name in line)
    assert "\x1b" not in row
    assert "\u202e" not in row
