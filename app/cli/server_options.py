"""What the commands of `loopin server` share: which database and keys they work on."""

import getpass
import os
import shlex
import socket
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import click
from click.core import ParameterSource

from app.cli import server_config
from app.cli.groups import Leaf
from app.cli.options import debug_option
from app.cli.output import show, show_json, stamp, table
from app.domain import durations
from app.domain.errors import Cancelled, Failed, LoopinError, Unreachable, UsageError

if TYPE_CHECKING:
    # At run time they are imported when a command runs: they belong to the extra `server`.
    from sqlalchemy.exc import SQLAlchemyError

    from app.server.core.audit import Actor
    from app.server.persistence.engine import Database

DATABASE_VARIABLE = "LOOPIN_DATABASE_URL"
_FILE_HINT = f"put it into a file for --database-url-file, or into {DATABASE_VARIABLE}"
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
_ALIAS, _AS_JSON = "_alias", "app.cli.server_options.as_json"


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


def _params() -> list[click.Parameter]:
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


def database_options(function: F) -> F:
    """Give a command `data`, `database_url`, `database_url_file` and `--config`."""
    return _add_options(function, server_config.SHARED)


def start_options(function: F) -> F:
    """The same, and let every option come from a variable or the file."""
    return _add_options(function, None)


def _add_options(function: F, from_outside: Collection[str] | None) -> F:
    gathered: list[click.Parameter] = function.__dict__.setdefault("__click_params__", [])
    place = _params()
    server_config.add_sources([*gathered, *place], from_outside)
    gathered.extend(reversed([*place, server_config.config_option(), debug_option()]))
    return function


@dataclass(frozen=True, slots=True, repr=False)
class Output:
    """What a command prints: JSON where that is asked for, else text. `note` goes to standard error."""

    json: Any
    text: str
    note: str = ""


def list_output(
    rows: Sequence[T],
    to_json: Callable[[T], Any],
    headers: Sequence[str],
    to_cells: Callable[[T], Sequence[str]],
    empty: str,
) -> Output:
    """A list and a table, or the sentence `empty`."""
    return Output(
        [to_json(row) for row in rows], table(headers, [to_cells(row) for row in rows]) if rows else empty
    )


def json_object(row: object, *names: str) -> dict[str, Any]:
    """These attributes as JSON: camelCase, ids as text, times as RFC 3339."""
    return {_camel_case(name): _json_value(getattr(row, name)) for name in names}


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _json_value(value: object) -> object:
    if isinstance(value, datetime):
        return stamp(value)
    return str(value) if isinstance(value, UUID) else value


def database_command(
    name: str, json_help: str = "Print JSON."
) -> Callable[[Callable[..., Output]], click.Command]:
    """Make a command of a function from a database and its own options to what is printed."""

    def decorate(function: Callable[..., Output]) -> click.Command:
        @wraps(function)
        def run(
            *,
            as_json: bool,
            data: Path | None,
            database_url: str | None,
            database_url_file: Path | None,
            **options: Any,
        ) -> None:
            for alias in [option for option in options if option.endswith(_ALIAS)]:
                argument, value = alias.removesuffix(_ALIAS), options.pop(alias)
                if bool(options[argument]) == bool(value):
                    raise UsageError(f"exactly one {argument.upper()} is needed", hint="see --help")
                options[argument] = options[argument] or value
            with open_database(data, database_url, database_url_file) as database:
                output = function(database, **options)
            if as_json or click.get_current_context().meta.get(_AS_JSON):
                show_json(output.json)
                return
            if output.note:
                show(output.note, err=True)
            if output.text:
                show(output.text)

        command = click.command(name, cls=Leaf)(run)
        command.params.append(click.Option(["--json", "as_json"], is_flag=True, help=json_help))
        place = _params()
        server_config.add_sources(place, server_config.SHARED)
        command.params += [*place, server_config.config_option(), debug_option()]
        return command

    return decorate


def email_argument(function: F) -> F:
    """Give a command `email`, as an argument or as a hidden option."""
    option = click.option("--email", "--user", f"email{_ALIAS}", hidden=True)
    return click.argument("email", required=False, metavar="EMAIL")(option(function))


def name_argument(function: F) -> F:
    """Give a command `name`, as an argument or as a hidden option."""
    option = click.option("--name", f"name{_ALIAS}", hidden=True)
    return click.argument("name", required=False, metavar="NAME")(option(function))


def output_option(function: F) -> F:
    """The commands of Chainloop call `--json` so."""

    def read(ctx: click.Context, param: click.Parameter, value: str) -> None:
        ctx.meta[_AS_JSON] = value == "json"

    formats = click.Choice(["table", "json"])
    option = click.option(
        "-o", "--output", type=formats, default="table", hidden=True, expose_value=False, callback=read
    )
    return option(function)


def organization_option(text: str) -> Callable[[F], F]:
    """Give a command `organization`; it is required."""
    return click.option("--org", "organization", required=True, metavar="ORG", help=text)


def organization_filter(text: str = "Only those of this organization.") -> Callable[[F], F]:
    """Give a command `organization`, empty for all."""
    return click.option("--org", "organization", default="", metavar="ORG", help=text)


def place_words(**place: Any) -> str:
    """The options that name the same database again, for a command to paste."""
    given = place or click.get_current_context().params
    named = {name: given.get(name) for name in ("data", "database_url", "database_url_file")}
    return "".join(
        f" --{name.replace('_', '-')} {shlex.quote(str(value))}" for name, value in named.items() if value
    )


def default_data() -> Path:
    """Where a server keeps its keys and database unless told otherwise."""
    from platformdirs import user_data_path

    return user_data_path("loopin") / "server"


def chosen_url(database_url: str | None, database_url_file: Path | None) -> str:
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
        from app.server import secret_files

        try:
            url = secret_files.read(database_url_file, "the database URL").decode("utf-8").strip()
        except (OSError, ValueError):
            url = ""
        if not url:
            raise UsageError(
                f"there is no database URL in {database_url_file}",
                hint="write one line into it, like postgresql://loopin@db.example/loopin",
            )
        return url
    return database_url or ""


@contextmanager
def the_extra() -> Iterator[None]:
    """Say what to install when the server is not; tell a database that does not answer in a sentence."""
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
def naming_the_database(**place: Any) -> Iterator[None]:
    """Complete the command that an error about the schema names, so that it is for the same database."""
    from app.server.persistence.migrate import NotMigrated

    try:
        yield
    except NotMigrated as error:
        error.hint += place_words(**place)
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
    url = chosen_url(database_url, database_url_file)
    with the_extra():
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
            with naming_the_database(**place):
                (migrate if migrating else check)(database.engine)
            yield database
        finally:
            database.close()


def operator() -> "Actor":
    """Whoever runs this command, for the audit trail: their account and machine."""
    from app.server.core.audit import Actor

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return Actor("operator", None, name, socket.gethostname())


def new_password() -> str:
    """Ask twice for a password without showing it, or read the first line of a pipe."""
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\r\n")
        if not password:
            raise UsageError("no password on standard input", hint="pipe it in, or run it at a terminal")
        return password
    try:
        password = getpass.getpass("New password: ")
        if getpass.getpass("Once more: ") != password:
            raise UsageError("the two are not the same", hint="nothing was changed; try again")
    except EOFError as error:
        raise Cancelled("cancelled") from error
    return password
