"""The database: SQLite beside the keys, or PostgreSQL.

SQLite: a writer takes the write lock when its transaction begins (`BEGIN IMMEDIATE`). A deferred transaction
that reads and then writes cannot wait for its turn, it fails; with the lock up front it queues.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app.server.database.trouble import Conflict, NoDatabase, told
from app.server.database.types import UTCDateTime

BUSY_TIMEOUT_MS = 20_000
_PROBE_TIMEOUT_MS = 1_000
_POOL = 24
# A database host that vanished without a word is noticed within a quarter of a minute (libpq, seconds; the
# last one in milliseconds). What the URL says comes first.
_NETWORK = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_Result = TypeVar("_Result")
_SQLITE_NOW = func.strftime("%Y-%m-%d %H:%M:%f", "now", type_=UTCDateTime)


class Database:
    """Hands out sessions: `read()` never writes, `write()` commits at its end or not at all.

    Both raise NoDatabase while it cannot be used.
    """

    def __init__(self, url: str) -> None:
        self.engine = _make_engine(url)
        self._writers = self.engine.execution_options(writer=True)
        self._is_sqlite = _is_sqlite(self.engine.url.drivername)
        self._last_write_failed = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading one consistent state."""
        with told(), Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction; an exception takes all of it back."""
        try:
            with told(), Session(self._writers, expire_on_commit=False) as session, session.begin():
                yield session
        except NoDatabase:
            self._last_write_failed = True
            raise
        self._last_write_failed = False

    def transact(self, work: Callable[[Session], _Result]) -> _Result:
        """What `work` returns, in one transaction; once more when it gave way to another one."""
        try:
            with self.write() as session:
                return work(session)
        except Conflict:
            with self.write() as session:
                return work(session)

    def check(self) -> None:
        """Return when it can be used: read, and written too if it could not be written the last time."""
        with told():
            with self.engine.connect() as connection:
                connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if self._last_write_failed:
                self._try_to_write()
        self._last_write_failed = False

    def _try_to_write(self) -> None:
        if not self._is_sqlite:
            # Takes a block where the other tables are, and is gone with the transaction.
            with self.engine.begin() as connection:
                connection.execute(text("CREATE TEMPORARY TABLE loopin_probe ON COMMIT DROP AS SELECT 1"))
            return
        with self._writers.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.execute(f"PRAGMA busy_timeout={_PROBE_TIMEOUT_MS}").close()
            try:
                # The same number again: a page is written all the same.
                version = connection.execute(text("PRAGMA user_version")).scalar()
                connection.execute(text(f"PRAGMA user_version={version}"))
                connection.commit()
            finally:
                driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}").close()

    def now(self, session: Session) -> datetime:
        """The database's own time: the same for every replica that uses it."""
        if self._is_sqlite:
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
    if not _is_sqlite(parsed.drivername):
        options["pool_pre_ping"] = True
        options["connect_args"] = {k: v for k, v in _NETWORK.items() if k not in parsed.query}
    engine = create_engine(parsed, hide_parameters=True, **options)
    if _is_sqlite(parsed.drivername):
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif "lock_timeout" not in str(parsed.query.get("options", "")):
        event.listen(engine, "connect", _prepare_postgresql)
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


def _prepare_postgresql(connection: Any, _record: object) -> None:
    # Nobody waits longer for another's lock than under SQLite: else one forgotten transaction would in time
    # hold every worker. Not by `options` in the URL, which a pooler in between may refuse.
    connection.autocommit = True
    connection.execute(f"SET lock_timeout = {BUSY_TIMEOUT_MS}").close()
    connection.autocommit = False


def _begin_sqlite(connection: Connection) -> None:
    writer = connection.get_execution_options().get("writer", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")
