"""A way into a test server's database behind its back, the same for SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support import postgres

PATIENCE = 30.0
URL_FILE = "database-url"
Prepare = Callable[[Path], None]
ON_BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
"""Runs a test on both databases, where its folder makes servers on the `database_kind`."""


def on_postgres(folder: Path, data: Path, space: Path | None = None) -> None:
    """Give the server that will live in `data` a database of its own on the PostgreSQL in `folder`.

    Its tables are kept in the folder `space`, if one is given.
    """
    data.mkdir(parents=True, exist_ok=True)
    place = data / URL_FILE
    if not place.exists():
        place.touch(mode=0o600)
        place.write_text(postgres.create_database(folder, space))


def flags(data: Path) -> list[str]:
    """What a server in `data` must be told of its database; its keys stay in the folder."""
    if not (data / URL_FILE).exists():
        return []
    from app.server.core.key_ring import FILE_NAME, load_or_create

    load_or_create(data)
    return ["--database-url-file", str(data / URL_FILE), "--signing-key-file", str(data / FILE_NAME)]


def url_of(data: Path) -> str:
    """The SQLAlchemy URL of the database of the server in `data`."""
    place = data / URL_FILE
    return place.read_text() if place.exists() else f"sqlite:///{data / 'loopin.db'}"


def ago(span: timedelta) -> str:
    """The moment so long before now, as a parameter for the database."""
    return (datetime.now(UTC) - span).strftime("%Y-%m-%d %H:%M:%S.%f")


def moment(value: str | datetime) -> datetime:
    """A moment that was read: SQLite gives text."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)


class SideDoor:
    """A connection in autocommit; parameters are written `?`, moments and ids as text."""

    def __init__(self, data: Path) -> None:
        self.is_postgres = (data / URL_FILE).exists()
        self._connection: Any
        if self.is_postgres:
            import psycopg

            options = "-c timezone=UTC"
            self._connection = psycopg.connect(url_of(data), autocommit=True, options=options)
        else:
            self._connection = sqlite3.connect(data / "loopin.db", isolation_level=None, timeout=PATIENCE)
            self._connection.execute("PRAGMA foreign_keys=ON")

    def execute(self, sql: str, values: Sequence[object] = ()) -> Any:
        """Run one statement; return the cursor."""
        return self._connection.execute(self._spoken(sql), values)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run one statement for each of many rows."""
        cursor = self._connection.cursor()
        cursor.executemany(self._spoken(sql), rows)
        cursor.close()

    def begin(self) -> None:
        """Begin a transaction that writes."""
        self.execute("BEGIN" if self.is_postgres else "BEGIN IMMEDIATE")

    def hold_all(self) -> None:
        """Begin a transaction that lets nobody else write."""
        self.begin()
        if self.is_postgres:
            self.execute("LOCK TABLE api_tokens, sessions, audit_events IN EXCLUSIVE MODE")

    def iterdump(self) -> Iterator[str]:
        """Everything in it, as text."""
        if not self.is_postgres:
            yield from self._connection.iterdump()
            return
        tables = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            yield from (row[0] for row in self.execute(f'SELECT t::text FROM "{table}" t').fetchall())

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spoken(self, sql: str) -> str:
        return sql.replace("?", "%s") if self.is_postgres else sql


@pytest.fixture(scope="session")
def prepare_data() -> Prepare:
    """Called with a server's data folder before its first start; folders of tests override it."""
    return lambda _data: None


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def on_both(request: pytest.FixtureRequest) -> Prepare:
    """Every promise is kept on both databases: a folder of tests takes this as its `prepare_data`."""
    return on_kind(request, request.param)


@pytest.fixture
def database_kind(request: pytest.FixtureRequest) -> str:
    """The database of a test: SQLite, unless the test is marked with `ON_BOTH`."""
    kind: str = getattr(request, "param", "sqlite")
    return kind


def on_kind(request: pytest.FixtureRequest, kind: str) -> Prepare:
    """What prepares the data folder of a server on "sqlite" or "postgresql"."""
    if kind == "sqlite":
        return lambda _data: None
    return partial(on_postgres, request.getfixturevalue("postgres_folder"))
