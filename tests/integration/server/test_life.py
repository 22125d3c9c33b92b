"""The life of a server process: its first line, its stop, its parent."""

import json
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from app.proto.controlplane.v1 import api_token_pb2 as pb
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from app.server.limits import SHARE
from app.server.settings import ServerSettings
from tests.integration.server.callers import Caller, refusal
from tests.support.databases import ON_BOTH, ago
from tests.support.http_client import http_client
from tests.support.server import (
    ROOT,
    AccountServer,
    Launch,
    ServerFactory,
    age_tokens,
    bulk_tokens,
    no_drain_limit,
    release,
    sign_in,
    submit_login,
)
from tests.support.server_process import ServerProcess, run_program

pytestmark = pytest.mark.slow

PATIENCE = 60.0
CALLS = 20
REQUESTS = 24


@contextmanager
def nobody_writes(server: AccountServer) -> Iterator[Callable[[], None]]:
    """Hold the write lock, so that whatever has to write waits; call what is given to let go."""
    connection = server.database()
    connection.hold_all()
    try:
        yield lambda: connection.execute("ROLLBACK").close()
    finally:
        connection.close()


def wait_for(server: AccountServer, event: str, count: int) -> None:
    """Until the server has logged `event` that often."""
    with (server.data / "stderr").open() as log:
        seen = 0
        while seen < count:
            assert server.process.poll() is None, server.errors
            line = log.readline()
            seen += event in line


def wait_until_refused(address: str) -> None:
    host, _, port = address.rpartition(":")
    while True:
        with socket.socket() as probe:
            probe.settimeout(5)
            if probe.connect_ex((host, int(port))):
                return


def last_use_is_old(server: AccountServer, name: str) -> None:
    age_tokens(server, name, used=timedelta(days=1), created=timedelta(days=2))


def test_the_line_says_where_it_is_and_who_may_sign_in(account_server: AccountServer) -> None:
    server = account_server
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.http)
    assert re.fullmatch(r"127\.0\.0\.1:\d+", server.grpc)
    assert server.pid == server.process.pid
    assert set(server.seed) >= {"email", "password", "organization", "viewer", "member", "outsider"}
    assert server.seed["organization"] == "acme"
    for who in ("viewer", "member", "outsider"):
        assert set(server.seed[who]) == {"email", "password"}


def test_the_sample_member_manages_the_tokens_of_one_project(fresh_server: ServerFactory) -> None:
    server = fresh_server()
    owner = Caller(server, sign_in(server, *server.owner))
    member = Caller(server, sign_in(server, *server.member))
    in_ml = [item.id for item in owner.list() if item.scoped_entity.name == "ml"]
    assert [item.id for item in member.list()] == in_ml
    assert 0 < len(in_ml) < len(owner.list())
    made = member.create("by-the-member", project_reference=IdentityReference(name="ml"))
    member.revoke(made.item.id)


def test_the_sample_token_signs_in_and_is_left_out_once_it_is_revoked(fresh_server: ServerFactory) -> None:
    first = fresh_server()
    token = first.seed["api_token"]
    me = Caller(first, token["jwt"]).current().current_user
    owner = Caller(first, sign_in(first, *first.owner))
    assert [item.name for item in owner.list() if item.id == me.id] == [token["name"]]
    owner.revoke(me.id)
    first.stop()
    assert "api_token" not in fresh_server(data=first.data).seed


def test_only_its_owner_can_read_what_it_keeps(fresh_server: ServerFactory, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    server = fresh_server(data=folder)
    sign_in(server, *server.owner)
    kept = [path for path in folder.iterdir() if path.name != "stderr"]
    assert {"loopin.db", "signing-keys.json"} <= {path.name for path in kept}
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in kept} == {0}


def test_sessions_outlive_a_restart_and_the_sample_data_stays_as_it_is(fresh_server: ServerFactory) -> None:
    first = fresh_server()
    jwt = sign_in(first, *first.owner)
    before = {item.id for item in Caller(first, jwt).list()}
    assert first.stop() == 0
    second = fresh_server(data=first.data)
    assert {item.id for item in Caller(second, jwt).list()} == before


def test_an_interrupt_ends_it_as_well(fresh_server: ServerFactory) -> None:
    server = fresh_server(seed="")
    assert server.stop(signal.SIGINT) == 0
    assert server.errors == ""


@ON_BOTH
def test_calls_that_have_arrived_are_answered_before_it_stops(fresh_server: ServerFactory) -> None:
    server = fresh_server("--log-level", "debug", constants=no_drain_limit())
    bulk_tokens(server, "acme", 20_000, project="web")
    owner = Caller(server, sign_in(server, *server.owner))
    caller = Caller(server, owner.create("drain").jwt)
    last_use_is_old(server, "drain")
    wanted = pb.APITokenServiceListRequest.SCOPE_PROJECT
    with ThreadPoolExecutor(CALLS) as pool, nobody_writes(server) as let_go:
        # More calls than workers: the stamp of the token waits for the lock, the rest waits for a worker.
        large = pool.submit(caller.list, scope=wanted)
        small = [pool.submit(caller.current) for _ in range(CALLS - 1)]
        wait_for(server, 'rpc.arrived method="/controlplane.v1.ContextService', CALLS - 1)
        wait_for(server, 'rpc.arrived method="/controlplane.v1.APITokenService/List', 1)
        server.process.send_signal(signal.SIGTERM)
        wait_until_refused(server.grpc)
        let_go()
        items = large.result()
        assert len(items) > 20_000
        assert sum(item.ByteSize() for item in items) > 5_000_000
        assert all(answer.result().current_user.id for answer in small)
    assert server.process.wait(PATIENCE) == 0
    assert "Traceback" not in server.errors


def test_requests_that_have_arrived_are_answered_before_it_stops(fresh_server: ServerFactory) -> None:
    server = fresh_server("--log-level", "debug", constants=no_drain_limit())
    headers = {"Authorization": f"Bearer {sign_in(server, *server.owner)}"}
    before = server.errors.count("http.arrived")
    senders = [HTTPConnection(server.http.removeprefix("http://"), timeout=60) for _ in range(REQUESTS)]
    # Half of them speak a second time on a connection that is already open.
    for sender in senders[::2]:
        sender.request("GET", "/healthz")
        sender.getresponse().read()
    with nobody_writes(server) as let_go:
        for sender in senders:
            sender.request("POST", "/auth/logout", b"", headers)
        # Every request is here now: some with workers, the others wait for those or are not even accepted.
        wait_for(server, "http.arrived", before + SHARE)
        server.process.send_signal(signal.SIGTERM)
        let_go()
        # One of them ended the session, all the others are told that it has ended.
        assert sorted(sender.getresponse().status for sender in senders) == [204] + [401] * (REQUESTS - 1)
    for sender in senders:
        sender.close()
    assert server.process.wait(PATIENCE) == 0


def test_requests_that_nobody_has_accepted_yet_are_answered_too(fresh_server: ServerFactory) -> None:
    server = fresh_server(seed="")
    server.process.send_signal(signal.SIGSTOP)
    senders = [HTTPConnection(server.http.removeprefix("http://"), timeout=60) for _ in range(REQUESTS)]
    for sender in senders:
        sender.request("GET", "/")
    # The system has taken them; the server learns of them and of its end at the same moment.
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGCONT)
    assert [sender.getresponse().status for sender in senders] == [200] * REQUESTS
    for sender in senders:
        sender.close()
    assert server.process.wait(PATIENCE) == 0


def test_silent_connections_hold_nobody_up(fresh_server: ServerFactory) -> None:
    # None of them is closed for its silence while this test runs.
    constants = {f"app.server.web.server.{name}": 10 * PATIENCE for name in ("HEAD", "IDLE")}
    server = fresh_server(constants={**constants, **no_drain_limit()})
    host, _, port = server.http.removeprefix("http://").rpartition(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(40)]
    with httpx.Client(base_url=server.http, trust_env=False, timeout=PATIENCE) as client:
        assert client.get("/healthz").status_code == 200
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0
    for connection in silent:
        connection.close()


@ON_BOTH
def test_it_ends_with_its_standard_input_and_sweeps_on_the_line_sweep(fresh_server: ServerFactory) -> None:
    server = fresh_server("--control-stdin")
    pipes = server.process
    assert pipes.stdin is not None
    assert pipes.stdout is not None
    for expected in ({"swept": 4}, {"swept": 0}):
        pipes.stdin.write("sweep\n")
        pipes.stdin.flush()
        assert json.loads(pipes.stdout.readline()) == expected
    pipes.stdin.close()
    assert pipes.wait(PATIENCE) == 0
    assert server.errors == ""


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "command = [sys.executable, '-c', 'from app.cli.server import server; server()', 'start', '--json',"
        " '--control-stdin', '--data', sys.argv[1]]\n"
        "child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)\n"
        "print(child.stdout.readline(), flush=True)\n"
        "child.wait()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        said = json.loads(parent.stdout.readline())
        parent.kill()
    wait_until_refused(said["grpc"])
    wait_until_refused(said["http"].removeprefix("http://"))


@ON_BOTH
def test_a_lock_of_the_database_does_not_hold_up_its_end(fresh_server: ServerFactory) -> None:
    # Whoever waits for the lock waits longer than this test does.
    constants = {
        "app.server.persistence.engine.BUSY_TIMEOUT_MS": 3_600_000,
        "app.server.settings.ServerSettings": partial(ServerSettings, drain=timedelta(seconds=2)),
    }
    server = fresh_server("--log-level", "debug", constants=constants)
    jwt = sign_in(server, *server.owner)
    caller = Caller(server, Caller(server, jwt).create("waits").jwt)
    last_use_is_old(server, "waits")
    before = server.errors.count("http.arrived")
    sender = HTTPConnection(server.http.removeprefix("http://"), timeout=60)
    with ThreadPoolExecutor(1) as pool, nobody_writes(server):
        sender.request("POST", "/auth/logout", b"", {"Authorization": f"Bearer {jwt}"})
        wait_for(server, "http.arrived", before + 1)
        waiting = pool.submit(refusal, caller.current)
        wait_for(server, 'rpc.arrived method="/controlplane.v1.ContextService', 1)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert waiting.result()[0] in {"CANCELLED", "UNAVAILABLE"}
    sender.close()
    assert "server.cut_short" in server.errors
    with server.database() as door:
        assert door.execute("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL").fetchone() == (0,)


def test_before_it_stops_it_says_that_it_is_not_ready_and_serves(fresh_server: ServerFactory) -> None:
    server = fresh_server("--drain-delay", "1h", "--log-level", "info")
    jwt = sign_in(server, *server.owner)
    options = [("grpc.enable_http_proxy", 0)]
    with http_client(server.http) as client, grpc.insecure_channel(server.grpc, options) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        assert client.get("/healthz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        answer = client.get("/healthz")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        # Whoever keeps connections open for the next request opens new ones, elsewhere.
        assert answer.headers["connection"] == "close"
        assert client.get("/livez").status_code == 200
        now = health.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE)
        assert now.status == health_pb2.HealthCheckResponse.NOT_SERVING
    # It goes on on new connections, too.
    caller = Caller(server, jwt)
    assert refusal(lambda: caller.statusz(readiness=True))[0] == "UNAVAILABLE"
    assert refusal(caller.statusz) == ("OK", "")
    assert refusal(caller.current) == ("OK", "")
    assert sign_in(server, *server.owner).count(".") == 2
    server.process.send_signal(signal.SIGHUP)
    wait_for(server, "keys.loaded", 1)
    # Who asks a second time does not want to wait.
    assert server.stop() == 0


@ON_BOTH
def test_it_tidies_up_also_when_it_does_not_sweep(fresh_server: ServerFactory) -> None:
    constants = {"app.server.scheduler.FIRST_RUN": timedelta(0)}
    server = fresh_server()
    sign_in(server, *server.owner)
    server.stop()
    with server.database() as door:
        alive = door.execute("SELECT count(*) FROM api_tokens WHERE revoked_at IS NULL").fetchone()
        door.execute("UPDATE sessions SET expires_at = ?", [ago(timedelta(days=1))])
        assert door.execute("SELECT count(*) FROM sessions").fetchone() == (1,)
        fresh_server("--sweep-interval", "0", data=server.data, constants=constants, seed="")
        until = time.monotonic() + PATIENCE
        while door.execute("SELECT count(*) FROM sessions").fetchone() != (0,):
            assert time.monotonic() < until
        assert door.execute("SELECT count(*) FROM api_tokens WHERE revoked_at IS NULL").fetchone() == alive


def refused_start(folder: Path, *flags: str, launch: Launch = ServerProcess) -> tuple[int, str]:
    """The exit status of a server that is not going to start, and what it says on standard error."""
    errors = folder / "refused"
    errors.touch()
    process = launch(["start", *flags], errors)
    try:
        return process.wait(PATIENCE), errors.read_text()
    finally:
        release(process)
        errors.unlink()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--host", "0.0.0.0"], "--public-url"),
        (["--host", "0.0.0.0", "--public-url", "https://accounts.example"], "--tls-cert"),
        (["--public-url", "http://accounts.example"], "https://"),
        (["--public-url", "https://accounts.example/loopin"], "has a path"),
        (["--public-url", "accounts.example"], "https://accounts.example"),
        (["--trusted-proxy", "10.0.0.0/99"], "'10.0.0.0/99' is not a network"),
        (["--session-hours", "0"], "more than 0 hours"),
        (["--grant-days", "0"], "an hour at least"),
        (["--grant-days", "366"], "a year at most"),
        (["--sweep-interval", "-5"], "sweep interval"),
        (["--sweep-interval", "3601"], "longer than an hour"),
        (["--sweep-interval", "61m"], "longer than an hour"),
        (["--sweep-interval", "1ms"], "less than a second"),
        (["--sweep-interval", "soon"], "'soon' is no time"),
        (["--session-hours", "400d"], "at most a year"),
        (["--drain-delay", "2h"], "0 to 60 minutes"),
        (["--drain-delay", "-1"], "0 to 60 minutes"),
    ],
)
def test_a_start_that_makes_no_sense_says_what_to_change(
    tmp_path: Path, flags: list[str], words: str
) -> None:
    status, said = refused_start(tmp_path, "--data", str(tmp_path / "data"), *flags)
    assert status == 2
    assert words in said
    assert "Traceback" not in said


def test_a_refused_start_of_the_program_itself(tmp_path: Path) -> None:
    status, said = refused_start(
        tmp_path, "--data", str(tmp_path / "data"), "--session-hours", "0", launch=run_program
    )
    assert status == 2
    assert said.count("\n") == 2
    assert "more than 0 hours" in said


@pytest.mark.parametrize(("flag", "word"), [("--http-port", "HTTP"), ("--grpc-port", "gRPC")])
def test_a_port_that_is_taken_is_named(tmp_path: Path, flag: str, word: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = refused_start(tmp_path, "--data", str(tmp_path / "data"), flag, str(port))
    assert status == 1
    assert f"the {word} port {port} on 127.0.0.1 cannot be opened" in said
    assert "Traceback" not in said


def test_damaged_keys_are_told_and_never_replaced(tmp_path: Path) -> None:
    keys = tmp_path / "signing-keys.json"
    keys.write_text("{")
    keys.chmod(0o600)
    status, said = refused_start(tmp_path, "--data", str(tmp_path))
    assert status == 1
    assert "cannot be read" in said
    assert "Traceback" not in said
    assert keys.read_text() == "{"


def test_a_folder_or_a_database_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, said = refused_start(tmp_path, "--data", str(tmp_path / "file" / "data"))
    assert (status, said.count("\n")) == (1, 2)
    assert "signing-keys.json: Not a directory" in said
    (tmp_path / "loopin.db").write_text("no database at all".ljust(4096, "."))
    status, said = refused_start(tmp_path, "--data", str(tmp_path))
    assert (status, said.count("\n")) == (5, 2)
    assert "the database file cannot be used: file is not a database" in said


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['flask'] = None; from app.__main__ import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "server", "start", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=PATIENCE, check=False)
    assert done.returncode == 2
    assert "pip install 'loopin[server]'" in done.stderr


def test_no_secret_is_in_the_log(fresh_server: ServerFactory) -> None:
    server = fresh_server("--log-level", "debug")
    jwt = sign_in(server, *server.owner)
    made = Caller(server, jwt).create("logged")
    Caller(server, made.jwt).current()
    with httpx.Client(base_url=server.http, trust_env=False) as client:
        submit_login(client, server.owner[0], "a-wrong-password")
    assert "rpc.arrived" in server.errors
    for secret in (jwt, made.jwt, server.owner[1], "a-wrong-password", "state=kept"):
        assert secret not in server.errors


def test_a_host_of_another_family_works(fresh_server: ServerFactory) -> None:
    server = fresh_server("--host", "::1")
    assert server.http.startswith("http://[::1]:")
    assert refusal(Caller(server, sign_in(server, *server.owner)).current) == ("OK", "")
