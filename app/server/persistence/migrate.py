"""Brings the schema to the newest version, under a lock: replicas that start together must not race.

Only `loopin server migrate` changes a schema that several hosts may use. A server makes the tables of an
empty database, and updates an SQLite file, which is its own. Whatever else opens a database checks it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from app.domain.errors import Failed, Unreachable
from app.server.persistence.errors import code_of

FOLDER = Path(__file__).parent
LOCK_SECONDS = 120
# What SQLite and PostgreSQL call a lock that was not to be had in time.
_HELD = frozenset({"SQLITE_BUSY", "55P03"})
# Any number will do, as long as every version of this server uses the same.
_ADVISORY_LOCK = 4_071_989_310


class NotMigrated(Failed):
    """The schema is missing or of an older version; the command adds the database to the hint."""


def migrate(engine: Engine) -> None:
    """Run all that is missing, or none of it; nothing when the schema is up to date.

    Raises Failed for a schema that is newer than this program, Unreachable while somebody else holds it.
    """
    _migrate(engine, update=True)


def prepare(engine: Engine) -> None:
    """At the start of a server: create the schema in an empty database, update that of an SQLite file.

    Raises NotMigrated for an older schema in PostgreSQL, where servers of the version before may be at work;
    else as `migrate`.
    """
    _migrate(engine, update=engine.dialect.name == "sqlite")


def check(engine: Engine) -> None:
    """Return when the schema is the one of this program; change nothing. Raises Failed and NotMigrated."""
    with engine.connect() as connection:
        current = _version(connection)
    config = _config()
    _refuse_newer(config, current)
    if current != _head(config):
        _refuse_older(current)
        raise NotMigrated("the database has no tables yet", hint="create them: loopin server migrate")


def _refuse_newer(config: Config, current: str) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current and current not in known:
        raise Failed(
            "the database was created by a newer version of this program", hint="update the program here too"
        )


def _refuse_older(current: str) -> None:
    if current:
        raise NotMigrated(
            f"the database has the schema of an older version of this program ({current})",
            hint="back it up, then run: loopin server migrate",
        )


def _migrate(engine: Engine, *, update: bool) -> None:
    """Create the tables of an empty database; with `update` bring those of an older version up to date."""
    with _lock_errors(), _lock(engine), engine.execution_options(writer=True).connect() as connection:
        config = _config()
        with connection.begin():
            _wait_for_locks(connection, "LOCAL ")
            current = _version(connection)
            _refuse_newer(config, current)
            if current != _head(config):
                if not update:
                    _refuse_older(current)
                config.attributes["connection"] = connection
                command.upgrade(config, "head")


def version(engine: Engine) -> str:
    """The version of the schema."""
    with engine.connect() as connection:
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())


def _version(connection: Connection) -> str:
    """The version of the schema, empty without one."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def _head(config: Config) -> str:
    return ScriptDirectory.from_config(config).get_current_head() or ""


def _wait_for_locks(connection: Connection, scope: str = "") -> None:
    """As long as a migration of another host may take, and not for ever."""
    if connection.dialect.name != "sqlite":
        connection.execute(text(f"SET {scope}lock_timeout = '{LOCK_SECONDS}s'"))


@contextmanager
def _lock_errors() -> Iterator[None]:
    """Raise Unreachable for a lock that nobody releases."""
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
