"""Several processes of one server on the same two ports."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.integration.server.callers import Caller, refusal
from tests.integration.server_team.conftest import Operate
from tests.support import databases
from tests.support.server import PATIENCE, AccountServer, release, sign_in, start
from tests.support.server_process import ServerProcess

# One server for most of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workers")]


def workers_of(pid: int) -> set[int]:
    """Its server processes; beside them Python has one of its own."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {int(child) for child in children if "spawn_main" in command_of(int(child))}


def command_of(pid: int) -> str:
    """The command line, empty for a process that has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)  # processes end and begin without telling


def two_workers(data: Path, postgres_folder: Path) -> Iterator[AccountServer]:
    databases.on_postgres(postgres_folder, data)
    made = start(data, "--workers", "2", "--log-level", "info")
    yield made
    release(made.process)


@pytest.fixture
def server(tmp_path: Path, postgres_folder: Path) -> Iterator[AccountServer]:
    """A server of the test's own."""
    yield from two_workers(tmp_path / "data", postgres_folder)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, postgres_folder: Path) -> Iterator[AccountServer]:
    """One for tests that leave it running."""
    yield from two_workers(tmp_path_factory.mktemp("workers") / "data", postgres_folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_they_end_together(server: AccountServer, number: signal.Signals) -> None:
    workers = workers_of(server.pid)
    assert server.stop(number) == (-number if number == signal.SIGKILL else 0)
    wait_until(lambda: not any(command_of(pid) for pid in workers))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.http}/livez", trust_env=False)


def test_sighup_reaches_all(shared: AccountServer, operate: Operate) -> None:
    bearer = sign_in(shared, *shared.owner)
    ring = shared.data / "signing-keys.json"
    assert operate(shared, "keys", "rotate", "--signing-key-file", str(ring)).code == 0
    shared.process.send_signal(signal.SIGHUP)
    wait_until(lambda: shared.errors.count("keys.loaded") >= 2)
    assert refusal(Caller(shared, bearer).current)[0] == "OK"


def test_a_reload_while_they_start_ends_none_of_them(tmp_path: Path, postgres_folder: Path) -> None:
    data = tmp_path / "data"
    databases.on_postgres(postgres_folder, data)
    place = ["--data", str(data), *databases.flags(data)]
    errors = data / "stderr"
    arguments = ["start", "--json", *place, "--workers", "2", "--log-level", "info"]
    process = ServerProcess(arguments, errors)
    try:
        wait_until(lambda: bool(workers_of(process.pid)))
        process.send_signal(signal.SIGHUP)
        assert process.stdout.readline()
        wait_until(lambda: "keys.loaded" in errors.read_text())
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        release(process)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ports_are_not_shared_with_another_server(shared: AccountServer, workers: str) -> None:
    port = shared.http.rpartition(":")[2]
    errors = shared.data / "other"
    place = ["--data", str(shared.data), *databases.flags(shared.data)]
    other = ServerProcess(["start", *place, "--http-port", port, "--workers", workers], errors)
    assert other.wait(PATIENCE) == 1
    release(other)
    assert f"the HTTP port {port} on 127.0.0.1 cannot be opened" in errors.read_text()


def test_what_one_process_counts_all_of_them_tell(shared: AccountServer) -> None:
    told = set()
    for _ in range(20):
        # A connection of its own, so that the system may choose the other process.
        answer = httpx.get(f"{shared.http}/metrics", trust_env=False)
        told.add(answer.text)
    assert len(told) == 1
    assert "loopin_sweep_revoked_total" in told.pop()


def test_one_that_dies_is_replaced_and_the_other_serves_meanwhile(shared: AccountServer) -> None:
    before = workers_of(shared.pid)
    assert len(before) == 2
    bearer = sign_in(shared, *shared.owner)
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: "worker.ended" in shared.errors)
    assert refusal(Caller(shared, bearer).current)[0] == "OK"
    wait_until(lambda: shared.errors.count("server.started") == 3)
    assert len(workers_of(shared.pid) - before) == 1
    assert refusal(Caller(shared, bearer).current)[0] == "OK"
