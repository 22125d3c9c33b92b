"""How fast the sweep is, and what requests feel meanwhile. Development environment needed.

    python scripts/bench/sweep.py [--tokens 1000000] [--stale 100000] [--database sqlite]

A server process holds the tokens in 100 organizations. It is asked to sweep while one client reads and one
writes, each at its own pace; before that they do the same with nothing else going on.
"""

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
sys.path.insert(0, str(Path(__file__).parents[2]))

from sqlalchemy import text

from app.server.persistence.engine import Database
from tests.integration.server.callers import Caller
from tests.support import databases, postgres
from tests.support.server import AccountServer, release, sign_in, start
from tests.support.server_process import run_program

ORGANIZATIONS, THRESHOLD = 100, 90
# As a server that keeps its promises is set up: with fsync.
POSTGRES = "-c listen_addresses='' -c max_connections=200"
PACE, IDLE_SECONDS = 0.01, 8.0
_COLUMNS = "id, organization_id, name, description, permissions, created_at, last_used_at"
FILL = {
    "sqlite": f"""
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :tokens)
        INSERT INTO api_tokens ({_COLUMNS})
        SELECT lower(hex(randomblob(16))), o.id, 'bench-' || i, '', '[]',
               strftime('%Y-%m-%d %H:%M:%f000', 'now', '-500 days'),
               strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' ||
                        (CASE WHEN (i / :orgs) % :share = 0 THEN 100 + i % 300 ELSE i % 80 END) || ' days')
        FROM n JOIN organizations o ON o.name = 'bench-' || (i % :orgs)""",
    "postgresql": f"""
        INSERT INTO api_tokens ({_COLUMNS})
        SELECT gen_random_uuid(), o.id, 'bench-' || i, '', '[]', now() - interval '500 days',
               now() - make_interval(days =>
                 CASE WHEN (i / :orgs) % :share = 0 THEN 100 + i % 300 ELSE i % 80 END)
        FROM generate_series(0, :tokens - 1) i JOIN organizations o ON o.name = 'bench-' || (i % :orgs)""",
}
PLAN = """{explain} SELECT id FROM api_tokens WHERE organization_id = '{organization}' AND revoked_at IS NULL
 AND active_since < {cutoff} ORDER BY active_since LIMIT 1000"""


@dataclass(slots=True)
class Pulse:
    """One client's calls, at its own pace; seconds each."""

    call: Callable[[], object]
    seconds: list[float] = field(default_factory=list)
    failures: int = 0

    def run(self, stop: threading.Event) -> None:
        """Call until told to stop."""
        while not stop.wait(PACE):
            began = time.perf_counter()
            try:
                self.call()
            except Exception:
                self.failures += 1
            self.seconds.append(time.perf_counter() - began)

    def __str__(self) -> str:
        return f"{self.p95():.1f} ms ({len(self.seconds)} calls, {self.failures} failed)"

    def p95(self) -> float:
        """In milliseconds."""
        return statistics.quantiles(self.seconds, n=20)[-1] * 1000 if len(self.seconds) > 1 else float("nan")


@contextmanager
def beating(*pulses: Pulse) -> Iterator[None]:
    """Let the clients call, each in a thread of its own."""
    stop = threading.Event()
    threads = [threading.Thread(target=pulse.run, args=(stop,)) for pulse in pulses]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def fill(database: Database, tokens: int, stale: int) -> None:
    """Make the organizations and their tokens; `stale` of them are over the threshold."""
    with database.write() as session:
        make = (
            "INSERT INTO organizations SELECT {id}, 'bench-' || {n}, created_at, updated_at, :days, false,"
            " '[]', false, false, false, false, false FROM organizations WHERE name = 'acme'"
        )
        for number in range(ORGANIZATIONS):
            id = "lower(hex(randomblob(16)))" if is_sqlite(database) else "gen_random_uuid()"
            session.execute(text(make.format(id=id, n=number)), {"days": THRESHOLD})
        values = {"tokens": tokens, "orgs": ORGANIZATIONS, "share": max(tokens // stale, 1)}
        session.execute(text(FILL[database.engine.dialect.name]), values)
    with database.write() as session:
        session.execute(text("ANALYZE"))


def is_sqlite(database: Database) -> bool:
    """True on SQLite, False on PostgreSQL."""
    return database.engine.dialect.name == "sqlite"


def plan(database: Database) -> str:
    """How the database finds one organization's stale tokens."""
    with database.read() as session:
        found = session.execute(text("SELECT id FROM organizations WHERE name = 'bench-7'")).scalar_one()
        if is_sqlite(database):
            sql = PLAN.format(
                explain="EXPLAIN QUERY PLAN",
                organization=found,
                cutoff=f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-{THRESHOLD} days')",
            )
            return "\n".join(str(row[3]) for row in session.execute(text(sql)))
        sql = PLAN.format(
            explain="EXPLAIN (ANALYZE, BUFFERS)",
            organization=found,
            cutoff=f"now() - interval '{THRESHOLD} days'",
        )
        return "\n".join(str(row[0]) for row in session.execute(text(sql)))


def sweep_now(server: AccountServer) -> tuple[int, float]:
    """Ask the server; return how many tokens and in how many seconds."""
    assert server.process.stdin is not None
    assert server.process.stdout is not None
    began = time.perf_counter()
    server.process.stdin.write("sweep\n")
    server.process.stdin.flush()
    swept = json.loads(server.process.stdout.readline())["swept"]
    return int(swept), time.perf_counter() - began


def run(kind: str, tokens: int, stale: int) -> None:
    """Measure on a fresh server with a database of that kind."""
    place = postgres.running(POSTGRES) if kind == "postgresql" else nullcontext()
    with place as sockets, tempfile.TemporaryDirectory(prefix="loopin-bench-") as made:
        folder = Path(made)
        if sockets is not None:
            databases.on_postgres(sockets, folder)
        server = start(folder, "--control-stdin", "--log-level", "info", launch=run_program)
        try:
            measure(server, kind, tokens, stale)
        finally:
            release(server.process)


def measure(server: AccountServer, kind: str, tokens: int, stale: int) -> None:
    """Fill it, sweep it and print what was seen."""
    url = databases.url_of(server.data)
    database = Database(url)
    began = time.perf_counter()
    fill(database, tokens, stale)
    print(f"\n== {kind}: {tokens} tokens, {stale} stale; filled in {time.perf_counter() - began:.0f} s")
    print(plan(database))
    owner = Caller(server, sign_in(server, *server.owner))
    names = (f"w-{number}" for number in range(10**9))

    def clients() -> tuple[Pulse, Pulse]:
        return Pulse(owner.current), Pulse(lambda: owner.create(next(names)))

    idle, during = clients(), clients()
    with beating(*idle):
        time.sleep(IDLE_SECONDS)
    with beating(*during):
        swept, seconds = sweep_now(server)
    each = seconds / max(swept, 1) * 1e6
    events, distinct = told(database)
    print(f"swept {swept} in {seconds:.1f} s: {each:.1f} µs a token; events {events}, tokens {distinct}")
    print(f"longest transaction {longest(server) * 1000:.0f} ms")
    for name, before, after in zip(("read", "write"), idle, during, strict=True):
        print(f"{name} p95: {before} idle, {after} sweeping, × {after.p95() / before.p95():.2f}")
    database.close()


def longest(server: AccountServer) -> float:
    """Seconds of the longest transaction, as the server logged it."""
    return float(re.findall(r"longest=([\d.]+)", server.errors)[-1])


def told(database: Database) -> tuple[int, int]:
    """Audit events of the sweep, and how many tokens they are about."""
    query = (
        "SELECT count(*), count(DISTINCT target_id) FROM audit_events WHERE action = 'api_token.auto_revoke'"
    )
    with database.read() as session:
        row = session.execute(text(query)).one()
    return int(row[0]), int(row[1])


def main() -> None:
    """Measure on each database that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--stale", type=int, default=100_000)
    parser.add_argument("--database", action="append", choices=["sqlite", "postgresql"])
    given = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    for kind in given.database or ["sqlite", "postgresql"]:
        run(kind, given.tokens, given.stale)


if __name__ == "__main__":
    main()
