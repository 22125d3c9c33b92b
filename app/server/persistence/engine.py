"""The database: SQLite beside the keys, or PostgreSQL.

SQLite: a writer takes the write lock when its transaction begins (`BEGIN IMMEDIATE`). A deferred transaction
that reads and then writes cannot wait for its turn, it fails; with the lock up front it queues.

PostgreSQL: nothing is kept in a connection between two transactions, neither settings nor prepared
statements, so that a pooler such as pgbouncer may give each transaction another one.
"""

import logging
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from select import POLLIN, poll
from typing import Any, TypeVar, TypeVarTuple

from sqlalchemy import Connection, Dialect, Engine, Row, Select, create_engine, event, func, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from app.server import log
from app.server.clock import Clock
from app.server.deadline import Deadline, current_deadline, set_deadline
from app.server.limits import Limit
from app.server.persistence.errors import (
    NOT_ALLOWED,
    Conflict,
    NoDatabase,
    TooManyWriters,
    code_of,
    database_errors,
)
from app.server.persistence.types import UTCDateTime

BUSY_TIMEOUT_MS = 20_000
# Seconds for the write that tells whether the database can be written again.
_PROBE_TIMEOUT = 1.0
CONNECTIONS = 48
# So many stay open while nobody uses them.
_KEPT_OPEN = 24
_WAIT_STEP = 0.5
# Seconds, from and to, before a transaction that gave way is tried again.
_BACK_OFF = 0.02, 0.05
# Seconds after which a connection that nobody used is asked whether it still works.
_PING_AFTER, _LAST_USE = 10.0, "last use"
# How many may change something at once, and for how many seconds the next one waits for its turn: whoever
# waits for the lock of a row holds a worker.
WRITERS, WRITERS_PATIENCE = 8, 5.0
# What libpq quotes when a server answered and refused; these two mean "not yet".
_ANSWERED, _NOT_YET = "FATAL", ("starting up", "shutting down")
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
_Columns = TypeVarTuple("_Columns")
_SQLITE_NOW = func.strftime("%Y-%m-%d %H:%M:%f", "now", type_=UTCDateTime)


class Database:
    """Hands out sessions: `read()` never writes, `write()` commits at its end or not at all.

    Both raise NoDatabase while it cannot be used. It opens up to `connections` at once, and `writers`
    transactions that write. `fixed` is a clock for tests, in place of the database's.
    """

    def __init__(
        self,
        url: str,
        connections: int = CONNECTIONS,
        fixed: Clock | None = None,
        writers: int = WRITERS,
    ) -> None:
        self._fixed = fixed
        self.engine = _make_engine(url, connections)
        self._writers = self.engine.execution_options(writer=True)
        self._is_sqlite = _is_sqlite(self.engine.url.drivername)
        autocommit = {} if self._is_sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._autocommit = self.engine.execution_options(**autocommit)
        self._write_limit = Limit(writers, WRITERS_PATIENCE, TooManyWriters)
        self._sqlite_writer = threading.Lock()
        self.last_write_failed = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading one consistent state."""
        with database_errors(), Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    def read_row(self, query: Select[*_Columns], values: Mapping[str, object]) -> Row[*_Columns] | None:
        """The one row of a single query. PostgreSQL needs no transaction for it: two round trips less."""
        with database_errors(), Session(self._autocommit, expire_on_commit=False, autoflush=False) as session:
            return session.execute(query, values).one_or_none()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction; an exception takes all of it back, and so does a call that is over.

        Raises DeadlineExceeded then.
        """
        until = current_deadline()
        until.check()
        with self._write_limit.hold(), self._sqlite_turn(until):
            try:
                with (
                    database_errors(),
                    Session(self._writers, expire_on_commit=False) as session,
                    session.begin(),
                ):
                    yield session
                    session.flush()
                    until.check()
            except NoDatabase:
                self.last_write_failed = True
                raise
            self.last_write_failed = False

    @contextmanager
    def _sqlite_turn(self, until: Deadline) -> Iterator[None]:
        """SQLite has one writer. To wait for it here is faster than to try its lock again and again."""
        if not self._is_sqlite:
            yield
            return
        if not self._sqlite_writer.acquire(timeout=until.left(BUSY_TIMEOUT_MS / 1000)):
            raise NoDatabase("the database cannot be used", hint="try again in a moment")
        try:
            yield
        finally:
            self._sqlite_writer.release()

    def transact(self, work: Callable[[Session], _Result]) -> _Result:
        """What `work` returns, in one transaction; once more when it gave way to another one."""
        try:
            with self.write() as session:
                return work(session)
        except Conflict:
            # Whoever waits for the rows that were given up must have them before they are taken again.
            time.sleep(secrets.SystemRandom().uniform(*_BACK_OFF))
            with self.write() as session:
                return work(session)

    def wait(self, limit: timedelta) -> None:
        """Return when a server answers, which may start later than this program; else go on at the limit.

        A server that answers and refuses, as it does for a wrong password, is not waited for.
        """
        end = time.monotonic() + limit.total_seconds()
        while not self._answers() and time.monotonic() < end:
            log.event("database.awaited", logging.WARNING, seconds=round(end - time.monotonic()))
            time.sleep(_WAIT_STEP)

    def _answers(self) -> bool:
        try:
            with self.engine.connect():
                return True
        except OperationalError as error:
            message = str(error.orig)
            return _ANSWERED in message and not any(words in message for words in _NOT_YET)

    def check(self) -> None:
        """Return when it can be used: read, and written too if it could not be written the last time."""
        with database_errors():
            with self.engine.connect() as connection:
                connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if self.last_write_failed:
                with set_deadline(Deadline(_PROBE_TIMEOUT)):
                    self._try_to_write()
        self.last_write_failed = False

    def _try_to_write(self) -> None:
        if not self._is_sqlite:
            self._try_to_write_postgresql()
            return
        with self._writers.begin() as connection:
            # The same number again: a page is written all the same.
            version = connection.execute(text("PRAGMA user_version")).scalar()
            connection.execute(text(f"PRAGMA user_version={version}"))

    def _try_to_write_postgresql(self) -> None:
        try:
            # Takes a block where the other tables are, and is gone with the transaction.
            with self._writers.begin() as connection:
                connection.execute(text("CREATE TEMPORARY TABLE loopin_probe ON COMMIT DROP AS SELECT 1"))
        except ProgrammingError as error:
            if code_of(error) != NOT_ALLOWED:
                raise
            # A role without TEMPORARY: the same number again is written all the same.
            with self._writers.begin() as connection:
                connection.execute(text("UPDATE alembic_version SET version_num = version_num"))

    def now(self, session: Session) -> datetime:
        """The database's own time: the same for every replica that uses it."""
        if self._fixed is not None:
            return self._fixed()
        if self._is_sqlite:
            return session.execute(select(_SQLITE_NOW)).scalar_one()
        return session.execute(select(func.clock_timestamp(type_=UTCDateTime))).scalar_one()

    def close(self) -> None:
        """Let every connection go."""
        self.engine.dispose()


def _make_engine(url: str, connections: int) -> Engine:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    open_connections = min(_KEPT_OPEN, connections)
    options: dict[str, Any] = {
        "pool_size": open_connections,
        "max_overflow": connections - open_connections,
        "pool_timeout": 30,
    }
    if _is_sqlite(parsed.drivername):
        engine = create_engine(parsed, hide_parameters=True, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    network = {key: value for key, value in _NETWORK.items() if key not in parsed.query}
    options["connect_args"] = {"prepare_threshold": None, **network}
    engine = create_engine(parsed, hide_parameters=True, **options)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_check_connection, engine.dialect))
    if "lock_timeout" not in str(parsed.query.get("options", "")):
        event.listen(engine, "begin", _begin_postgresql)
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


def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info[_LAST_USE] = time.monotonic()


def _check_connection(
    dialect: Dialect, connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
) -> None:
    """Replace a connection that the server has closed; who raises here is given another one.

    A round trip before each use would cost as much as most statements. One that was used a moment ago and has
    nothing to read is still open: a server that ends closes its connections.
    """
    last_use = record.info.pop(_LAST_USE, None)
    if last_use is None:
        # It has just been opened.
        return
    driver: Any = connection
    readable = poll()
    readable.register(driver.fileno(), POLLIN)
    if time.monotonic() - last_use < _PING_AFTER and not readable.poll(0):
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error


def _begin_postgresql(connection: Connection) -> None:
    # Nobody waits longer for another's lock than under SQLite: else one forgotten transaction would in time
    # hold every worker. Who only reads waits for none. Not by `options` in the URL: a pooler may refuse them.
    if connection.get_execution_options().get("writer", False):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_lock_timeout()}")


def _begin_sqlite(connection: Connection) -> None:
    writer = connection.get_execution_options().get("writer", False)
    connection.exec_driver_sql(f"PRAGMA busy_timeout={_lock_timeout()}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")


def _lock_timeout() -> int:
    """Milliseconds that a transaction waits for another's lock; PostgreSQL takes 0 for ever."""
    return max(1, round(current_deadline().left(BUSY_TIMEOUT_MS / 1000) * 1000))
