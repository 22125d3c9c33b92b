"""A database from before: it is brought up to date with all that is in it, or left as it is."""

import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.domain.errors import Failed, Unreachable
from app.server.core.passwords import Passwords
from app.server.core.projects import Projects
from app.server.persistence import engine, migrate
from app.server.persistence.engine import Database
from app.server.persistence.errors import NoDatabase
from app.server.persistence.models import Base, Organization, ProjectMembership
from tests.integration.server.callers import Caller
from tests.support import databases
from tests.support import server as servers
from tests.support.cli import Loopin
from tests.support.databases import ON_BOTH, Prepare, SideDoor, ago, moment
from tests.support.server import AccountServer, release, sign_in
from tests.support.server_process import ServerProcess

pytestmark = [ON_BOTH, pytest.mark.slow]
PATIENCE = 60.0
ADA, PASSWORD = "ada@acme.example", "password-not-real"
OLD = ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"]
Row = tuple[Any, ...]
# Beside those of the first version.
LATER = {"0002": ("teams", "api_keys", "oauth_grants", "oauth_tokens"), "0003": ("trusted_issuers",)}


@pytest.fixture
def data(tmp_path: Path, prepare_data: Prepare) -> Path:
    """The folder of a server that has not been started yet."""
    prepare_data(tmp_path)
    return tmp_path


@pytest.fixture
def database(data: Path) -> Iterator[Database]:
    """Its database, with no table in it."""
    made = Database(databases.url_of(data))
    yield made
    made.close()


def bring_to(database: Database, revision: str) -> None:
    """Make the schema that a program of then would have made."""

    def up(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(migrate.FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    with database.engine.execution_options(writer=True).connect() as connection, connection.begin():
        up(connection)


def add(door: SideDoor, table: str, **values: object) -> str:
    """Insert a row; return its id."""
    row = {"id": uuid4().hex, **values}
    row = {name: value for name, value in row.items() if value is not ...}
    places = ", ".join("?" * len(row))
    door.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", list(row.values()))
    return str(row.get("id", ""))


def fill(data: Path, revision: str) -> None:
    """Put something into every table that people would miss."""
    then = ago(timedelta(days=200))
    born = {"created_at": then, "updated_at": then}
    off = dict.fromkeys(
        (
            "block_on_policy_violation",
            "prevent_implicit_workflow_creation",
            "restrict_contract_creation_to_org_admins",
            "enable_ai_agent_collector",
            "block_attestations_on_released_versions",
            "skip_runner_env_vars",
        ),
        False,
    )
    with SideDoor(data) as door:
        names = {"first_name": "Ada", "last_name": "Löve", "instance_admin": False}
        ada = add(door, "users", email=ADA, password_hash=Passwords().hash(PASSWORD), **names, **born)
        acme = add(
            door,
            "organizations",
            name="acme",
            api_token_max_days_inactive=365,
            policy_allowed_hostnames="[]",
            **off,
            **born,
        )
        add(door, "memberships", user_id=ada, organization_id=acme, role="owner", current=True, **born)
        web = add(door, "projects", organization_id=acme, name="web", created_at=then)
        told = {"organization_id": acme, "description": "from before", "permissions": "[]"}
        for name, project, used, revoked in (
            ("idle", None, ago(timedelta(days=90)), None),
            ("never-used", web, None, None),
            ("gone", None, None, then),
        ):
            times = {"created_at": then, "last_used_at": used, "revoked_at": revoked}
            add(door, "api_tokens", name=name, project_id=project, **told, **times)
        add(door, "sessions", user_id=ada, address="192.0.2.1", created_at=then, expires_at=then)
        event = {"actor_kind": "person", "actor_name": ADA, "address": "", "action": "login"}
        add(door, "audit_events", id=..., at=then, **event, target_name="", details='{"n": 1}')
        add(door, "login_attempts", at=then, account=ADA, address="192.0.2.1", succeeded=False)
        if revision >= "0002":
            fill_gumloop(door, ada, acme, then)
        if revision >= "0003":
            trust = {"url": "https://ci.example", "audience": "chainloop", "claims": "{}"}
            add(door, "trusted_issuers", organization_id=acme, **trust, allow_private=False, created_at=then)


def fill_gumloop(door: SideDoor, ada: str, acme: str, then: str) -> None:
    team = add(door, "teams", organization_id=acme, name="research", created_at=then)
    add(door, "api_keys", id=..., key_hash="0" * 64, user_id=ada, team_id=team, hint="0000", created_at=then)
    life = {"scope": "gumloop_api", "created_at": then, "expires_at": then}
    grant = add(door, "oauth_grants", client_id="gumloop_cli", user_id=ada, **life)
    add(door, "oauth_tokens", id=..., token_hash="1" * 64, grant_id=grant, kind="refresh", **life)


def copy_of_acme(door: SideDoor, name: str) -> str:
    """Another organization with the settings of the first one; return its id."""
    id = uuid4().hex
    same = (
        "created_at, updated_at, policy_allowed_hostnames, block_on_policy_violation,"
        " prevent_implicit_workflow_creation, restrict_contract_creation_to_org_admins,"
        " enable_ai_agent_collector, block_attestations_on_released_versions, skip_runner_env_vars"
    )
    door.execute(
        f"INSERT INTO organizations (id, name, {same}) SELECT ?, ?, {same} FROM organizations", [id, name]
    )
    return id


def rows(data: Path, revision: str) -> dict[str, list[Row]]:
    """What was filled in, column by column as the revision knew them."""
    tables = ["users", "organizations", "memberships", "projects", "sessions", "audit_events"]
    tables += [table for since, more in LATER.items() if revision >= since for table in more]
    tokens = "id, organization_id, project_id, name, description, created_at, last_used_at, revoked_at"
    with SideDoor(data) as door:
        found = {table: door.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables}
        found["api_tokens"] = door.execute(f"SELECT {tokens} FROM api_tokens ORDER BY 1").fetchall()
    assert all(found.values())
    return found


def everything(data: Path) -> list[str]:
    with SideDoor(data) as door:
        return sorted(door.iterdump())


def refused(data: Path) -> str:
    """What a server says that does not start on it and ends with 1."""
    errors = data / "stderr"
    errors.touch()
    process = ServerProcess(["start", "--data", str(data), *databases.flags(data)], errors)
    try:
        assert process.wait(PATIENCE) == 1, errors.read_text()
        assert process.stdout.read() == ""
    finally:
        release(process)
    return errors.read_text()


def place(data: Path) -> list[str]:
    """The options that name the database in `data` to a command."""
    url = data / databases.URL_FILE
    return ["--database-url-file", str(url)] if url.exists() else ["--data", str(data)]


READERS = [
    *(["user", "list"], ["org", "list"], ["project", "list"], ["project", "member", "list"]),
    *(["issuer", "list"], ["audit"], ["sweep", "--dry-run"]),
]
WRITERS = [
    *(["user", "disable", ADA], ["user", "enable", ADA], ["org", "add", "globex"], ["sweep"]),
    ["membership", "set", ADA, "--org", "acme", "--role", "owner"],
]


@pytest.mark.parametrize("words", [*READERS, *WRITERS], ids=" ".join)
def test_a_command_leaves_the_schema_of_an_older_version_alone(
    data: Path, database: Database, loopin: Loopin, words: list[str]
) -> None:
    bring_to(database, "0005")
    fill(data, "0005")
    before = everything(data)
    result = loopin("server", *words, *place(data)).fails(1, "the schema of an older version", "(0005)")
    assert result.err.endswith(f"loopin server migrate {shlex.join(place(data))}\n")
    assert everything(data) == before
    loopin("server", "migrate", *place(data)).works()
    loopin("server", *words, *place(data)).works()


def test_a_command_makes_no_database(data: Path, loopin: Loopin) -> None:
    before = sorted(data.iterdir())
    result = loopin("server", "user", "list", *place(data))
    if databases.URL_FILE in {path.name for path in before}:
        result.fails(1, "no tables yet", f"loopin server migrate {shlex.join(place(data))}")
        assert everything(data) == []
    else:
        result.fails(2, "there is no account server in")
    assert sorted(data.iterdir()) == before
    loopin("server", "migrate", *place(data)).works()
    assert loopin("server", "user", "list", "--json", *place(data)).works().json == []


def test_a_command_leaves_the_schema_of_a_newer_version_alone(
    data: Path, database: Database, loopin: Loopin
) -> None:
    bring_to(database, "head")
    with SideDoor(data) as door:
        door.execute("UPDATE alembic_version SET version_num = '9999'")
    loopin("server", "user", "list", *place(data)).fails(1, "created by a newer version")


def test_a_token_that_another_token_created_knows_it_as_its_parent(data: Path, database: Database) -> None:
    bring_to(database, "0006")
    fill(data, "0006")
    with SideDoor(data) as door:
        [parent, person, acme] = door.execute(
            "SELECT t.id, u.id, t.organization_id FROM api_tokens t, users u WHERE t.name = 'idle'"
        ).fetchone()
        for name, creator in (("child", parent), ("own", person)):
            row = {"name": name, "description": "", "permissions": "[]", "created_at": ago(timedelta(days=1))}
            add(door, "api_tokens", organization_id=acme, created_by=creator, **row)
    migrate.migrate(database.engine)
    with SideDoor(data) as door:
        found = door.execute("SELECT name, parent_id FROM api_tokens ORDER BY name").fetchall()
    assert dict(found) == {"child": parent, "gone": None, "idle": None, "never-used": None, "own": None}


def test_a_grant_that_was_renewed_for_ever_gets_an_end(data: Path, database: Database) -> None:
    bring_to(database, "0008")
    fill(data, "0008")
    times = {"old": (40, -50), "young": (10, -80), "code": (1, 1)}
    grants: dict[str, str] = {}
    with SideDoor(data) as door:
        ada = str(door.execute("SELECT id FROM users").fetchone()[0])
        for name, (created, expires) in times.items():
            life = {"created_at": ago(timedelta(days=created)), "expires_at": ago(timedelta(days=expires))}
            told = {"client_id": "gumloop_cli", "user_id": ada, "scope": name}
            grants[name] = add(door, "oauth_grants", **told, **life)
            token = {"id": ..., "kind": "refresh", "scope": name, "grant_id": grants[name]}
            add(door, "oauth_tokens", token_hash=name, **token, **life)
    migrate.migrate(database.engine)
    with SideDoor(data) as door:
        query = "SELECT g.scope, g.created_at, g.expires_at, t.expires_at FROM oauth_grants g"
        query += " JOIN oauth_tokens t ON t.grant_id = g.id WHERE g.scope IN ('old', 'young', 'code')"
        ends_of = {row[0]: [moment(at) for at in row[1:]] for row in door.execute(query).fetchall()}
    for name in ("old", "young"):
        made, end, token_end = ends_of[name]
        assert end == token_end == made + timedelta(days=30)
    made, end, token_end = ends_of["code"]
    assert end == token_end < made + timedelta(days=1)


@pytest.mark.parametrize("revision", OLD)
def test_what_was_in_it_is_still_there(data: Path, database: Database, revision: str) -> None:
    bring_to(database, revision)
    fill(data, revision)
    before = rows(data, revision)
    migrate.migrate(database.engine)
    assert migrate.version(database.engine) == "0010"
    assert rows(data, revision) == before
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    with SideDoor(data) as door, pytest.raises(Exception, match="append-only"):
        door.execute("DELETE FROM audit_events")


def test_members_and_contributors_are_admins_of_every_project_that_was_theirs(
    data: Path, database: Database
) -> None:
    bring_to(database, "0005")
    fill(data, "0005")
    then = ago(timedelta(days=9))
    born = {"created_at": then, "updated_at": then}
    with SideDoor(data) as door:
        acme = str(door.execute("SELECT id FROM organizations").fetchone()[0])
        globex = copy_of_acme(door, "globex")
        for organization, name in ((acme, "ml"), (globex, "printer")):
            add(door, "projects", organization_id=organization, name=name, created_at=then)
        for role in ("member", "contributor", "viewer", "admin"):
            names = {"first_name": "", "last_name": "", "password_hash": "", "instance_admin": False}
            user = add(door, "users", email=f"{role}@acme.example", **names, **born)
            add(door, "memberships", user_id=user, organization_id=acme, role=role, current=True, **born)
    migrate.migrate(database.engine)
    found = Projects(database).list_members()
    assert [(row.organization, row.project, row.email, row.role) for row in found] == [
        ("acme", "ml", "contributor@acme.example", "admin"),
        ("acme", "ml", "member@acme.example", "admin"),
        ("acme", "web", "contributor@acme.example", "admin"),
        ("acme", "web", "member@acme.example", "admin"),
    ]
    assert len({row.created_at for row in found}) == 1
    # Once, and not again at the next start.
    with database.write() as session:
        session.query(ProjectMembership).delete()
    migrate.migrate(database.engine)
    assert Projects(database).list_members() == []


def test_two_servers_that_start_at_once_both_serve_who_was_there(data: Path, database: Database) -> None:
    bring_to(database, "0001")
    fill(data, "0001")
    if database.engine.dialect.name != "sqlite":
        # Servers of the version before may be at work: a start refuses, and whoever runs them decides.
        before = everything(data)
        said = refused(data)
        assert "the schema of an older version" in said
        assert f"loopin server migrate --data {data} --database-url-file" in said
        assert everything(data) == before
        migrate.migrate(database.engine)
    with ExitStack() as ends, ThreadPoolExecutor(2) as pool:
        both: list[AccountServer] = list(pool.map(lambda _: servers.start(data, seed=""), range(2)))
        for server in both:
            ends.callback(servers.release, server.process)
        bearers = [sign_in(server, ADA, PASSWORD) for server in both]
        # Whoever signed in at one of them is known to the other.
        for server, bearer in zip(reversed(both), bearers, strict=True):
            caller = Caller(server, bearer)
            assert {item.name for item in caller.list()} == {"idle", "never-used"}
            caller.channel.close()
        assert [server.stop() for server in both] == [0, 0]


def test_one_that_is_newer_than_the_program_is_refused_and_left_alone(data: Path, database: Database) -> None:
    bring_to(database, "head")
    fill(data, "head")
    with SideDoor(data) as door:
        door.execute("UPDATE alembic_version SET version_num = '9999'")
    before = everything(data)
    assert refused(data) == (
        "loopin: the database was created by a newer version of this program\n"
        "  next: update the program here too\n"
    )
    with pytest.raises(Failed, match="newer version"):
        migrate.migrate(database.engine)
    assert everything(data) == before


def test_an_upgrade_that_cannot_be_finished_leaves_it_as_it_was(data: Path, database: Database) -> None:
    bring_to(database, "0001")
    fill(data, "0001")
    with SideDoor(data) as door:
        door.execute("CREATE TABLE pending_sign_ins (what TEXT)")
    before = everything(data)
    with pytest.raises(SQLAlchemyError):
        migrate.migrate(database.engine)
    assert everything(data) == before


def test_one_that_another_program_holds_is_told_and_left_alone(
    data: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "LOCK_SECONDS", 1)
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 200)
    bring_to(database, "0003")
    database.close()
    with SideDoor(data) as door:
        door.hold_all()
        with pytest.raises(Unreachable, match="another program holds the database"):
            migrate.migrate(database.engine)
        door.execute("ROLLBACK")
    assert migrate.version(database.engine) == "0003"
    # Another server that is at it, too.
    with migrate._lock(database.engine), pytest.raises(Unreachable, match="another program"):
        migrate.migrate(database.engine)
    assert migrate.version(database.engine) == "0003"


def test_a_write_that_waits_too_long_for_anothers_is_refused_and_works_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    with closing(Database(databases.url_of(data))) as database:
        migrate.migrate(database.engine)
        with SideDoor(data) as door:
            door.begin()
            door.execute("DELETE FROM organizations")
            if door.is_postgres:
                door.execute("LOCK TABLE organizations")
            with pytest.raises(NoDatabase), database.write() as session:
                session.query(Organization).update({"name": "other"})
            door.execute("ROLLBACK")
        with database.write() as session:
            assert session.query(Organization).update({"name": "other"}) == 0
