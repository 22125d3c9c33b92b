"""The audit trail: what one reads of it, how it is exported, and how old events leave it."""

import csv
import hashlib
import io
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from app.domain.errors import AlreadyExists, Failed, UsageError
from app.domain.organizations import Role
from app.server.core import audit, key_ring
from app.server.core.audit import Archive, AuditTrail, Filter, select_events
from app.server.core.organizations import Organizations
from app.server.core.provider_sign_in import ProviderSignIn, VerifiedIdentity
from app.server.core.removal import Removal
from app.server.core.token_signing import TokenSigner
from app.server.persistence.engine import Database
from app.server.persistence.errors import NoDatabase
from app.server.persistence.migrate import migrate
from app.server.persistence.models import AuditArchive, Organization
from app.server.settings import Join
from tests.integration.server_team.conftest import Command
from tests.support import databases
from tests.support.cli import Result
from tests.support.databases import ON_BOTH, Prepare

pytestmark = [pytest.mark.slow, ON_BOTH]
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
OLD = datetime(2020, 1, 1, tzinfo=UTC)
ADA, LEO = "ada@acme.example", "leo@acme.example"
OPERATOR = audit.Actor("operator", None, "root", "host.example")
APPEND_ONLY = pytest.raises((sqlite3.Error, psycopg.Error), match="append-only")
Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path, prepare_data: Prepare) -> Path:
    """The folder of a server that does not run."""
    folder = tmp_path / "data"
    folder.mkdir()
    prepare_data(folder)
    key_ring.load_or_create(folder)
    return folder


@pytest.fixture
def database(data: Path) -> Iterator[Database]:
    """Its database, with the organization acme in it."""
    made = Database(databases.url_of(data))
    migrate(made.engine)
    Organizations(made, lambda: OLD).add_organization(OPERATOR, "acme")
    yield made
    made.close()


@pytest.fixture
def place(data: Path) -> list[str]:
    """The options that name the database."""
    url = data / databases.URL_FILE
    return ["--database-url-file", str(url)] if url.exists() else ["--data", str(data)]


@pytest.fixture
def run(command: Command, database: Database, place: list[str]) -> Run:
    """`loopin server …` on the database."""
    return lambda *words: command("server", *words, *place)


def add(
    database: Database,
    *actions: str,
    actor: str = ADA,
    at: datetime = OLD,
    target: str = "",
    organization: UUID | None = None,
) -> None:
    """Write events an hour apart, the first at `at`."""
    with database.write() as session:
        for number, action in enumerate(actions):
            what = audit.Event(action, organization, uuid4(), target, {"n": number})
            who = audit.Actor("person", None, actor, "192.0.2.7")
            audit.record(session, who, at + timedelta(hours=number), what)


def actions(database: Database, wanted: Filter | None = None) -> list[str]:
    return [entry.event.action for entry in AuditTrail(database).read_events(wanted or Filter())]


def prune(database: Database, file: Path, before: datetime = NOW, now: datetime = NOW) -> Archive:
    return AuditTrail(database, lambda: now).archive_events(OPERATOR, before, file)


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_events_are_filtered_by_actor_action_organization_and_time(run: Run, database: Database) -> None:
    acme = Organizations(database, lambda: NOW).add_organization(OPERATOR, "globex")
    add(database, "login", "logout", organization=acme)
    add(database, "login", "api_token.create", actor=LEO, at=OLD + timedelta(days=1))

    def found(*options: str) -> list[tuple[str, str]]:
        events = run("audit", "--json", *options).works().json
        return [(event["actor"]["name"], event["action"]) for event in events]

    assert found("--actor", "LEO@acme.example") == [(LEO, "login"), (LEO, "api_token.create")]
    assert found("--action", "login") == [(ADA, "login"), (LEO, "login")]
    assert found("--action", "login", "--action", "logout", "--actor", ADA) == [
        (ADA, "login"),
        (ADA, "logout"),
    ]
    everything = [(ADA, "login"), (ADA, "logout"), ("root", "organization.add")]
    assert found("--org", "globex") == found("--org", str(acme)) == everything
    assert found("--since", "2020-01-02", "--until", "2020-01-02T01:00:00Z") == [(LEO, "login")]
    assert found("--since", "2020-01-02T01:00:00+00:00", "--until", "2021-01-01") == [
        (LEO, "api_token.create")
    ]
    assert found("--actor", "nobody") == []
    assert "No event matches." in run("audit", "--actor", "nobody").works().err
    run("audit", "--org", "nowhere").fails(1, "there is no organization 'nowhere'")
    run("audit", "--until", "yesterdayish").fails(2, "--until 'yesterdayish' is no time")


def test_an_organization_that_is_gone_is_found_by_its_name(run: Run, database: Database) -> None:
    acme = Organizations(database, lambda: OLD).add_organization(OPERATOR, "globex")
    add(database, "login", organization=acme)
    with database.write() as session:
        session.execute(text("DELETE FROM organizations WHERE name = 'globex'"))
    events = run("audit", "--json", "--org", "globex").works().json
    assert [event["action"] for event in events] == ["organization.add", "login"]


def test_the_name_of_a_removed_organization_is_known_for_ever(
    run: Run, database: Database, tmp_path: Path
) -> None:
    """Also of one whose beginning is not in the trail, after all else of that time was moved."""
    with database.write() as session:
        session.add(Organization(name="globex", created_at=OLD, updated_at=OLD))
    act = Removal(database, lambda: OLD)
    act.remove_organization(OPERATOR, act.preview_organization("globex"))
    add(database, "login", at=OLD)
    assert prune(database, tmp_path / "old.jsonl").events == 1
    events = run("audit", "--json", "--org", "globex").works().json
    assert [event["action"] for event in events] == ["organization.remove"]
    with pytest.raises(AlreadyExists, match="not used again"):
        Organizations(database, lambda: NOW).add_organization(OPERATOR, "globex")


def test_pieces_fit_together_whatever_the_order_of_writing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many events of one moment, and one that was written later and is older."""
    monkeypatch.setattr("app.server.core.audit._READ_BATCH", 3)
    for number in range(7):
        add(database, f"same-{number}")
    add(database, "older", at=OLD - timedelta(days=1))
    assert actions(database) == ["older", "organization.add", *(f"same-{n}" for n in range(7))]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(actor=ADA), "ix_audit_events_actor_name_at"),
        (Filter(actions=("login",), since=OLD), "ix_audit_events_action_at"),
        (Filter(organization="acme", until=NOW), "ix_audit_events_organization_id_at"),
        (Filter(since=OLD, until=NOW), "ix_audit_events_at"),
    ],
)
def test_each_filter_has_an_index(database: Database, wanted: Filter, index: str) -> None:
    with database.read() as session:
        sqlite = database.engine.dialect.name == "sqlite"
        if not sqlite:
            # There are too few events for an index to be worth it.
            session.execute(text("SET LOCAL enable_seqscan = off"))
        query = select_events(session, wanted)
        literal = str(query.compile(database.engine, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN QUERY PLAN" if sqlite else "EXPLAIN"
        plan = str(session.connection().exec_driver_sql(f"{explain} {literal}").all())
    assert index in plan, plan


def test_csv_has_every_event_and_no_formula(run: Run, database: Database) -> None:
    add(database, "login", actor='=cmd|"/c calc"!A1', target="+1,\n2")
    rows = list(csv.DictReader(io.StringIO(run("audit", "--csv").works().out)))
    assert [row["action"] for row in rows] == ["organization.add", "login"]
    row = rows[1]
    assert row["actor"] == '\'=cmd|"/c calc"!A1'
    assert row["target"].startswith("'+1,")
    assert row["at"] == "2020-01-01T00:00:00Z"
    assert (row["address"], json.loads(row["details"])) == ("192.0.2.7", {"n": 0})
    for name in rows[0]:
        assert not row[name].startswith(("=", "+", "-", "@"))


def test_json_lines_are_the_objects_of_the_list(run: Run, database: Database) -> None:
    add(database, "login", target="line\nbreak")
    out = run("audit", "--json-lines").works().out
    assert [json.loads(line) for line in out.splitlines()] == run("audit", "--json").works().json
    run("audit", "--csv", "--json").fails(2, "exclude each other")


def test_old_events_move_into_a_private_file(run: Run, database: Database, tmp_path: Path) -> None:
    add(database, "login", "logout")
    add(database, "login", at=NOW)
    before = run("audit", "--json", "--until", "2021-01-01").works().json
    file = tmp_path / "archive.jsonl"
    said = run("audit", "prune", "--before", "2021-01-01", "--to", str(file), "--json").works().json
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert said == {"before": "2021-01-01T00:00:00Z", "events": 2, "file": str(file), "sha256": digest}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    # New organizations are checked against those that were: that event stays.
    assert lines(file) == [event for event in before if event["action"] != "organization.add"]
    after = run("audit", "--json").works().json
    assert [event["action"] for event in after] == ["organization.add", "login", "audit.prune"]
    assert after[-1]["actor"]["kind"] == "operator"
    assert after[-1]["target"]["name"] == "archive.jsonl"
    assert after[-1]["details"] == {"before": "2021-01-01T00:00:00Z", "events": 2, "sha256": digest}
    assert not list(tmp_path.glob(".archive*")), "no draft is left"


def test_nothing_old_writes_no_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "archive.jsonl"
    said = run("audit", "prune", "--before", "2021-01-01", "--to", str(file)).works()
    assert "nothing was written" in said.err
    assert not file.exists()
    assert len(run("audit", "--json").works().json) == 1


def test_what_makes_no_sense_is_refused_and_nothing_is_deleted(
    run: Run, database: Database, tmp_path: Path
) -> None:
    add(database, "login")
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_text("precious")
    link.symlink_to(there)
    run("audit", "prune", "--before", "2021-01-01").fails(2, "--to")
    run("audit", "prune", "--to", str(tmp_path / "x")).fails(2, "--before")
    run("audit", "prune", "--before", "2999-01-01", "--to", str(tmp_path / "x")).fails(2, "in the future")
    run("audit", "prune", "--before", "soon", "--to", str(tmp_path / "x")).fails(
        2, "--before 'soon' is no time"
    )
    for taken in (there, link):
        run("audit", "prune", "--before", "2021-01-01", "--to", str(taken)).fails(2, "exists already")
    missing = tmp_path / "no" / "folder"
    run("audit", "prune", "--before", "2021-01-01", "--to", str(missing)).fails(1, "cannot be written")
    run("audit", "--since", "1d", "prune", "--before", "1d", "--to", "x").fails(2, "go after it")
    assert there.read_text() == "precious"
    assert actions(database) == ["organization.add", "login"]


def test_the_database_refuses_to_delete_what_no_archive_has(
    database: Database, data: Path, tmp_path: Path
) -> None:
    add(database, "login")
    add(database, "login", at=NOW - timedelta(days=1))
    prune(database, tmp_path / "archive", before=OLD + timedelta(days=1))
    with databases.SideDoor(data) as door:
        for change in ("DELETE FROM audit_events", "UPDATE audit_events SET actor_name = 'x'"):
            with APPEND_ONLY:
                door.execute(change)
    assert actions(database) == ["organization.add", "login", "audit.prune"]


def test_an_event_that_comes_while_the_archive_is_written_stays(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is old enough, and was committed after its place in the order was read."""
    add(database, "login", "logout")
    allow = AuditTrail._allow_deletion

    def late(self: AuditTrail, *given: Any) -> None:
        add(database, "late")
        allow(self, *given)

    monkeypatch.setattr(AuditTrail, "_allow_deletion", late)
    assert prune(database, tmp_path / "first").events == 2
    assert [event["action"] for event in lines(tmp_path / "first")] == ["login", "logout"]
    assert "late" in actions(database)
    monkeypatch.undo()
    assert prune(database, tmp_path / "second").events == 1


def test_a_disk_that_is_full_deletes_nothing_and_leaves_no_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, "login")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("app.server.private_files.os.fsync", full)
    with pytest.raises(Failed, match="No space left on device"):
        prune(database, tmp_path / "archive")
    assert list(tmp_path.glob("*archive*")) == []
    assert actions(database) == ["organization.add", "login"]
    with database.read() as session:
        assert session.query(AuditArchive).count() == 0


def test_the_file_is_synced_before_anything_is_deleted(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, "login", "logout")
    seen: list[tuple[str, int]] = []
    file = tmp_path / "archive"
    fsync, delete = os.fsync, AuditTrail._delete_events

    def synced(descriptor: int) -> None:
        seen.append(("sync", len(actions(database))))
        fsync(descriptor)

    def deleted(self: AuditTrail, *given: Any) -> None:
        seen.append(("delete", len(lines(file))))
        delete(self, *given)

    monkeypatch.setattr("app.server.private_files.os.fsync", synced)
    monkeypatch.setattr(AuditTrail, "_delete_events", deleted)
    prune(database, file)
    # The file, its folder, then the events.
    assert seen == [("sync", 3), ("sync", 3), ("delete", 2)]


def test_a_prune_that_breaks_off_goes_on_with_another_file(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(database, *(f"a-{number}" for number in range(5)))
    monkeypatch.setattr(audit, "_DELETE_BATCH", 2)
    delete = AuditTrail._delete_events
    done: list[bool] = []

    def once(self: AuditTrail, *given: Any) -> None:
        if done:
            raise NoDatabase("gone")
        done.append(True)
        delete(self, *given)

    monkeypatch.setattr(AuditTrail, "_delete_events", once)
    with pytest.raises(NoDatabase):
        prune(database, tmp_path / "first")
    monkeypatch.undo()
    with pytest.raises(UsageError, match="exists already"):
        prune(database, tmp_path / "first")
    assert prune(database, tmp_path / "second").events == 3
    whole = {event["id"]: event["action"] for event in lines(tmp_path / "first") + lines(tmp_path / "second")}
    assert sorted(whole.values()) == [f"a-{number}" for number in range(5)]


def test_an_id_is_not_given_twice(database: Database, tmp_path: Path) -> None:
    """Whoever puts archives together tells events apart by it."""
    add(database, "login", at=NOW - timedelta(days=2))
    prune(database, tmp_path / "first")
    add(database, "login", at=NOW - timedelta(days=1))
    prune(database, tmp_path / "second")
    (first,), (second,) = lines(tmp_path / "first"), lines(tmp_path / "second")
    assert first["id"] != second["id"]


def test_a_rotation_and_a_retirement_of_keys_are_in_the_trail(run: Run, data: Path, place: list[str]) -> None:
    ring = data / key_ring.FILE_NAME
    old = str(key_ring.read_ring(ring).signing.kid)
    where = [] if place[0] == "--data" else ["--signing-key-file", str(ring)]
    assert run("keys", "rotate", *where).works().err == ""
    run("keys", "retire", "--kid", old, *where).works()
    new = str(key_ring.read_ring(ring).signing.kid)
    run("keys", "retire", "--kid", new, *where).fails(2, "signs new tokens")
    events = run("audit", "--json", "--since", "1h").works().json
    assert [(event["actor"]["kind"], event["action"], event["target"]["name"]) for event in events] == [
        ("operator", "signing_key.rotate", new),
        ("operator", "signing_key.retire", old),
    ]


def test_keys_that_are_far_from_a_database_say_that_the_trail_does_not_have_it(
    command: Command, data: Path
) -> None:
    ring = data / key_ring.FILE_NAME
    said = command("server", "keys", "rotate", "--signing-key-file", str(ring)).works()
    assert "The audit trail does not have this" in said.err
    assert len(key_ring.read_ring(ring).keys) == 2
    assert not (data / "loopin.db").exists(), "no database was made"


def test_keys_stay_when_the_database_that_was_named_cannot_be_used(command: Command, data: Path) -> None:
    ring, url = data / key_ring.FILE_NAME, data / "unreachable"
    url.touch(0o600)
    url.write_text("postgresql://loopin@127.0.0.1:1/loopin")
    place = ("--signing-key-file", str(ring), "--database-url-file", str(url))
    command("server", "keys", "rotate", *place).fails(5, "does not answer")
    assert len(key_ring.read_ring(ring).keys) == 1


def test_a_role_that_a_provider_brings_is_in_the_trail(database: Database, data: Path) -> None:
    tokens = TokenSigner(key_ring.load_or_create(data), lambda: NOW)
    join = Join("acme", Role.VIEWER)
    sign_in = ProviderSignIn(database, tokens, lambda: NOW, timedelta(hours=1), join)
    sign_in.sign_in(VerifiedIdentity("https://sso.example", "subject", LEO, "Leo", ""), "192.0.2.7")
    (entry,) = AuditTrail(database).read_events(Filter(actions=("membership.set",)))
    assert (entry.organization, entry.event.target_name) == ("acme", LEO)
    assert entry.event.details == {"role": "viewer", "before": ""}
