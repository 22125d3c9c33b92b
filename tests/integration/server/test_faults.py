"""A database that cannot write or does not answer: 503 and UNAVAILABLE, and all well again by itself."""

import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.integration.server.callers import Caller, refusal
from tests.support import databases, postgres, require
from tests.support import server as servers
from tests.support.oauth import program_at, tokens_at
from tests.support.server import AccountServer, age_tokens, csrf_of, sign_in

pytestmark = pytest.mark.slow

OK = ("OK", "")
UNUSABLE = ("UNAVAILABLE", "the database cannot be used")
FULL = ("UNAVAILABLE", "the disk of the database is full")
ENOUGH = 3000
PATIENCE = 30.0
EVENTS_ALONE = (
    "SELECT count(*) FROM audit_events e LEFT JOIN api_tokens t ON t.id = e.target_id"
    " WHERE e.action = 'api_token.create' AND t.id IS NULL"
)
TOKENS_ALONE = (
    "SELECT count(*) FROM api_tokens t LEFT JOIN audit_events e ON e.target_id = t.id"
    " AND e.action = 'api_token.create' WHERE substr(t.name, 1, 2) = 'f-' AND e.id IS NULL"
)
Door = Callable[[], None]
Readiness = tuple[int, str | None, int, str]


@dataclass(frozen=True, slots=True)
class Room:
    """A server whose disk `close` fills and `open` makes room on; `told` is what a write is told then."""

    server: AccountServer
    close: Door
    open: Door
    told: tuple[str, str]


def over_quota(data: Path) -> Iterator[Room]:
    """The system lets the server write to no file any more."""
    server = servers.start(data)
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, before[1]))

    yield Room(server, lambda: limit(0), lambda: limit(before[0]), UNUSABLE)
    servers.release(server.process)


def full_disk(data: Path) -> Iterator[Room]:
    """The file system of an SQLite database has no block left."""
    with small_disk(data, "2m"):
        server = servers.start(data)
        yield Room(server, lambda: fill(data), lambda: (data / "ballast").unlink(), FULL)
        servers.release(server.process)


def full_tablespace(data: Path) -> Iterator[Room]:
    """The same for a PostgreSQL database. Its write-ahead log is elsewhere: without that it ends itself."""
    with postgres.running() as folder, small_disk(folder / "space", "16m") as space:
        place = space / "tables"
        place.mkdir()
        if postgres.as_root():
            shutil.chown(place, "postgres")
        databases.on_postgres(folder, data, space=place)
        server = servers.start(data)
        yield Room(server, lambda: fill(space), lambda: (space / "ballast").unlink(), FULL)
        servers.release(server.process)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A small file system in memory; only root may mount one."""
    folder.mkdir(parents=True)
    command = [require.tool("mount"), "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        require.missing("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Take every block that is left."""
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            return


@pytest.fixture(params=[over_quota, full_disk], ids=lambda how: how.__name__)
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Room]:
    """A server on SQLite, whose whole database is on that disk."""
    yield from request.param(tmp_path / "data")


@pytest.fixture
def table_room(tmp_path: Path) -> Iterator[Room]:
    """One on PostgreSQL: a table that has room in its last block may still grow there."""
    yield from full_tablespace(tmp_path / "data")


def is_ready(server: AccountServer, wanted: Readiness) -> bool:
    """Whether the three ways to ask say so. HTTP uses an answer of the database for a second."""
    end = time.monotonic() + PATIENCE
    while (found := readiness(server)) != wanted and time.monotonic() < end:
        pass
    return found == wanted


def readiness(server: AccountServer) -> Readiness:
    """HTTP status, Retry-After, gRPC health, readiness."""
    with httpx.Client(base_url=server.http, trust_env=False, timeout=30) as client:
        answer = client.get("/healthz")
    caller = Caller(server)
    stub: Any = health_pb2_grpc.HealthStub(caller.channel)
    health: health_pb2.HealthCheckResponse = stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
    found = refusal(lambda: caller.statusz(readiness=True))[0]
    caller.channel.close()
    return answer.status_code, answer.headers.get("retry-after"), health.status, found


WELL = (200, None, health_pb2.HealthCheckResponse.SERVING, "OK")
UNWELL = (503, "5", health_pb2.HealthCheckResponse.NOT_SERVING, "UNAVAILABLE")


def name() -> str:
    return f"f-{uuid4().hex[:12]}"


def nothing_is_half_written(server: AccountServer) -> None:
    with server.database() as connection:
        for query in (EVENTS_ALONE, TOKENS_ALONE):
            assert connection.execute(query).fetchone()[0] == 0
        if not connection.is_postgres:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def create_until_refused(owner: Caller) -> tuple[list[str], tuple[str, str]]:
    """The ids that were acknowledged, and the first refusal."""
    made: list[str] = []
    while len(made) < ENOUGH:
        answer = refusal(lambda: made.append(owner.create(name(), description="x" * 400).item.id))
        if answer != OK:
            return made, answer
    raise AssertionError("it never ran out of room")


def try_to_enter(client: httpx.Client, login: tuple[str, str]) -> httpx.Response:
    page = client.get("/auth/login")
    form = {"csrf_token": csrf_of(page.text), "email": login[0], "password": login[1]}
    return client.post("/auth/login", data=form)


def test_a_full_disk_stops_writes_only_and_they_go_on_when_there_is_room(room: Room) -> None:
    server = room.server
    bearer, opened = sign_in(server, *server.owner), tokens_at(server, server.owner)
    owner = Caller(server, bearer)
    token = Caller(server, owner.create("f-unstamped").jwt)
    age_tokens(server, "f-unstamped", used=timedelta(days=1), created=timedelta(days=2))
    assert is_ready(server, WELL)
    room.close()
    made, answer = create_until_refused(owner)
    assert answer == room.told
    assert refusal(lambda: owner.revoke(owner.list()[0].id)) == room.told
    assert {item.id for item in owner.list()} >= set(made)
    # This read would stamp the token: it is answered all the same.
    assert refusal(token.current) == OK
    assert is_ready(server, UNWELL)
    with httpx.Client(base_url=server.http, trust_env=False, timeout=30) as client, program_at(server) as app:
        refused = [try_to_enter(client, server.owner), app.refresh(opened["refresh_token"])]
        assert [(one.status_code, one.headers["retry-after"]) for one in refused] == [(503, "5")] * 2
        assert refused[1].json()["error"] == "temporarily_unavailable"
        assert app.works(opened["access_token"])
        room.open()
        assert is_ready(server, WELL)
        # The very same refresh token: the refusal has not used it up.
        assert app.refresh(opened["refresh_token"]).status_code == 200
        assert try_to_enter(client, server.owner).status_code == 200
    made.append(owner.create(name()).item.id)
    assert {item.id for item in owner.list()} >= set(made)
    nothing_is_half_written(server)


def test_a_full_disk_under_postgresql_is_told_and_found_again(table_room: Room) -> None:
    server = table_room.server
    owner = Caller(server, sign_in(server, *server.owner))
    table_room.close()
    made, answer = create_until_refused(owner)
    assert answer == table_room.told
    assert is_ready(server, UNWELL)
    assert {item.id for item in owner.list()} >= set(made)
    table_room.open()
    assert is_ready(server, WELL)
    made.append(owner.create(name()).item.id)
    assert {item.id for item in owner.list()} >= set(made)
    nothing_is_half_written(server)


@pytest.fixture(scope="module")
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, AccountServer]]:
    """A PostgreSQL that may be stopped, and a server on it."""
    with postgres.running() as folder:
        data = tmp_path_factory.mktemp("faults")
        databases.on_postgres(folder, data)
        server = servers.start(data)
        yield folder, server
        servers.release(server.process)


def test_a_database_that_is_gone_is_told_and_found_again(own_postgres: tuple[Path, AccountServer]) -> None:
    folder, server = own_postgres
    bearer, opened = sign_in(server, *server.owner), tokens_at(server, server.owner)
    owner = Caller(server, bearer)
    made = owner.create(name()).item.id
    postgres.end(folder)
    assert [refusal(call) for call in (owner.current, owner.list, lambda: owner.create(name()))] == [
        UNUSABLE
    ] * 3
    assert is_ready(server, UNWELL)
    with httpx.Client(base_url=server.http, trust_env=False, timeout=30) as client, program_at(server) as app:
        api = client.get("/api/v1/models", headers={"Authorization": f"Bearer {opened['access_token']}"})
        refused = [try_to_enter(client, server.owner), app.refresh(opened["refresh_token"]), api]
        assert [(one.status_code, one.headers["retry-after"]) for one in refused] == [(503, "5")] * 3
        assert api.json()["error"]["code"] == "unavailable"
        postgres.begin(folder)
        assert is_ready(server, WELL)
        assert app.refresh(opened["refresh_token"]).status_code == 200
    assert made in {item.id for item in owner.list()}
    assert refusal(lambda: owner.create(name())) == OK
    nothing_is_half_written(server)
    assert "rpc.failed" not in server.errors
    assert "http.failed" not in server.errors


def test_connections_that_break_lose_no_write_that_was_acknowledged(
    own_postgres: tuple[Path, AccountServer],
) -> None:
    folder, server = own_postgres
    owner = Caller(server, sign_in(server, *server.owner))
    made: list[str] = []

    def create() -> tuple[str, str]:
        return refusal(lambda: made.append(owner.create(name()).item.id))

    place = f"host={folder} user=postgres dbname=postgres"
    with ThreadPoolExecutor(8) as pool, psycopg.connect(place, autocommit=True) as door:
        calls = [pool.submit(create) for _ in range(200)]
        while not all(call.done() for call in calls):
            door.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname LIKE 'test%' AND pid <> pg_backend_pid()"
            )
            calls[len([call for call in calls if call.done()]) % len(calls)].exception()
    answers = {call.result() for call in calls}
    assert answers <= {OK, UNUSABLE}
    assert create() == OK
    assert {item.id for item in owner.list()} >= set(made)
    nothing_is_half_written(server)
