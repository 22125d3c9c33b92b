"""One who asks for too much, or waits for something, does not keep the others out."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from http.client import HTTPConnection
from typing import Any

import grpc
import pytest
from argon2 import PasswordHasher
from grpc_health.v1 import health_pb2, health_pb2_grpc
from sqlalchemy import func, select, update

from app.server import sample_data
from app.server.core.api_tokens import CreateTokenRequest
from app.server.core.passwords import Passwords
from app.server.core.services import Services
from app.server.core.sessions import Sessions
from app.server.deadline import Deadline, set_deadline
from app.server.limits import MAX_OF_ONE, SHARE, Busy
from app.server.persistence.errors import NoDatabase, TooManyWriters
from app.server.persistence.models import LoginAttempt, User
from app.server.rpc.server import WORKERS
from app.server.web.asgi import WORKERS as HTTP_WORKERS
from tests.integration.server.callers import Caller, refusal
from tests.integration.server.test_in_flight import services as services
from tests.integration.server.test_life import nobody_writes, wait_for
from tests.support.databases import ON_BOTH
from tests.support.http_client import http_client
from tests.support.principals import identify
from tests.support.server import AccountServer, ServerFactory, sign_in

pytestmark = pytest.mark.slow

PATIENCE = 60.0
# More than there are workers, and no more than one connection may carry.
MANY = WORKERS + 2
CREATE = 'rpc.arrived method="/controlplane.v1.APITokenService/Create'


@ON_BOTH
def test_calls_of_one_bearer_that_wait_leave_workers_for_others(fresh_server: ServerFactory) -> None:
    server = fresh_server("--log-level", "debug")
    greedy = Caller(server, sign_in(server, *server.owner))
    other = Caller(server, sign_in(server, *server.viewer))
    with ThreadPoolExecutor(MANY) as pool, nobody_writes(server) as let_go:
        waiting = [pool.submit(refusal, partial(greedy.create, f"t-{n}")) for n in range(MANY)]
        wait_for(server, CREATE, MANY)
        assert other.current().current_user.email == server.viewer[0]
        assert health(server.grpc) == health_pb2.HealthCheckResponse.SERVING
        assert not any(call.done() and call.result()[0] == "OK" for call in waiting)
        let_go()
        assert {call.result()[0] for call in waiting} <= {"OK", "RESOURCE_EXHAUSTED"}


def health(address: str) -> Any:
    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return stub.Check(health_pb2.HealthCheckRequest(), timeout=PATIENCE).status


@ON_BOTH
def test_requests_that_wait_for_a_lock_do_not_hold_every_worker(fresh_server: ServerFactory) -> None:
    """Those above the limit are refused, and health is answered while the lock is still held."""
    server = fresh_server("--log-level", "debug")
    bearers = [sign_in(server, *login) for login in (server.owner, server.viewer, server.member)]
    before = server.errors.count("http.arrived")
    with nobody_writes(server) as let_go:
        senders = [sign_out(server, bearer) for bearer in bearers for _ in range(SHARE)]
        wait_for(server, "http.arrived", before + HTTP_WORKERS)
        with http_client(server.http) as client:
            for path in ("/livez", "/readyz", "/healthz"):
                assert client.get(path).status_code == 200
        wait_for(server, "status=503", 1)
        let_go()
        statuses = []
        for sender in senders:
            with closing(sender):
                answer = sender.getresponse()
                statuses.append(answer.status)
                if answer.status == 503:
                    assert answer.headers["Retry-After"]
    assert 503 in statuses
    assert set(statuses) <= {204, 401, 503}


def sign_out(server: AccountServer, bearer: str) -> HTTPConnection:
    """Ask for it, and do not wait for the answer."""
    sender = HTTPConnection(server.http.removeprefix("http://"), timeout=60)
    sender.request("POST", "/auth/logout", b"", {"Authorization": f"Bearer {bearer}"})
    return sender


@ON_BOTH
def test_requests_of_one_caller_that_wait_leave_workers_for_others(fresh_server: ServerFactory) -> None:
    server = fresh_server("--log-level", "debug")
    greedy = sign_in(server, *server.owner)
    before = server.errors.count("http.arrived")
    with nobody_writes(server) as let_go:
        senders = [sign_out(server, greedy) for _ in range(MAX_OF_ONE)]
        wait_for(server, "http.arrived", before + SHARE)
        with http_client(server.http) as other:
            for path in ("/livez", "/readyz", "/account/sign-in", "/openapi.json"):
                assert other.get(path).status_code == 200
            # Only so many of one caller wait.
            wait_for(server, "http.arrived", before + SHARE + 2)
            refused = other.get("/api/v1/models", headers={"Authorization": f"Bearer {greedy}"})
            assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
        assert server.errors.count("http.arrived") == before + SHARE + 2
        let_go()
        for sender in senders:
            with closing(sender):
                assert sender.getresponse().status in {204, 401, 503}


@ON_BOTH
def test_a_sign_in_that_reached_the_limit_does_not_count_as_a_failure(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.server.core.passwords.PATIENCE", 0.0)
    passwords = Passwords(at_once=1)
    sign_in = Sessions(
        services.database, passwords, services.signer, services.clock, services.settings.session_life
    )
    with passwords._limit.hold(), pytest.raises(Busy):
        sign_in.sign_in(sample_data.OWNER, sample_data.PASSWORD, "192.0.2.1")
    with services.database.read() as session:
        failed = select(func.count()).select_from(LoginAttempt).where(LoginAttempt.succeeded.is_(False))
        assert session.scalar(failed) == 0
    assert sign_in.sign_in(sample_data.OWNER, sample_data.PASSWORD, "192.0.2.1").email == sample_data.OWNER


@ON_BOTH
def test_a_hash_that_found_no_room_to_be_renewed_does_not_keep_anybody_out(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    dated = PasswordHasher(time_cost=1, memory_cost=8192).hash(sample_data.PASSWORD)
    with services.database.write() as session:
        session.execute(update(User).where(User.email == sample_data.OWNER).values(password_hash=dated))

    def busy(_self: Passwords, _password: str) -> str:
        raise Busy

    monkeypatch.setattr(Passwords, "hash", busy)
    assert services.sessions.sign_in(sample_data.OWNER, sample_data.PASSWORD, "").email == sample_data.OWNER
    with services.database.read() as session:
        assert session.scalar(select(User.password_hash).where(User.email == sample_data.OWNER)) == dated
        failed = select(func.count()).select_from(LoginAttempt).where(LoginAttempt.succeeded.is_(False))
        assert session.scalar(failed) == 0


@ON_BOTH
def test_a_token_whose_use_cannot_be_noted_is_not_served(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a sweep could revoke it a moment later, as one that nobody uses."""
    owner = identify(
        services, services.sessions.sign_in(sample_data.OWNER, sample_data.PASSWORD, "").jwt, "acme"
    )
    _, jwt = services.api_tokens.create_token(owner, CreateTokenRequest("ci"))
    monkeypatch.setattr(
        type(services.database), "write", lambda _self: (_ for _ in ()).throw(TooManyWriters())
    )
    with pytest.raises(TooManyWriters):
        identify(services, jwt)


def test_health_is_answered_while_another_program_holds_the_database(services: Services) -> None:
    """SQLite. After a write has failed, health tries one itself."""
    with sqlite3.connect(services.settings.database_file, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with set_deadline(Deadline(0.1)), suppress(NoDatabase), services.database.write() as session:
            session.execute(select(User.id))
        answers: list[bool] = []
        asking = threading.Thread(target=lambda: answers.append(services.readiness.check()))
        asking.start()
        asking.join(10)
        assert answers == [False]
        other.execute("ROLLBACK")
    assert services.readiness.check()
