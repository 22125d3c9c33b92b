"""Several server processes on one database: nothing is done twice, nothing is lost, nobody waits for ever."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.domain import inactivity
from app.domain.tokens import APIToken
from tests.integration.server.callers import Caller, refusal
from tests.support import databases
from tests.support.databases import moment
from tests.support.http_client import http_client
from tests.support.server import AccountServer, bulk_tokens, csrf_of, release, sign_in, start, submit_login

pytestmark = pytest.mark.slow

TOKENS, THRESHOLD = 12_000, 20


@contextmanager
def fleet(data: Path, count: int) -> Iterator[list[AccountServer]]:
    """So many servers on what is in `data`."""
    servers: list[AccountServer] = []
    try:
        while len(servers) < count:
            seed = "" if servers else "demo"
            servers.append(start(data, "--control-stdin", "--log-level", "info", seed=seed))
        yield servers
    finally:
        for server in servers:
            release(server.process)


def ask_to_sweep(server: AccountServer) -> None:
    assert server.process.stdin is not None
    server.process.stdin.write("sweep\n")
    server.process.stdin.flush()


def answer_of(server: AccountServer) -> int:
    assert server.process.stdout is not None
    answer = json.loads(server.process.stdout.readline())
    assert "error" not in answer, server.errors
    return int(answer["swept"])


def set_threshold(server: AccountServer, days: int) -> None:
    with server.database() as database:
        database.execute(
            "UPDATE organizations SET api_token_max_days_inactive = ? WHERE name = 'acme'", (days,)
        )


def doomed(server: AccountServer) -> set[str]:
    """The ids of the tokens of acme that the rule gives to the sweep."""
    query = "SELECT t.id, t.created_at, t.last_used_at FROM api_tokens t JOIN organizations o"
    query += " ON o.id = t.organization_id WHERE o.name = 'acme' AND t.revoked_at IS NULL"
    now = datetime.now(UTC)
    with server.database() as database:
        rows = database.execute(query).fetchall()

    def aware(value: object) -> datetime | None:
        return moment(value).replace(tzinfo=UTC) if isinstance(value, str | datetime) else None

    tokens = [APIToken(str(r[0]), "", "", "", "", aware(r[1]) or now, last_used_at=aware(r[2])) for r in rows]
    return {token.id for token in tokens if inactivity.is_inactive(token, THRESHOLD, now)}


def swept(server: AccountServer) -> list[str]:
    """What the audit trail says was swept."""
    query = "SELECT target_id FROM audit_events WHERE action = 'api_token.auto_revoke'"
    with server.database() as database:
        return [str(row[0]) for row in database.execute(query).fetchall()]


def revoked(server: AccountServer, since: str) -> set[str]:
    with server.database() as database:
        rows = database.execute("SELECT id FROM api_tokens WHERE revoked_at > ?", (since,)).fetchall()
    return {str(row[0]) for row in rows}


def wait_until_some_are_swept(server: AccountServer, victim: AccountServer) -> None:
    with server.database() as database:
        count = "SELECT count(*) FROM audit_events WHERE action = 'api_token.auto_revoke'"
        while database.execute(count).fetchone()[0] == 0:
            assert victim.process.poll() is None


@pytest.mark.slow
def test_three_sweep_at_once_and_one_is_killed_in_the_middle(tmp_path: Path, postgres_folder: Path) -> None:
    """The victim has revoked some and cannot finish, whatever the speed: a row is locked until it is dead."""
    data = tmp_path / "data"
    databases.on_postgres(postgres_folder, data)
    with fleet(data, 3) as servers:
        victim, *others = servers
        bulk_tokens(victim, "acme", TOKENS)
        set_threshold(victim, THRESHOLD)
        stale, began = doomed(victim), databases.ago(timedelta(0))
        assert TOKENS // 3 < len(stale) < TOKENS
        with others[0].database() as holder:
            holder.begin()
            held = "SELECT id FROM api_tokens WHERE id = ? FOR UPDATE"
            assert len(holder.execute(held, (min(stale),)).fetchall()) == 1
            ask_to_sweep(victim)
            wait_until_some_are_swept(others[1], victim)
            for server in others:
                ask_to_sweep(server)
            victim.process.kill()
            assert victim.process.stdout is not None
            # It had not finished: its answer never came.
            assert victim.process.stdout.readline() == ""
            holder.execute("ROLLBACK")
        counts = [answer_of(server) for server in others]
        assert 0 < sum(counts) < len(stale)
        events = swept(others[0])
        assert len(events) == len(set(events)) == len(stale)
        assert set(events) == stale == revoked(others[0], began)
        ask_to_sweep(others[0])
        assert answer_of(others[0]) == 0


def test_what_a_dead_server_held_is_swept_by_the_others(tmp_path: Path, postgres_folder: Path) -> None:
    data = tmp_path / "data"
    databases.on_postgres(postgres_folder, data)
    with fleet(data, 1) as (server,):
        stale = 4
        with ThreadPoolExecutor(1) as pool, server.database() as dying:
            dying.begin()
            held = "SELECT id FROM api_tokens WHERE name = 'ci-legacy' FOR UPDATE"
            assert len(dying.execute(held).fetchall()) == 1
            ask_to_sweep(server)
            answer = pool.submit(answer_of, server)
            while len(swept(server)) < stale - 1:
                assert not answer.done()
            # The rest is done; for this one it waits, and it is still there when its holder is gone.
            assert not answer.done()
            dying.execute("ROLLBACK")
            assert answer.result(30) == stale


@pytest.mark.slow
def test_two_processes_share_one_sqlite_file_under_load(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with fleet(data, 2) as servers:
        bulk_tokens(servers[0], "acme", 6000)
        set_threshold(servers[0], THRESHOLD)
        stale = doomed(servers[0])
        bearers = [sign_in(server, *server.owner) for server in (servers[0],)]

        def work(number: int) -> str:
            caller = Caller(servers[number % 2], bearers[0])
            made = caller.create(f"load-{number}")
            caller.revoke(made.item.id)
            return made.item.id

        for server in servers:
            ask_to_sweep(server)
        with ThreadPoolExecutor(6) as pool:
            assert len(set(pool.map(work, range(60)))) == 60
        assert sum(answer_of(server) for server in servers) == len(stale)
        events = swept(servers[0])
        assert len(events) == len(stale)
        assert set(events) == stale
        for server in servers:
            assert "locked" not in server.errors
            assert "failed" not in server.errors


@pytest.fixture
def pair(tmp_path: Path, postgres_folder: Path) -> Iterator[list[AccountServer]]:
    """Two servers on one PostgreSQL with one ring of keys."""
    databases.on_postgres(postgres_folder, tmp_path / "data")
    with fleet(tmp_path / "data", 2) as servers:
        # The same sample data, whoever put it there.
        seed = servers[0].seed
        first, second = servers
        yield [first, AccountServer(second.http, second.grpc, second.pid, seed, second.data, second.process)]


def test_what_begins_on_one_server_goes_on_at_another(pair: list[AccountServer]) -> None:
    first, second = pair
    email, password = first.owner
    with http_client() as browser:
        page = browser.get(f"{first.http}/auth/login", params={"callback": ""})
        form = {"csrf_token": csrf_of(page.text), "email": email, "password": password}
        shown = browser.post(f"{second.http}/auth/login", params={"callback": ""}, data=form)
    assert shown.status_code == 200
    jwt = shown.text.partition("<textarea")[2].partition(">")[2].partition("<")[0]
    made = Caller(first, jwt).create("from-the-first")
    assert made.item.id in {item.id for item in Caller(second, jwt).list()}
    assert Caller(second, made.jwt).current().current_user.id == made.item.id
    with http_client(second.http) as client:
        gone = client.post("/auth/logout", headers={"authorization": f"Bearer {jwt}"})
    assert gone.status_code == 204
    assert refusal(Caller(first, jwt).current)[0] == "UNAUTHENTICATED"


def test_wrong_passwords_are_counted_over_all_servers(pair: list[AccountServer]) -> None:
    statuses = []
    for number in range(11):
        with http_client(pair[number % 2].http) as browser:
            statuses.append(submit_login(browser, pair[0].owner[0], "wrong").status_code)
    assert statuses == [401] * 10 + [429]
