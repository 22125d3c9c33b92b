"""What the account server does under load, and whether it keeps what it acknowledged.

    python scripts/bench/load.py [--clients 200] [--seconds 60] [--database sqlite]
    python scripts/bench/load.py --kill 3      kill -9 in the middle, so many times on each database
    python scripts/bench/load.py --stop 3      SIGTERM in the middle

Each client is a person with a browser and a program, connections of their own, and a rest of about `--pace`
seconds between calls. What is written is held against the clients' own logs. `--json` prints one line for
scripts/torture.py. The clients run in two processes on the same machine, so they take part of the
processors that the server could have used: the times are upper bounds.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support import databases, load, postgres
from tests.support.load import Call
from tests.support.load_client import MIX
from tests.support.server import AccountServer, release, start
from tests.support.server_process import run_program

# As a server that keeps its promises is set up: with fsync.
POSTGRES = "-c listen_addresses='' -c max_connections=200"
# Each client has an address of its own.
BEHIND_A_PROXY = ("--trusted-proxy", "127.0.0.0/8")
KINDS = ("sqlite", "postgresql")
# Seconds of load before the server ends, and how long a stop may take by its own settings.
BEFORE_THE_END, GRACE = 3.0, 20.0
MORTAL_CLIENTS = 24


@dataclass(slots=True)
class Report:
    """What was tried and what of it was lost; `lines` are for people."""

    tries: int = 0
    lost: int = 0
    broken: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def lose(self, why: str, count: int = 1) -> None:
        """Something was not as promised."""
        if count:
            self.lost += count
            self.broken.append(f"{why}: {count}")

    def say(self, line: str) -> None:
        """For people."""
        self.lines.append(line)


@contextmanager
def place(kind: str) -> Iterator[tuple[Path, Path | None]]:
    """A folder for a server's data, and the PostgreSQL it is on."""
    with (
        tempfile.TemporaryDirectory(prefix="loopin-load-", ignore_cleanup_errors=True) as made,
        postgres.running(POSTGRES) if kind == "postgresql" else nullcontext() as sockets,
    ):
        data = Path(made) / "data"
        if sockets is not None:
            databases.on_postgres(sockets, data)
        yield data, sockets


def steady(kind: str, given: argparse.Namespace, report: Report) -> None:
    """So many clients for so long: no error, no lost write."""
    with place(kind) as (data, _):
        server = start(data, *BEHIND_A_PROXY, launch=run_program)
        try:
            with load.crowd(server, given.clients, given.seconds, pace=given.pace) as crowd:
                crowd.begin()
                calls = crowd.calls()
            hold(server, calls, report, kind, may_be_unanswered=False)
        finally:
            release(server.process)
    failures = Counter(call.failure for call in calls if call.failure)
    report.tries += len(calls)
    for failure, count in failures.items():
        report.lose(f"{kind}: {failure}", count)
    report.say(
        f"{kind}: {given.clients} clients, {given.seconds:.0f} s, {len(calls) / given.seconds:.0f} calls/s"
    )
    for name in MIX:
        mine = [call for call in calls if call.name == name]
        report.say(f"| {kind} | {name} | {len(mine)} | {load.p50(mine):.0f} ms | {load.p95(mine):.0f} ms |")


def hold(
    server: AccountServer, calls: Sequence[Call], report: Report, kind: str, *, may_be_unanswered: bool
) -> None:
    """Hold the database to what was acknowledged."""
    verdict = load.check(server, calls)
    report.lose(f"{kind}: acknowledged and not there", len(verdict.lost))
    report.lose(f"{kind}: half written", len(verdict.halves))
    if not may_be_unanswered:
        report.lose(f"{kind}: written and not answered", len(verdict.unanswered))
    written = sum(1 for call in calls if call.acknowledged and not call.failure)
    report.say(f"{kind}: {written} acknowledged writes, {len(verdict.lost)} of them missing")


def killed(kind: str, report: Report) -> None:
    """Kill -9 in the middle; PostgreSQL goes the same way. What was acknowledged is there afterwards."""

    def end(server: AccountServer, sockets: Path | None) -> None:
        server.stop(signal.SIGKILL)
        if sockets is not None:
            postgres.end(sockets)
            postgres.begin(sockets, POSTGRES)

    ended(kind, report, end, may_be_unanswered=True)


def stopped(kind: str, report: Report) -> None:
    """SIGTERM in the middle: what was accepted is answered, in time, and the exit code says so."""

    def end(server: AccountServer, _: Path | None) -> None:
        began = time.monotonic()
        status, took = server.stop(), time.monotonic() - began
        report.say(f"{kind}: stopped with {status} after {took:.1f} s")
        report.lose(f"{kind}: exit code {status}", int(status != 0))
        report.lose(f"{kind}: longer than {GRACE:.0f} s", int(took > GRACE))

    ended(kind, report, end, may_be_unanswered=False)


def ended(
    kind: str,
    report: Report,
    end: Callable[[AccountServer, Path | None], None],
    *,
    may_be_unanswered: bool,
) -> None:
    """Load, an end in the middle of it, a new start, and a look at what is there."""
    with place(kind) as (data, sockets):
        server = start(data, *BEHIND_A_PROXY, launch=run_program)
        try:
            options = {"synced": True, "mortal": True}
            with load.crowd(server, MORTAL_CLIENTS, 60, pace=0.1, **options) as crowd:
                crowd.begin()
                time.sleep(BEFORE_THE_END)
                end(server, sockets)
                calls = crowd.calls()
        finally:
            release(server.process)
        again = start(data, launch=run_program)
        try:
            hold(again, calls, report, kind, may_be_unanswered=may_be_unanswered)
        finally:
            release(again.process)
    kinds = Counter(call.failure.partition(":")[0] for call in calls if call.failure)
    report.say(f"{kind}: calls that were refused: {dict(kinds)}")
    report.tries += sum(1 for call in calls if call.acknowledged)
    report.lose(f"{kind}: nothing was written", int(not any(call.acknowledged for call in calls)))


def main() -> int:
    """Run what was asked for; 1 when something was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pace", type=float, default=2.0)
    parser.add_argument("--kill", type=int, default=0, metavar="TIMES")
    parser.add_argument("--stop", type=int, default=0, metavar="TIMES")
    parser.add_argument("--database", action="append", choices=KINDS)
    parser.add_argument("--json", action="store_true")
    given, report = parser.parse_args(), Report()
    for kind in given.database or KINDS:
        for _ in range(given.kill):
            killed(kind, report)
        for _ in range(given.stop):
            stopped(kind, report)
        if not given.kill and not given.stop:
            steady(kind, given, report)
    if given.json:
        print(json.dumps(asdict(report)))
    else:
        print(*report.lines, *report.broken, f"{report.tries} tries, {report.lost} lost", sep="\n")
    return int(report.lost > 0)


if __name__ == "__main__":
    sys.exit(main())
