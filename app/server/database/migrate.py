"""Brings the schema to the newest version, under a lock: replicas that start together must not race."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from filelock import FileLock
from sqlalchemy import Engine, text

from app.domain.errors import Failed

FOLDER = Path(__file__).parent
LOCK_SECONDS = 120
# Any number will do, as long as every version of this server uses the same.
_ADVISORY_LOCK = 4_071_989_310


def migrate(engine: Engine) -> None:
    """Run what is missing; nothing when the schema is up to date."""
    with _lock(engine), engine.execution_options(writer=True).connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        with connection.begin():
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


@contextmanager
def _lock(engine: Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        with FileLock(f"{engine.url.database}.migrate.lock", timeout=LOCK_SECONDS):
            yield
        return
    with engine.connect() as connection:
        # Held by the connection: a process that is killed lets go of it.
        connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ADVISORY_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ADVISORY_LOCK})
            connection.invalidate()
