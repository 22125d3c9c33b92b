"""Which database and keys the commands of `loopin server` work on."""

import shlex
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import click
from click.core import ParameterSource

from app.cli import server_config
from app.cli.options import debug_option
from app.domain import durations
from app.domain.errors import Failed, LoopinError, Unreachable, UsageError

if TYPE_CHECKING:
    # At run time they are imported when a command runs: they belong to the extra `server`.
    from sqlalchemy.exc import SQLAlchemyError

    from app.server.persistence.engine import Database

DATABASE_VARIABLE = "LOOPIN_DATABASE_URL"
_FILE_HINT = f"put it into a file for --database-url-file, or into {DATABASE_VARIABLE}"
F = TypeVar("F", bound=Callable[..., Any])


def span_in(unit: str) -> Callable[[click.Context, click.Parameter, str], timedelta]:
    """A callback that reads a span such as 12h or 7d; a bare number counts in `unit`, such as hours."""

    def read(ctx: click.Context, param: click.Parameter, value: str) -> timedelta:
        try:
            return timedelta(**{unit: float(value)})
        except (ValueError, OverflowError):
            span = durations.parse(value)
        if span is None:
            raise click.BadParameter(f"{value[:80]!r} is no time: write {unit}, or one like 12h")
        return span

    return read


def _no_password(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    source = ctx.get_parameter_source(str(param.name))
    if value is None or source is ParameterSource.ENVIRONMENT:
        return value
    try:
        parts = urlsplit(value)
        secret = parts.password or "password" in parse_qs(parts.query)
    except ValueError:
        secret = None
    if secret and source is ParameterSource.DEFAULT_MAP:
        raise UsageError("the database URL in the file of --config has a password", hint=_FILE_HINT)
    if secret:
        raise UsageError(
            "a password on the command line can be read by everybody on this machine", hint=_FILE_HINT
        )
    return value


def _parameters() -> list[click.Parameter]:
    return [
        click.Option(
            ["--data"],
            type=click.Path(path_type=Path, file_okay=False),
            help="Folder of the server's keys and its SQLite database.",
        ),
        click.Option(
            ["--database-url"],
            metavar="URL",
            envvar=DATABASE_VARIABLE,
            callback=_no_password,
            help=f"PostgreSQL instead of SQLite; without a password in it. [{DATABASE_VARIABLE}]",
        ),
        click.Option(
            ["--database-url-file"],
            type=click.Path(path_type=Path, dir_okay=False),
            help="The same from a file, which may hold a password.",
        ),
    ]


def database_parameters() -> list[click.Parameter]:
    """`data`, `database_url`, `database_url_file`, also from variables, `--config` and `--debug`."""
    parameters = _parameters()
    server_config.add_sources(parameters, server_config.SHARED)
    return [*parameters, server_config.config_option(), debug_option()]


def database_options(function: F) -> F:
    """Give a command these parameters."""
    return _add_options(function, server_config.SHARED)


def start_options(function: F) -> F:
    """The same, and let every option come from a variable or the file."""
    return _add_options(function, None)


def _add_options(function: F, from_outside: Collection[str] | None) -> F:
    own: list[click.Parameter] = function.__dict__.setdefault("__click_params__", [])
    parameters = _parameters()
    server_config.add_sources([*own, *parameters], from_outside)
    own.extend(reversed([*parameters, server_config.config_option(), debug_option()]))
    return function


def database_flags(**place: Any) -> str:
    """The options that name the same database again, for a command to paste."""
    given = place or click.get_current_context().params
    named = {name: given.get(name) for name in ("data", "database_url", "database_url_file")}
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in named.items() if value
    )


def default_data() -> Path:
    """The folder of a server's keys and database without --data."""
    from platformdirs import user_data_path

    return user_data_path("loopin") / "server"


def resolve_database_url(database_url: str | None, database_url_file: Path | None) -> str:
    """The URL of the database, empty for SQLite. A flag beats a variable, and that the file of --config."""
    if database_url and database_url_file:
        ctx = click.get_current_context()
        counts = server_config.stronger(ctx, "database_url", "database_url_file")
        if not counts:
            raise UsageError("two databases are named", hint="give --database-url or --database-url-file")
        if counts == "database_url":
            return database_url
    if database_url_file:
        # The server's own rule for files with secrets.
        from app.server import private_files

        url = private_files.read_secret_text(database_url_file, "the database URL")
        if not url:
            raise UsageError(
                f"there is no database URL in {database_url_file}",
                hint="write one line into it, like postgresql://loopin@db.example/loopin",
            )
        return url
    return database_url or ""


@contextmanager
def require_server_extra() -> Iterator[None]:
    """Raise UsageError when the extra `server` is not installed, and describe errors of the database."""
    if not (find_spec("flask") and find_spec("sqlalchemy")):
        raise UsageError(
            "the account server is not installed", hint="install it with: pip install 'loopin[server]'"
        )
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        yield
    except ArgumentError as error:
        raise UsageError("the database URL cannot be read", hint=_FILE_HINT) from error
    except SQLAlchemyError as error:
        raise _describe(error) from error


def _describe(error: "SQLAlchemyError") -> LoopinError:
    from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return Unreachable(
            f"the database file cannot be used: {cause}",
            hint="is it this server's, may this account write to its folder, and is there room?",
        )
    if isinstance(error, OperationalError | InterfaceError):
        return Unreachable("the database does not answer", hint="is it running, and is its URL right?")
    return Failed(f"the database could not do it ({type(error).__name__})", hint="see its log")


@contextmanager
def name_database_in_hints(**place: Any) -> Iterator[None]:
    """Add the options of the database to the command that an error about the schema names."""
    from app.server.persistence.migrate import NotMigrated

    try:
        yield
    except NotMigrated as error:
        error.hint += database_flags(**place)
        raise


@contextmanager
def open_database(
    data: Path | None,
    database_url: str | None,
    database_url_file: Path | None,
    *,
    migrating: bool = False,
) -> "Iterator[Database]":
    """The database of a server that was started at least once. Its schema is checked, and never changed.

    With `migrating` it may be empty or of an older version, and is brought up to date.
    """
    url = resolve_database_url(database_url, database_url_file)
    with require_server_extra():
        from app.server.persistence.engine import Database
        from app.server.persistence.migrate import check, migrate
        from app.server.settings import ServerSettings, check_database_url

        settings = ServerSettings(data=(data or default_data()).absolute(), database_url=url)
        if url:
            check_database_url(url)
        elif not (settings.data if migrating else settings.database_file).exists():
            raise UsageError(
                f"there is no account server in {settings.data}",
                hint="start one first: loopin server start --data …",
            )
        database = Database(settings.url)
        place = {"data": data, "database_url": database_url, "database_url_file": database_url_file}
        try:
            with name_database_in_hints(**place):
                (migrate if migrating else check)(database.engine)
            yield database
        finally:
            database.close()
