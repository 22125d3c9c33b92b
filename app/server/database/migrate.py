"""Brings the schema to the newest version, under a lock: replicas that start together must not race."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from app.domain.errors import Failed, Unreachable
from app.server.database.trouble import code_of

FOLDER = Path(__file__).parent
LOCK_SECONDS = 120
# What SQLite and PostgreSQL call a lock that was not to be had in time.
_HELD = frozenset({"SQLITE_BUSY", "55P03"})
# Any number will do, as long as every version of this server uses the same.
_ADVISORY_LOCK = 4_071_989_310


def migrate(engine: Engine) -> None:
    """Run all that is missing, or none of it; nothing when the schema is up to date.

    Raises Failed for a schema that is newer than this program, Unreachable while somebody else holds it.
    """
    with _patience(), _lock(engine), engine.execution_options(writer=True).connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        with connection.begin():
            _wait_for_locks(connection, "LOCAL ")
            _upgrade(config)


def version(engine: Engine) -> str:
    """The version of the schema."""
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())


def _upgrade(config: Config) -> None:
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Failed(
            "the database was made by a newer version of this program", hint="update the program here too"
        ) from error


def _wait_for_locks(connection: Connection, scope: str = "") -> None:
    """As long as a migration of another host may take, and not for ever."""
    if connection.dialect.name != "sqlite":
        connection.execute(text(f"SET {scope}lock_timeout = '{LOCK_SECONDS}s'"))


@contextmanager
def _patience() -> Iterator[None]:
    """Tell a lock that nobody lets go of in words."""
    try:
        yield
    except (Timeout, OperationalError) as error:
        if isinstance(error, OperationalError) and code_of(error) not in _HELD:
            raise
        raise Unreachable(
            "the schema cannot be brought up to date: another program holds the database",
            hint="nothing was changed; see what it is, and start again",
        ) from error


@contextmanager
def _lock(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        with FileLock(f"{engine.url.database}.migrate.lock", timeout=LOCK_SECONDS):
            yield
        return
    with engine.connect() as connection:
        # Held by the connection: a process that is killed lets go of it.
        _wait_for_locks(connection)
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
            connection.invalidate()
