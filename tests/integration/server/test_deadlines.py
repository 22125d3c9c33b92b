"""What nobody waits for any more is not done: the time of a call reaches its transaction."""

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from sqlalchemy import func, select, text

from app.proto.controlplane.v1 import api_token_pb2 as pb
from app.proto.controlplane.v1 import api_token_pb2_grpc
from app.server.deadline import Deadline, DeadlineExceeded, set_deadline
from app.server.persistence.engine import Database
from app.server.persistence.migrate import migrate
from app.server.persistence.models import Organization
from tests.integration.server.callers import Caller
from tests.integration.server.test_life import PATIENCE, nobody_writes, wait_for
from tests.support import databases
from tests.support.databases import ON_BOTH, Prepare
from tests.support.server import AccountServer, ServerFactory, no_drain_limit, sign_in

pytestmark = pytest.mark.slow

CREATE = 'rpc.arrived method="/controlplane.v1.APITokenService/Create'


def stub(caller: Caller) -> Any:
    return api_token_pb2_grpc.APITokenServiceStub(caller.channel)  # type: ignore[no-untyped-call]  # generated


def tokens_called(server: AccountServer, name: str) -> int:
    with server.database() as database:
        return int(database.execute("SELECT count(*) FROM api_tokens WHERE name = ?", (name,)).fetchone()[0])


def end(server: AccountServer) -> None:
    """A stop waits for every worker: what one of them was about to write is written then, or never."""
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(PATIENCE) == 0


@ON_BOTH
@pytest.mark.parametrize("ending", ["deadline", "cancel"])
def test_a_creation_that_its_caller_gave_up_leaves_no_token(fresh_server: ServerFactory, ending: str) -> None:
    server = fresh_server("--log-level", "debug", constants=no_drain_limit())
    owner = Caller(server, sign_in(server, *server.owner))
    request = pb.APITokenServiceCreateRequest(name="given-up")
    with nobody_writes(server) as let_go:
        timeout = 1.0 if ending == "deadline" else PATIENCE
        calling = stub(owner).Create.future(request, metadata=owner.metadata, timeout=timeout)
        wait_for(server, CREATE, 1)
        if ending == "cancel":
            calling.cancel()
            assert calling.cancelled()
        else:
            code = cast("grpc.Call", calling.exception()).code()
            assert code is grpc.StatusCode.DEADLINE_EXCEEDED
        wait_for(server, 'rpc.request method="/controlplane.v1.APITokenService/Create', 1)
        let_go()
    end(server)
    assert tokens_called(server, "given-up") == 0


@pytest.fixture
def database(tmp_path: Path, prepare_data: Prepare) -> Iterator[Database]:
    prepare_data(tmp_path)
    made = Database(databases.url_of(tmp_path))
    migrate(made.engine)
    yield made
    made.close()


def add_one(database: Database, meanwhile: Callable[[], None] = lambda: None) -> None:
    now = datetime(2026, 3, 10, tzinfo=UTC)
    with database.write() as session:
        session.add(Organization(name="late", created_at=now, updated_at=now))
        session.flush()
        meanwhile()


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Organization)) or 0


@ON_BOTH
def test_what_is_cancelled_before_its_commit_is_taken_back(database: Database) -> None:
    until = Deadline()
    with set_deadline(until), pytest.raises(DeadlineExceeded):
        add_one(database, until.cancel)
    assert count(database) == 0
    add_one(database)
    assert count(database) == 1


@ON_BOTH
def test_what_is_over_is_not_begun(database: Database) -> None:
    with set_deadline(Deadline(0.0)), pytest.raises(DeadlineExceeded):
        add_one(database)
    assert count(database) == 0


@ON_BOTH
def test_a_transaction_waits_for_a_lock_no_longer_than_its_caller(
    database: Database, database_kind: str
) -> None:
    """Milliseconds, as the database has them; without a deadline it is 20 seconds."""
    asked = text("PRAGMA busy_timeout" if database_kind == "sqlite" else "SHOW lock_timeout")

    def shown() -> str:
        with database.write() as session:
            return str(session.scalar(asked))

    with set_deadline(Deadline(5.0)):
        assert 0 < int(shown().removesuffix("ms").replace("5s", "5000")) <= 5000
    assert shown() in {"20000", "20s"}
