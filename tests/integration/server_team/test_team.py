"""Running a team: people come and go, roles have limits, and the trail says who did what."""

import os
import pty
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from app.domain.errors import RateLimited
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.clock import utc_now
from app.server.core import rate_limit
from app.server.core.rate_limit import MAX_PER_ACCOUNT, Attempt
from tests.integration.server.callers import Caller, refusal
from tests.integration.server_team.conftest import Operate
from tests.support import databases, postgres
from tests.support.cli import Loopin
from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.oauth import tokens_at
from tests.support.organizations import Organization
from tests.support.permission_table import ANSWERS, NO_ORGANIZATION, shown
from tests.support.server import (
    PATIENCE,
    AccountServer,
    ServerFactory,
    own_address,
    release,
    sign_in,
    start,
    submit_login,
)

pytestmark = pytest.mark.slow

PASSWORD, OTHER = "correct-horse-not-real", "battery-staple-not-real"
OK = ("OK", "")


@pytest.fixture
def server(organization: Organization) -> AccountServer:
    """The server of the test's organization."""
    return organization.server


@pytest.fixture
def leo(organization: Organization, operate: Operate) -> str:
    """The e-mail address of somebody who belongs to nothing yet."""
    return add_leo(organization.server, operate, f"leo@{organization.name}.example")


def add_leo(server: AccountServer, operate: Operate, email: str = "leo@acme.example") -> str:
    operate(server, "user", "add", email, "--first-name", "Leo", stdin=f"{PASSWORD}\n").works()
    return email


def is_let_in(server: AccountServer, email: str, password: str) -> bool:
    """Whether the sign-in page takes the password; wrong ones count against an address of their own."""
    headers = {"X-Forwarded-For": own_address()}
    with http_client(server.http, headers=headers) as client:
        status = submit_login(client, email, password).status_code
    assert status in {303, 401}
    return status == 303


def trail(operate: Operate, server: AccountServer, *flags: str) -> list[tuple[str, str, str]]:
    events = operate(server, "audit", "--json", *flags).works().json
    return [(event["action"], event["actor"]["kind"], event["target"]["name"]) for event in events]


@ON_BOTH
def test_a_new_person_signs_in_and_works_in_the_role_they_have(
    organization: Organization, operate: Operate, leo: str
) -> None:
    server, name = organization.server, organization.name
    caller = Caller(server, sign_in(server, leo, PASSWORD))
    assert shown(refusal(caller.list)) == ANSWERS[NO_ORGANIZATION]
    web = IdentityReference(name="web")
    for role in ("member", "contributor"):
        operate(server, "membership", "set", leo, "--org", name, "--role", role).works()
        join = ("project", "member", "add", leo, "--org", name, "--project", "web", "--role", "admin")
        operate(server, *join).works()
        assert caller.create(f"by-{role}", project_reference=web).item.name == f"by-{role}"
        assert refusal(lambda: caller.create("of-the-organization"))[0] == "INVALID_ARGUMENT"
        settings = refusal(lambda: caller.update(name, api_token_max_days_inactive=1))
        assert settings == ("PERMISSION_DENIED", "operation not allowed")
        listed = caller.list()
        assert f"by-{role}" in {item.name for item in listed}
        assert all(item.scoped_entity.name for item in listed)
    operate(server, "membership", "set", leo, "--org", name, "--role", "viewer").works()
    assert refusal(caller.list) == ("PERMISSION_DENIED", "operation not allowed")
    operate(server, "membership", "remove", leo, "--org", name).works()
    assert refusal(caller.list)[0] == "PERMISSION_DENIED"
    assert caller.memberships() == []


@ON_BOTH
def test_a_leaver_is_out_at_once_everywhere(organization: Organization, operate: Operate, leo: str) -> None:
    server = organization.server
    operate(server, "membership", "set", leo, "--org", organization.name, "--role", "admin").works()
    bearers = [sign_in(server, leo, PASSWORD) for _ in range(2)]
    made = Caller(server, bearers[0]).create("made-by-leo")
    program = tokens_at(server, (leo, PASSWORD))["access_token"]
    said = operate(server, "user", "disable", leo).works().out
    assert "3 sessions, 1 program, 0 keys ended" in said
    assert "1 API token that they created still works" in said
    for bearer in bearers:
        assert refusal(Caller(server, bearer).current) == ("UNAUTHENTICATED", "Token is invalid")
    assert not is_let_in(server, leo, PASSWORD)
    with http_client(server.http) as client:
        headers = {"authorization": f"Bearer {program}"}
        assert client.get("/api/v1/models", headers=headers).status_code == 401
    # It is the organization's, and somebody may rely on it.
    assert refusal(Caller(server, made.jwt).current) == OK
    operate(server, "user", "enable", leo).works()
    assert refusal(Caller(server, bearers[0]).current)[0] == "UNAUTHENTICATED"
    assert refusal(Caller(server, sign_in(server, leo, PASSWORD)).current) == OK


@ON_BOTH
def test_a_new_password_ends_what_the_old_one_opened(
    server: AccountServer, operate: Operate, leo: str
) -> None:
    before = sign_in(server, leo, PASSWORD)
    operate(server, "user", "reset-password", leo, stdin=f"{OTHER}\n").works()
    assert refusal(Caller(server, before).current)[0] == "UNAUTHENTICATED"
    assert not is_let_in(server, leo, PASSWORD)
    assert is_let_in(server, leo, OTHER)


def try_password(organization: Organization, *tries: Attempt) -> bool:
    """Whether each of these may be tried, one after the other; each counts as wrong."""
    try:
        with organization.database.write() as session:
            for attempt in tries:
                rate_limit.count_attempt(session, attempt, utc_now())
    except RateLimited:
        return False
    return True


@ON_BOTH
@pytest.mark.parametrize("word", ["unlock", "reset-password"])
def test_who_is_locked_out_is_let_in_again(
    organization: Organization, operate: Operate, leo: str, word: str
) -> None:
    server, stdin = organization.server, f"{PASSWORD}\n"
    other, network = f"other@{organization.name}.example", own_address()
    elsewhere, here = Attempt(leo, network), Attempt(leo, own_address(), "a browser of leo's")
    for attempt in (elsewhere, here, Attempt(other, network)):
        assert try_password(organization, *[attempt] * MAX_PER_ACCOUNT)
        assert not try_password(organization, attempt)
    if word == "unlock":
        said = operate(server, "user", word, leo, "--json").works().json
        assert said == {"failures": 2 * MAX_PER_ACCOUNT}
        assert ("user.unlock", "operator", leo) in trail(operate, server)
    else:
        operate(server, "user", word, leo, stdin=stdin).works()
    assert try_password(organization, here)
    assert is_let_in(server, leo, PASSWORD)
    # The account is free; the others, and the network that guessed, are not.
    assert not try_password(organization, Attempt(other, own_address()))
    strangers = [Attempt(f"{number}@{organization.name}.example", network) for number in range(20)]
    assert try_password(organization, *strangers)
    assert not try_password(organization, Attempt("last@acme.example", network))


def test_unlocking_says_what_it_did(server: AccountServer, operate: Operate, leo: str) -> None:
    assert operate(server, "user", "unlock", leo).works().out.startswith("They may try again: 0 failed")
    operate(server, "user", "unlock", "x@y.example").fails(1, "nobody here")
    operate(server, "user", "unlock").fails(2)


@ON_BOTH
def test_organizations_and_projects_are_made_and_listed(
    organization: Organization, operate: Operate, leo: str
) -> None:
    server, name = organization.server, f"{organization.name}-b"
    said = operate(server, "org", "add", name).works().out
    assert f"--org {name} --role owner --data" in said
    assert str(server.data) in said, "the next command is for the same server"
    operate(server, "project", "add", "printer", "--org", name).works()
    operate(server, "membership", "set", leo, "--org", name, "--role", "owner").works()
    caller = Caller(server, sign_in(server, leo, PASSWORD))
    assert caller.current().current_membership.org.name == name
    caller.create("first", project_reference=IdentityReference(name="printer"))
    orgs = {row["name"]: row for row in operate(server, "org", "list", "--json").works().json}
    assert (orgs[name]["members"], orgs[name]["apiTokens"]) == (1, 1)
    projects = operate(server, "project", "list", "--org", name, "--json").works().json
    assert [row["name"] for row in projects] == ["printer"]
    people = {row["email"]: row for row in operate(server, "user", "list", "--json").works().json}
    assert people[leo]["memberships"] == [{"organization": name, "role": "owner"}]


@ON_BOTH
def test_what_makes_no_sense_is_refused_in_a_sentence(
    organization: Organization, operate: Operate, leo: str
) -> None:
    server, name, owner = organization.server, organization.name, organization.owner
    operate(server, "user", "add", leo, stdin=f"{PASSWORD}\n").fails(1, "is here already")
    operate(server, "user", "add", "nobody", stdin=f"{PASSWORD}\n").fails(2, "not an e-mail address")
    operate(server, "user", "add", "x@y.example", stdin="short\n").fails(2, "12 to 1024 characters")
    operate(server, "user", "add", "x@y.example").fails(2, "no password on standard input")
    operate(server, "user", "disable", "x@y.example").fails(1, "nobody here")
    operate(server, "org", "add", name).fails(1, "already")
    operate(server, "org", "add", "No Name").fails(2, "cannot be a name")
    operate(server, "project", "add", "web", "--org", name).fails(1, "already")
    operate(server, "project", "add", "web", "--org", "nowhere").fails(1, "no organization")
    operate(server, "membership", "set", leo, "--org", name, "--role", "king").fails(2)
    operate(server, "membership", "remove", leo, "--org", name).fails(1, "not a member")
    operate(server, "membership", "remove", owner.email, "--org", name).fails(1, "no owner")
    operate(server, "membership", "set", owner.email, "--org", name, "--role", "admin").fails(1, "no owner")
    assert Caller(server, owner.bearer).current().current_membership.role == 3


@ON_BOTH
def test_the_trail_says_who_did_what_from_where_and_no_secret(
    fresh_server: ServerFactory, operate: Operate
) -> None:
    server = fresh_server()
    add_leo(server, operate)
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


@ON_BOTH
@pytest.mark.parametrize("change", ["UPDATE audit_events SET actor_name = 'x'", "DELETE FROM audit_events"])
def test_the_trail_cannot_be_changed(server: AccountServer, change: str) -> None:
    with server.database() as database, pytest.raises((sqlite3.Error, psycopg.Error), match="append-only"):
        database.execute(change)


def test_totals_are_there_for_prometheus(server: AccountServer) -> None:
    with http_client(server.http) as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "loopin_sweep_next_run_timestamp_seconds" in answer.text


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(
    server: AccountServer, loopin: Loopin, leo: str
) -> None:
    command = ["-m", "app", "server", "user", "reset-password", leo, "--data", str(server.data)]
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
    assert child.wait(PATIENCE) == 0
    os.close(ours)
    assert OTHER.encode() not in shown
    assert sign_in(server, leo, OTHER)


@ON_BOTH
def test_a_backup_that_was_taken_while_it_ran_can_be_restored(
    fresh_server: ServerFactory, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = fresh_server()
    jwt = sign_in(server, *server.owner)
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
        assert Caller(restored, jwt).current().current_user.email == server.owner[0]
    finally:
        release(restored.process)
