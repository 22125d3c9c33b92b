"""The mechanism of most commands of `loopin server`: open a database, call one service, print the result."""

import getpass
import os
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from app.cli.groups import Leaf
from app.cli.output import show, show_json, table
from app.cli.server_options import database_parameters, open_database
from app.domain.errors import Cancelled, UsageError

if TYPE_CHECKING:
    # At run time it is imported when a command runs: it belongs to the extra `server`.
    from app.server.core.audit import Actor

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
_ALIAS, _AS_JSON = "_alias", "app.cli.server_command.as_json"


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
        command.params += database_parameters()
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
