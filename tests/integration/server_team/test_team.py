"""Running a team: people come and go, roles have limits, and the trail says who did what."""

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import psycopg
import pytest

from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from tests.integration.server.callers import Caller, refusal
from tests.integration.server_team.conftest import Operate
from tests.support import databases, postgres
from tests.support.cli import Loopin
from tests.support.oauth import tokens_at
from tests.support.server import AccountServer, ServerFactory, release, sign_in, start, submit_login

PASSWORD, OTHER = "correct-horse-not-real", "battery-staple-not-real"
LEO = "leo@acme.example"
OK = ("OK", "")


@pytest.fixture
def server(fresh_server: ServerFactory, operate: Operate) -> AccountServer:
    """The sample server with Leo, who belongs to nothing yet."""
    made = fresh_server("--log-level", "info")
    operate(made, "user", "add", LEO, "--first-name", "Leo", stdin=f"{PASSWORD}\n").works()
    return made


def trail(operate: Operate, server: AccountServer, *flags: str) -> list[tuple[str, str, str]]:
    events = operate(server, "audit", "--json", *flags).works().json
    return [(event["action"], event["actor"]["kind"], event["target"]["name"]) for event in events]


def test_a_new_person_signs_in_and_works_in_the_role_they_have(
    server: AccountServer, operate: Operate
) -> None:
    leo = Caller(server, sign_in(server, LEO, PASSWORD))
    assert refusal(leo.list) == ("PERMISSION_DENIED", "user is not a member of any organization")
    web = IdentityReference(name="web")
    for role in ("member", "contributor"):
        operate(server, "membership", "set", LEO, "--org", "acme", "--role", role).works()
        assert leo.create(f"by-{role}", project_reference=web).item.name == f"by-{role}"
        assert refusal(lambda: leo.create("of-the-organization"))[0] == "INVALID_ARGUMENT"
        settings = refusal(lambda: leo.update("acme", api_token_max_days_inactive=1))
        assert settings == ("PERMISSION_DENIED", "operation not allowed")
        assert all(item.scoped_entity.name for item in leo.list())
    operate(server, "membership", "set", LEO, "--org", "acme", "--role", "viewer").works()
    assert refusal(leo.list) == ("PERMISSION_DENIED", "operation not allowed")
    operate(server, "membership", "remove", LEO, "--org", "acme").works()
    assert refusal(leo.list)[0] == "PERMISSION_DENIED"
    assert leo.memberships() == []


def test_a_leaver_is_out_at_once_everywhere(server: AccountServer, operate: Operate) -> None:
    operate(server, "membership", "set", LEO, "--org", "acme", "--role", "admin").works()
    bearers = [sign_in(server, LEO, PASSWORD) for _ in range(2)]
    made = Caller(server, bearers[0]).create("made-by-leo")
    program = tokens_at(server, (LEO, PASSWORD))["access_token"]
    said = operate(server, "user", "disable", LEO).works().out
    assert "3 sessions, 1 program, 0 keys ended" in said
    assert "1 API token that they made" in said
    for bearer in bearers:
        assert refusal(Caller(server, bearer).current) == ("UNAUTHENTICATED", "Token is invalid")
    with httpx.Client(base_url=server.http, trust_env=False) as client:
        assert submit_login(client, LEO, PASSWORD).status_code == 401
        headers = {"authorization": f"Bearer {program}"}
        assert client.get("/api/v1/models", headers=headers).status_code == 401
    # It is the organization's, and somebody may rely on it.
    assert refusal(Caller(server, made.jwt).current) == OK
    operate(server, "user", "enable", LEO).works()
    assert refusal(Caller(server, bearers[0]).current)[0] == "UNAUTHENTICATED"
    assert refusal(Caller(server, sign_in(server, LEO, PASSWORD)).current) == OK


def test_a_new_password_ends_what_the_old_one_opened(server: AccountServer, operate: Operate) -> None:
    before = sign_in(server, LEO, PASSWORD)
    operate(server, "user", "reset-password", LEO, stdin=f"{OTHER}\n").works()
    assert refusal(Caller(server, before).current)[0] == "UNAUTHENTICATED"
    with httpx.Client(base_url=server.http, trust_env=False) as client:
        assert submit_login(client, LEO, PASSWORD).status_code == 401
    assert sign_in(server, LEO, OTHER)


def test_organizations_and_projects_are_made_and_listed(server: AccountServer, operate: Operate) -> None:
    said = operate(server, "org", "add", "initech").works().out
    assert "--org initech --role owner --data" in said
    assert str(server.data) in said, "the next command is for the same server"
    operate(server, "project", "add", "printer", "--org", "initech").works()
    operate(server, "membership", "set", LEO, "--org", "initech", "--role", "owner").works()
    leo = Caller(server, sign_in(server, LEO, PASSWORD))
    assert leo.current().current_membership.org.name == "initech"
    leo.create("first", project_reference=IdentityReference(name="printer"))
    orgs = {row["name"]: row for row in operate(server, "org", "list", "--json").works().json}
    assert (orgs["initech"]["members"], orgs["initech"]["apiTokens"]) == (1, 1)
    projects = operate(server, "project", "list", "--org", "initech", "--json").works().json
    assert [row["name"] for row in projects] == ["printer"]
    people = {row["email"]: row for row in operate(server, "user", "list", "--json").works().json}
    assert people[LEO]["memberships"] == [{"organization": "initech", "role": "owner"}]


def test_what_makes_no_sense_is_refused_in_a_sentence(server: AccountServer, operate: Operate) -> None:
    operate(server, "user", "add", LEO, stdin=f"{PASSWORD}\n").fails(1, "is here already")
    operate(server, "user", "add", "nobody", stdin=f"{PASSWORD}\n").fails(2, "not an e-mail address")
    operate(server, "user", "add", "x@y.example", stdin="short\n").fails(2, "12 to 1024 characters")
    operate(server, "user", "add", "x@y.example").fails(2, "no password on standard input")
    operate(server, "user", "disable", "x@y.example").fails(1, "nobody here")
    operate(server, "org", "add", "acme").fails(1, "already")
    operate(server, "org", "add", "No Name").fails(2, "cannot be a name")
    operate(server, "project", "add", "web", "--org", "acme").fails(1, "already")
    operate(server, "project", "add", "web", "--org", "nowhere").fails(1, "no organization")
    operate(server, "membership", "set", LEO, "--org", "acme", "--role", "king").fails(2)
    operate(server, "membership", "remove", LEO, "--org", "acme").fails(1, "not a member")
    owner = server.owner[0]
    operate(server, "membership", "remove", owner, "--org", "acme").fails(1, "no owner")
    operate(server, "membership", "set", owner, "--org", "acme", "--role", "admin").fails(1, "no owner")
    assert Caller(server, sign_in(server, *server.owner)).current().current_membership.role == 3


def test_the_trail_says_who_did_what_from_where_and_no_secret(
    server: AccountServer, operate: Operate
) -> None:
    owner = Caller(server, sign_in(server, *server.owner))
    made = owner.create("told")
    owner.update("acme", api_token_max_days_inactive=1)
    owner.revoke(made.item.id)
    operate(server, "sweep").works()
    events = operate(server, "audit", "--json").works().json
    seen = [(event["action"], event["actor"]["kind"]) for event in events]
    assert seen[:5] == [
        ("user.add", "operator"),
        ("login", "person"),
        ("api_token.create", "person"),
        ("organization.update", "person"),
        ("api_token.revoke", "person"),
    ]
    assert set(seen[5:]) == {("api_token.auto_revoke", "system")}
    created = events[2]
    assert (created["actor"]["name"], created["address"]) == (server.owner[0], "127.0.0.1")
    assert (created["organization"], created["target"]["name"]) == ("acme", "told")
    text = operate(server, "audit").works().out
    assert "api_token.create told in acme" in text
    for secret in (PASSWORD, server.owner[1], made.jwt):
        assert secret not in text
    assert trail(operate, server, "--since", "2999-01-01") == []
    assert len(trail(operate, server, "--since", "1h")) == len(events)
    operate(server, "audit", "--since", "yesterdayish").fails(2, "is no time")


@pytest.mark.parametrize("change", ["UPDATE audit_events SET actor_name = 'x'", "DELETE FROM audit_events"])
def test_the_trail_cannot_be_changed(server: AccountServer, change: str) -> None:
    with server.database() as database, pytest.raises((sqlite3.Error, psycopg.Error), match="append-only"):
        database.execute(change)


def test_totals_are_there_for_prometheus(server: AccountServer) -> None:
    with httpx.Client(base_url=server.http, trust_env=False) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "loopin_sweep_next_run_timestamp_seconds" in answer.text


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    server: AccountServer, loopin: Loopin
) -> None:
    place = ["--data", str(server.data)]
    if (server.data / databases.URL_FILE).exists():
        place = ["--database-url-file", str(server.data / databases.URL_FILE)]
    command = [*("-m", "app", "server", "user", "reset-password", LEO), *place]
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, *command],
        stdin=theirs, stdout=theirs, stderr=theirs, env=loopin.variables(), start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    for question in (b"New password: ", b"Once more: "):
        while question not in shown:
            shown += os.read(ours, 1024)
        os.write(ours, f"{OTHER}\n".encode())
    while b"ended" not in shown:
        shown += os.read(ours, 1024)
    assert child.wait(30) == 0
    os.close(ours)
    assert OTHER.encode() not in shown
    assert sign_in(server, LEO, OTHER)


def test_a_backup_that_was_taken_while_it_ran_can_be_restored(
    server: AccountServer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    jwt = sign_in(server, LEO, PASSWORD)
    copy = tmp_path / "restored"
    copy.mkdir()
    if (server.data / databases.URL_FILE).exists():
        folder = request.getfixturevalue("postgres_folder")
        databases.on_postgres(folder, copy)
        postgres.copy(databases.url_of(server.data), databases.url_of(copy))
    else:
        with sqlite3.connect(server.data / "loopin.db") as one, sqlite3.connect(copy / "loopin.db") as other:
            one.backup(other)
        one.close()
        other.close()
    shutil.copy(server.data / "signing-keys.json", copy)
    assert server.stop() == 0
    restored = start(copy, seed="")
    try:
        assert Caller(restored, jwt).current().current_user.email == LEO
    finally:
        release(restored.process)
