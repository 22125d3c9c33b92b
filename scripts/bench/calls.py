#!/usr/bin/env python3
"""The calls of the control plane at the account server, beside a bare program that runs the same statements.

scripts/bench/calls.py [TIMES] [--list TOKENS]: the peer is peers/control_plane.py, psycopg and grpc.aio
without a check or a rule. Both on one PostgreSQL, one client, one call after the other, in turns;
milliseconds by the wall (median) and of processor time of the server process. Then two workers beside one,
with several clients, in calls a second.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
sys.path.insert(0, str(Path(__file__).parents[2]))

import grpc
from common import ROOT, cpu_of

from tests.integration.server.callers import Caller
from tests.support import databases, postgres
from tests.support.server import AccountServer, bulk_tokens, release, sign_in, start
from tests.support.server_process import run_program

PEER = Path(__file__).parent / "peers" / "control_plane.py"
POSTGRES = "-c listen_addresses='' -c max_connections=200"
ROUNDS, CLIENTS, SECONDS = 5, 16, 6.0
IDS = """SELECT users.id, sessions.id, memberships.id, memberships.organization_id FROM users
 JOIN sessions ON sessions.user_id = users.id JOIN memberships ON memberships.user_id = users.id AND current
 WHERE users.email = ? ORDER BY sessions.created_at DESC LIMIT 1"""


class Side:
    """One server under measurement: its process, a client of it, and how its calls went."""

    def __init__(self, name: str, pid: int, caller: Caller) -> None:
        self.name, self.pid, self.caller = name, pid, caller
        self.wall: dict[str, list[float]] = {}
        self.cpu: dict[str, list[float]] = {}

    def run(self, call: str, count: int, action: Callable[[int], object]) -> None:
        """Make `count` calls."""
        walls, before = [], cpu_of(self.pid)
        for number in range(count):
            began = time.perf_counter()
            action(number)
            walls.append(time.perf_counter() - began)
        self.wall.setdefault(call, []).extend(walls)
        self.cpu.setdefault(call, []).append((cpu_of(self.pid) - before) / count)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("times", nargs="?", type=int, default=40)
    parser.add_argument("--list", type=int, default=20_000)
    given = parser.parse_args()
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    with postgres.running(POSTGRES) as sockets, tempfile.TemporaryDirectory(prefix="loopin-bench-") as made:
        compare(sockets, Path(made) / "one", given.times, given.list)
        rates = {count: throughput(sockets, Path(made) / f"workers-{count}", count) for count in (1, 2)}
    print(f"\n{'calls a second':24} {'Current':>10} {'Create':>10}")
    for count, (current, create) in rates.items():
        print(f"{f'{count} worker(s)':24} {current:10.0f} {create:10.0f}")
    print(f"{'two to one':24} {rates[2][0] / rates[1][0]:10.2f} {rates[2][1] / rates[1][1]:10.2f}")
    return 0


def compare(sockets: Path, data: Path, count: int, tokens: int) -> None:
    """The four calls at both."""
    databases.on_postgres(sockets, data)
    server = start(data, launch=run_program)
    try:
        owner = Caller(server, sign_in(server, *server.owner))
        owner.current()
        with bare(server) as (pid, port):
            beside = AccountServer("", f"127.0.0.1:{port}", pid, {}, data, server.process)
            sides = (Side("loopin server", server.pid, owner), Side("bare", pid, Caller(beside, "none")))
            for turn in range(ROUNDS):
                for side in sides:
                    calls(side, count, f"{side.name.split()[0]}-{turn}")
            bulk_tokens(server, "acme", tokens)
            for _ in range(ROUNDS):
                for side in sides:
                    list_tokens(side, tokens)
            show(*sides)
    finally:
        release(server.process)


def calls(side: Side, count: int, prefix: str) -> None:
    """`count` of each short call."""
    side.run("Current", count, lambda _: side.caller.current())
    ids: list[str] = []
    side.run("Create", count, lambda number: ids.append(side.caller.create(f"{prefix}-{number}").item.id))
    side.run("Revoke", count, lambda number: side.caller.revoke(ids[number]))


def list_tokens(side: Side, tokens: int) -> None:
    """All tokens of the organization, twice."""
    side.run(f"List of {tokens}", 2, lambda _: side.caller.list())


@contextmanager
def bare(server: AccountServer) -> Iterator[tuple[int, int]]:
    """The peer on the server's database; its process id and port."""
    with server.database() as connection:
        row = connection.execute(IDS, (server.owner[0],)).fetchone()
    ids = [str(UUID(str(value))) for value in row]
    peer = subprocess.Popen(
        [sys.executable, str(PEER), databases.url_of(server.data).replace("+psycopg", ""), *ids],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert peer.stdin is not None
    assert peer.stdout is not None
    try:
        yield peer.pid, int(peer.stdout.readline())
    finally:
        peer.stdin.close()
        peer.wait(30)
        peer.stdout.close()


def show(ours: Side, other: Side) -> None:
    """Print the table."""
    heads = "   ".join(f"{name:>9} {'bare':>9} {'ratio':>6}" for name in ("wall", "processor"))
    print(f"\n{'milliseconds':16} {heads}")
    for call in ours.wall:
        walls = [statistics.median(side.wall[call]) * 1000 for side in (ours, other)]
        cpus = [statistics.median(side.cpu[call]) * 1000 for side in (ours, other)]
        cells = "   ".join(f"{a:9.2f} {b:9.2f} {a / b:6.2f}" for a, b in (walls, cpus))
        print(f"{call:16} {cells}")


def throughput(sockets: Path, data: Path, workers: int) -> tuple[float, float]:
    """Calls a second of Current and of Create, with several clients."""
    databases.on_postgres(sockets, data)
    server = start(data, "--workers", str(workers), launch=run_program)
    try:
        bearer = sign_in(server, *server.owner)
        callers = [connected(server, bearer) for _ in range(CLIENTS)]
        names = iter(range(10**9))
        current = rate(callers, lambda caller: caller.current())
        create = rate(callers, lambda caller: caller.create(f"w-{next(names)}"))
        return current, create
    finally:
        release(server.process)


def connected(server: AccountServer, bearer: str) -> Caller:
    """A caller on a connection of its own; a connection stays with one worker."""
    caller = Caller(server, bearer)
    options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
    caller.channel = grpc.insecure_channel(server.grpc, options)
    return caller


def rate(callers: list[Caller], action: Callable[[Caller], object]) -> float:
    """Calls a second of all together."""
    counts, end = [0] * len(callers), time.perf_counter() + SECONDS

    def work(index: int) -> None:
        while time.perf_counter() < end:
            action(callers[index])
            counts[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(callers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


if __name__ == "__main__":
    sys.exit(main())
