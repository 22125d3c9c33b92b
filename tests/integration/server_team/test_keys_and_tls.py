"""Keys that are rotated while people are signed in, and TLS on both ports."""

import signal
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from app.server.core.key_ring import load_or_create
from tests.integration.server.callers import Caller, refusal
from tests.integration.server_team.conftest import Command
from tests.support import databases
from tests.support.cli import Result
from tests.support.http_client import http_client
from tests.support.peers import certificate
from tests.support.server import (
    PATIENCE,
    AccountServer,
    ServerFactory,
    csrf_of,
    release,
    sign_in,
    start,
    submit_login,
)
from tests.support.server_process import ServerProcess

pytestmark = pytest.mark.slow

OK = ("OK", "")
# A database that is not there is not waited for.
AT_ONCE = ("--database-wait", "0")


def hang_up(server: AccountServer, event: str) -> None:
    """Send SIGHUP and wait until the server says what it read."""
    with (server.data / "stderr").open() as log:
        log.seek(0, 2)
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + PATIENCE
        while event not in log.readline():
            assert server.process.poll() is None
            assert time.monotonic() < until, server.errors


def test_sessions_and_tokens_live_through_a_rotation_on_every_server(
    tmp_path: Path, postgres_folder: Path, command: Command
) -> None:
    data = tmp_path / "data"
    databases.on_postgres(postgres_folder, data)
    ring = ("--signing-key-file", str(data / "signing-keys.json"))
    first = start(data, "--log-level", "info")
    second = start(data, "--log-level", "info", seed="")
    try:
        before = sign_in(first, *first.owner)
        made = Caller(first, before).create("made-before")
        with http_client(first.http) as browser:
            form = csrf_of(browser.get("/auth/login").text)
            said = command("server", "keys", "add", *ring).works().out
            for server in (first, second):
                hang_up(server, "keys.loaded")
            kid = said.split()[-1]
            command("server", "keys", "rotate", "--kid", kid, *ring).works()
            hang_up(first, "keys.loaded")
            fields = {"csrf_token": form, "email": first.owner[0], "password": first.owner[1]}
            assert browser.post("/auth/login", data=fields).status_code == 200
        after = sign_in(first, *first.owner)
        # The second knows the key, and does not sign with it yet.
        for server in (first, second):
            for bearer in (before, after, made.jwt):
                assert refusal(Caller(server, bearer).current) == OK
        listed = command("server", "keys", "list", "--json", *ring).works().json
        assert [key["signs"] for key in listed] == [True, False]
        assert listed[0]["kid"] == kid
        command("server", "keys", "retire", "--kid", listed[0]["kid"], *ring).fails(2, "signs new tokens")
        command("server", "keys", "retire", "--kid", listed[1]["kid"], *ring).works()
        hang_up(first, "keys.loaded")
        assert refusal(Caller(first, before).current) == ("UNAUTHENTICATED", "Token is invalid")
        assert refusal(Caller(first, after).current) == OK
        # Whoever sends a key that is not known does not make a server read its file.
        command("server", "keys", "rotate", *ring).works()
        hang_up(first, "keys.loaded")
        newest = sign_in(first, *first.owner)
        assert refusal(Caller(second, newest).current) == ("UNAUTHENTICATED", "Token is invalid")
        hang_up(second, "keys.loaded")
        assert refusal(Caller(second, newest).current) == OK
    finally:
        release(first.process)
        release(second.process)


def test_a_damaged_ring_is_not_taken_over(fresh_server: ServerFactory) -> None:
    server = fresh_server("--log-level", "info")
    jwt = sign_in(server, *server.owner)
    keys = server.data / "signing-keys.json"
    keys.write_text("{")
    hang_up(server, "keys.not_reloaded")
    assert refusal(Caller(server, jwt).current) == OK


def failed_start(folder: Path, *flags: str) -> Result:
    """Start a server that cannot work, and wait for its end."""
    errors = folder / "stderr"
    process = ServerProcess(["start", *flags], errors)
    code = process.wait(PATIENCE)
    release(process)
    return Result(code, "", errors.read_text())


def serving(context: ssl.SSLContext, address: str) -> bytes:
    """The certificate that a listener shows."""
    host, _, port = address.rpartition(":")
    plain = socket.create_connection((host, int(port)), timeout=30)
    with context.wrap_socket(plain, server_hostname=host) as secure:
        return secure.getpeercert(True) or b""


def trusting(*pems: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata="".join(pems))
    context.set_alpn_protocols(["h2"])
    return context


def test_both_ports_speak_tls_and_take_a_new_certificate(fresh_server: ServerFactory, tmp_path: Path) -> None:
    old, new = certificate(), certificate()
    cert, key = old.files(tmp_path / "tls")
    server = fresh_server("--tls-cert", str(cert), "--tls-key", str(key), "--log-level", "info")
    assert server.http.startswith("https://")
    places = (server.http.removeprefix("https://"), server.grpc)
    with http_client(server.http, verify=trusting(old.pem)) as client:
        assert "secure" in client.get("/auth/login").headers["set-cookie"].lower()
        answer = submit_login(client, *server.owner, None)
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers
        # Speaking plain text to it, or nothing at all, hurts nobody.
        with pytest.raises(httpx.HTTPError):
            httpx.get(server.http.replace("https", "http"), trust_env=False)
        silent = [
            socket.create_connection(("127.0.0.1", int(places[0].rpartition(":")[2]))) for _ in range(30)
        ]
        assert client.get("/healthz").status_code == 200
        for connection in silent:
            connection.close()
    assert is_serving(server, old.pem)
    new.files(tmp_path / "tls")
    hang_up(server, "tls.loaded")
    shown = {serving(trusting(new.pem), place) for place in places}
    assert shown == {ssl.PEM_cert_to_DER_cert(new.pem)}
    assert is_serving(server, new.pem)
    cert.write_text("no certificate")
    hang_up(server, "tls.not_reloaded")
    assert {serving(trusting(new.pem), place) for place in places} == shown


def is_serving(server: AccountServer, pem: str) -> bool:
    """Ask gRPC's own health service over TLS."""
    credentials = grpc.ssl_channel_credentials(pem.encode())
    with grpc.secure_channel(server.grpc, credentials, [("grpc.enable_http_proxy", 0)]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=30)
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--tls-cert", "cert.pem"], "--tls-key"),
        (["--tls-cert", "no.pem", "--tls-key", "no.pem"], "cannot be used together"),
        (["--database-url", "postgresql://u:secret-not-real@db.example/x"], "command line"),
        (["--database-url", "postgresql://db.example/x?password=secret-not-real"], "command line"),
        (["--database-url", "mysql://db.example/x"], "not one of PostgreSQL"),
        (["--database-url", "postgresql://db.example/x"], "--signing-key-file"),
        (["--database-url-file", "no-such-file"], "no database URL"),
        (["--signing-key-file", "no-such-keys"], "keys create"),
    ],
)
def test_a_start_that_cannot_work_says_what_to_change(tmp_path: Path, flags: list[str], words: str) -> None:
    result = failed_start(tmp_path, "--data", str(tmp_path), *flags).fails(2, words)
    assert "secret-not-real" not in result.err


def test_a_database_that_does_not_answer_is_told_in_a_sentence(command: Command, tmp_path: Path) -> None:
    place = ("--database-url", f"postgresql://u@/x?host={tmp_path}")
    command("server", "user", "list", *place).fails(5, "the database does not answer")
    command("server", "keys", "create", str(tmp_path / "ring.json")).works()
    ring = ("--signing-key-file", str(tmp_path / "ring.json"))
    failed_start(tmp_path, *place, *ring, *AT_ONCE).fails(5, "the database does not answer")


def test_a_start_that_fails_leaves_a_log_with_debug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPIN_STATE_DIR", str(tmp_path / "state"))
    url = tmp_path / "url"
    url.touch(mode=0o600)
    url.write_text(f"postgresql://u:secret-not-real@/x?host={tmp_path}")
    load_or_create(tmp_path)
    place = ("--database-url-file", str(url), "--signing-key-file", str(tmp_path / "signing-keys.json"))
    result = failed_start(tmp_path, *place, "--debug", *AT_ONCE).fails(5, "does not answer", "the log is in")
    (log,) = (tmp_path / "state").rglob("debug-*.log")
    assert "OperationalError" in log.read_text()
    assert "exit code 5" in log.read_text()
    assert "secret-not-real" not in log.read_text() + result.err


def test_keys_are_never_replaced_and_never_shown(command: Command, tmp_path: Path) -> None:
    ring = tmp_path / "ring.json"
    command("server", "keys", "create", str(ring)).works()
    before = ring.read_text()
    assert ring.stat().st_mode & 0o777 == 0o600
    command("server", "keys", "create", str(ring)).fails(1, "is there already")
    assert ring.read_text() == before
    shown = command("server", "keys", "list", "--signing-key-file", str(ring)).works().out
    assert before.partition('"k": "')[2].partition('"')[0] not in shown
