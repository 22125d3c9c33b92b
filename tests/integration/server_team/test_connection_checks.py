"""Pooled connections to PostgreSQL: closed ones are replaced, and the others cost no round trip."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from app.server.persistence import engine
from app.server.persistence.engine import Database
from tests.support import postgres


@pytest.fixture
def url(postgres_folder: Path) -> str:
    return postgres.create_database(postgres_folder)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    yield made
    made.close()


def backend(database: Database) -> int:
    with database.read() as session:
        return int(session.execute(text("SELECT pg_backend_pid()")).scalar_one())


def test_a_connection_that_the_server_closed_is_replaced(url: str, database: Database) -> None:
    first = backend(database)
    with psycopg.connect(url, autocommit=True) as operator:
        operator.execute("SELECT pg_terminate_backend(%s, 5000)", (first,))
    assert backend(database) != first


def test_only_a_connection_that_rested_is_asked_whether_it_works(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[object] = []
    monkeypatch.setattr(type(database.engine.dialect), "do_ping", lambda _dialect, used: pings.append(used))
    first = backend(database)
    assert backend(database) == first
    assert pings == []
    monkeypatch.setattr(engine, "_PING_AFTER", -1.0)
    assert backend(database) == first
    assert len(pings) == 1
