"""The log of a running server: what went wrong, who asked for what, and no secret."""

import json
import time
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2
from sqlalchemy.exc import IntegrityError

from app.proto.controlplane.v1 import context_pb2
from app.server.log import describe_exception
from app.server.persistence.engine import Database
from tests.integration.server.callers import TIMEOUT, Caller
from tests.support import databases
from tests.support.databases import ON_BOTH
from tests.support.server import AccountServer, ServerFactory, csrf_of, sign_in

pytestmark = pytest.mark.slow
JSON = ("--log-level", "info", "--log-format", "json")
CURRENT = "/controlplane.v1.ContextService/Current"


def events(server: AccountServer, name: str) -> list[dict[str, Any]]:
    """The events of that name so far; every line of the log is JSON."""
    lines = [json.loads(line) for line in server.errors.splitlines()]
    return [line for line in lines if line["event"] == name]


def when_there(server: AccountServer, name: str, count: int) -> list[dict[str, Any]]:
    """The events of that name, as soon as there are so many: a line is written after the answer."""
    end = time.monotonic() + TIMEOUT
    while len(found := events(server, name)) < count:
        assert time.monotonic() < end, server.errors
        time.sleep(0.02)
    return found


def ask(
    server: AccountServer, method: str, bearer: str = "", data: bytes = b""
) -> tuple[str, dict[str, Any], str]:
    """Make a call; return its status, its trailing metadata and the text of a refusal."""
    with grpc.insecure_channel(server.grpc, [("grpc.enable_http_proxy", 0)]) as channel:
        metadata = (("authorization", f"Bearer {bearer}"), ("x-forwarded-for", "198.51.100.7"))
        raw: Any = channel.unary_unary(method)
        call: Any
        try:
            _, call = raw.with_call(data, metadata=metadata, timeout=TIMEOUT)
        except grpc.RpcError as error:
            call = error
        return call.code().name, dict(call.trailing_metadata()), call.details() or ""


def rename(server: AccountServer, table: str) -> None:
    """Let a table be gone, which nobody expects."""
    with server.database() as door:
        door.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")


@ON_BOTH
def test_what_nobody_expected_is_found_by_the_id_of_the_call(
    fresh_server: ServerFactory, database_kind: str
) -> None:
    server = fresh_server(*JSON)
    bearer = sign_in(server, *server.owner)
    rename(server, "memberships")
    status, metadata, text = ask(server, CURRENT, bearer)
    assert (status, text) == ("INTERNAL", "internal error")
    (failed,) = events(server, "rpc.failed")
    assert failed["request"] == metadata["x-request-id"]
    assert (failed["level"], failed["method"]) == ("error", CURRENT)
    assert failed["error"].startswith("sqlalchemy.exc.")
    assert failed["at"]
    for place in failed["at"]:
        file, _, rest = place.partition(":")
        assert file.startswith("app/server/")
        assert rest.partition(" ")[0].isdigit()
    assert any(place.startswith("app/server/core/") for place in failed["at"])
    code = {"sqlite": ("sqlite_error", "SQLITE_ERROR"), "postgresql": ("sqlstate", "42P01")}[database_kind]
    assert failed[code[0]] == code[1]
    assert "memberships" not in json.dumps(failed), "the text of an exception may quote what was sent"


@ON_BOTH
def test_a_page_that_fails_tells_the_person_what_to_pass_on(fresh_server: ServerFactory) -> None:
    server = fresh_server(*JSON)
    with httpx.Client(base_url=server.http, trust_env=False, timeout=TIMEOUT) as browser:
        token = csrf_of(browser.get("/auth/login").text)
        rename(server, "login_attempts")
        form = {"csrf_token": token, "email": "ada@acme.example", "password": "password-not-real"}
        answer = browser.post("/auth/login", data=form)
        assert browser.get("/api/v1/models", headers={"authorization": "Bearer x"}).status_code == 401
    assert answer.status_code == 500
    request = answer.headers["x-request-id"]
    assert f"request {request}" in answer.text
    (failed,) = events(server, "http.failed")
    assert failed["request"] == request
    assert "password-not-real" not in server.errors


@ON_BOTH
def test_a_constraint_that_refuses_is_named_and_its_values_are_not(
    fresh_server: ServerFactory, database_kind: str
) -> None:
    server = fresh_server()
    database = Database(databases.url_of(server.data))
    copy = (
        "INSERT INTO organizations SELECT '{0}', name, created_at, updated_at, NULL, false,"
        " policy_allowed_hostnames, false, false, false, false, false FROM organizations"
    )
    with pytest.raises(IntegrityError) as found, database.write() as session:
        session.connection().exec_driver_sql(copy.format("0" * 32))
    database.close()
    told = describe_exception(found.value)
    assert told["error"] == "sqlalchemy.exc.IntegrityError"
    wanted = {
        "sqlite": {"sqlite_error": "SQLITE_CONSTRAINT_UNIQUE", "constraint": "UNIQUE: organizations.name"},
        "postgresql": {"sqlstate": "23505", "constraint": "uq_organizations_name"},
    }
    assert told.items() >= wanted[database_kind].items()
    assert "acme" not in json.dumps(told)


def test_every_request_has_a_line_and_no_secret_is_in_it(fresh_server: ServerFactory) -> None:
    server = fresh_server(*JSON, "--trusted-proxy", "127.0.0.0/8")
    bearer = sign_in(server, *server.owner)
    with httpx.Client(base_url=server.http, trust_env=False, timeout=TIMEOUT) as client:
        headers = {"authorization": f"Bearer {bearer}", "x-forwarded-for": "198.51.100.7"}
        answer = client.get(f"/api/v1/models?key={bearer}", headers=headers)
        client.get(f"/{bearer}")
    lines = when_there(server, "http.request", 4)
    assert {(line["method"], line["path"], line["status"]) for line in lines} >= {
        ("POST", "/auth/login", 303),
        ("GET", "/api/v1/models", 401),
        ("GET", "/…", 404),
    }
    (asked,) = [line for line in lines if line["path"] == "/api/v1/models"]
    assert asked["client"] == "198.51.100.7"
    assert asked["request"] == answer.headers["x-request-id"]
    assert len({line["request"] for line in lines}) == len(lines)
    for secret in (bearer, server.owner[1], bearer.split(".")[2]):
        assert secret not in server.errors


def test_every_call_has_a_line_whatever_became_of_it(fresh_server: ServerFactory) -> None:
    server = fresh_server(*JSON, "--trusted-proxy", "127.0.0.0/8")
    bearer = sign_in(server, *server.owner)
    health = health_pb2.HealthCheckRequest().SerializeToString()
    calls = {
        CURRENT: ("OK", ask(server, CURRENT, bearer)),
        "/controlplane.v1.APITokenService/List": (
            "UNAUTHENTICATED",
            ask(server, "/controlplane.v1.APITokenService/List"),
        ),
        "/controlplane.v1.CASService/Get": (
            "UNIMPLEMENTED",
            ask(server, "/controlplane.v1.CASService/Get", bearer),
        ),
        "/grpc.health.v1.Health/Check": ("OK", ask(server, "/grpc.health.v1.Health/Check", data=health)),
    }
    lines = {line["method"]: line for line in when_there(server, "rpc.request", len(calls))}
    assert set(lines) == set(calls)
    for method, (status, answer) in calls.items():
        line = lines[method]
        assert (line["level"], line["status"]) == ("info", status) == ("info", answer[0])
        assert line["request"] == answer[1]["x-request-id"]
        assert line["client"] == "198.51.100.7"
        assert line["duration"] > 0
    assert bearer not in server.errors


def test_a_call_that_the_client_gave_up_is_told_so(fresh_server: ServerFactory) -> None:
    server = fresh_server(*JSON)
    caller = Caller(server, sign_in(server, *server.owner))
    watch: Any = caller.channel.unary_stream("/grpc.health.v1.Health/Watch")
    call = watch(health_pb2.HealthCheckRequest().SerializeToString(), timeout=TIMEOUT)
    next(call)
    call.cancel()
    caller.channel.close()
    (line,) = when_there(server, "rpc.request", 1)
    assert (line["method"], line["status"]) == ("/grpc.health.v1.Health/Watch", "CANCELLED")


def test_the_answer_carries_what_it_carried_before(account_server: AccountServer) -> None:
    """The id does not take the place of the reasons that the vendor's command line acts on."""
    status, metadata, _ = ask(account_server, CURRENT, "nonsense")
    assert status == "UNAUTHENTICATED"
    assert {"x-request-id", "grpc-status-details-bin"} <= set(metadata)
    assert context_pb2.ContextServiceCurrentRequest().SerializeToString() == b""


def test_what_breaks_outside_of_our_services_is_not_told_to_the_caller_in_words(
    fresh_server: ServerFactory,
) -> None:
    """gRPC itself answers with the text of an exception."""
    server = fresh_server(*JSON, constants={"app.server.rpc.interceptor.MAX_STREAMS": "secret-not-real"})
    method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    with grpc.insecure_channel(server.grpc, [("grpc.enable_http_proxy", 0)]) as channel:
        raw: Any = channel.stream_stream(method)
        stream = raw(iter((b"",)), timeout=TIMEOUT)
        with pytest.raises(grpc.RpcError):
            next(stream)
    assert (stream.code().name, stream.details()) == ("INTERNAL", "internal error")
    (failed,) = events(server, "rpc.failed")
    assert failed["request"] == dict(stream.trailing_metadata())["x-request-id"]
    assert "secret-not-real" not in server.errors
