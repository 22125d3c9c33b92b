"""The database: SQLite beside the keys, or PostgreSQL.

SQLite: a writer takes the write lock when its transaction begins (`BEGIN IMMEDIATE`). A deferred transaction
that reads and then writes cannot wait for its turn, it fails; with the lock up front it queues.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app.server.database.types import UTCDateTime

BUSY_TIMEOUT_MS = 20_000
_POOL = 24
_SQLITE_NOW = func.strftime("%Y-%m-%d %H:%M:%f", "now", type_=UTCDateTime)


class Database:
    """Hands out sessions: `read()` never writes, `write()` commits at its end or not at all."""

    def __init__(self, url: str) -> None:
        self.engine = _make_engine(url)
        self._writers = self.engine.execution_options(writer=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading one consistent state."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction; an exception takes all of it back."""
        with Session(self._writers, expire_on_commit=False) as session, session.begin():
            yield session

    def answers(self) -> bool:
        """True when the database can be asked."""
        with self.engine.connect() as connection:
            return connection.execute(text("SELECT 1")).scalar() == 1

    def now(self, session: Session) -> datetime:
        """The database's own time: the same for every replica that uses it."""
        if self.engine.dialect.name == "sqlite":
            return session.execute(select(_SQLITE_NOW)).scalar_one()
        return session.execute(select(func.clock_timestamp(type_=UTCDateTime))).scalar_one()

    def close(self) -> None:
        """Let every connection go."""
        self.engine.dispose()


def _make_engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {"pool_size": _POOL, "max_overflow": _POOL, "pool_timeout": 30}
    engine = create_engine(
        parsed, hide_parameters=True, pool_pre_ping=not _is_sqlite(parsed.drivername), **options
    )
    if _is_sqlite(parsed.drivername):
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _is_sqlite(driver: str) -> bool:
    return driver.startswith("sqlite")


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Without this the driver begins transactions itself, too late and deferred.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    writer = connection.get_execution_options().get("writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")
