"""`loopin server keys create | add | rotate | retire | list`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli import server_config
from app.cli.groups import Leaf
from app.cli.options import debug_option
from app.cli.output import show, show_json, table
from app.cli.server_command import operator
from app.cli.server_options import (
    database_options,
    default_data,
    open_database,
    require_server_extra,
    resolve_database_url,
)
from app.domain.errors import UsageError
from app.domain.text import plural

if TYPE_CHECKING:
    from app.server.core.key_ring import KeyRing

    Record = Callable[[str, str], None]

_data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the server, when its keys are in there.",
)
_file = click.option(
    "--signing-key-file", "file", type=click.Path(path_type=Path, dir_okay=False), help="The ring of keys."
)
_AFTERWARDS = "Servers use it after SIGHUP or a restart. Several hosts: copy the file to all of them first."
_kid = click.option("--kid", default="", metavar="KEY", help="The key, as listed. [a new one]")


@click.command("create", cls=Leaf)
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def create(path: Path) -> None:
    """Make a ring with one key in a new file that only its owner can read."""
    with require_server_extra():
        from app.server.core import key_ring

        key_ring.create_ring(path)
    show(f"Made {path}. Keep a copy: without it nobody stays signed in and no API token works.")


@click.command("add", cls=Leaf)
@_file
@database_options
def add(file: Path | None, **place: Any) -> None:
    """Add a key that verifies and does not sign yet, so that all hosts know it before one signs with it."""
    path = _path(place["data"], file)
    with require_server_extra(), _audit_trail(file, place) as record:
        from app.server.core import audit, key_ring

        _, key = key_ring.add_key(path)
        record(audit.SIGNING_KEY_ADD, str(key.kid))
    show(f"Key {key.kid} verifies. {_AFTERWARDS}")
    show(f"When all of them have read it, let it sign: loopin server keys rotate --kid {key.kid}")


@click.command("rotate", cls=Leaf)
@_kid
@_file
@database_options
def rotate(kid: str, file: Path | None, **place: Any) -> None:
    """Put a new key in front, or one that was added: it signs from now on, the others still verify."""
    path = _path(place["data"], file)
    with require_server_extra(), _audit_trail(file, place) as record:
        from app.server.core import audit, key_ring

        ring = key_ring.rotate_keys(path, kid)
        record(audit.SIGNING_KEY_ROTATE, str(ring.signing.kid))
    show(f"Key {ring.signing.kid} signs, {plural(len(ring.keys) - 1, 'other key')} in {path} verify.")
    show(_AFTERWARDS)


@click.command("retire", cls=Leaf)
@click.option("--kid", required=True, metavar="KEY", help="The key, as listed.")
@_file
@database_options
def retire(kid: str, file: Path | None, **place: Any) -> None:
    """Take an old key out: sessions and API tokens that it signed end."""
    path = _path(place["data"], file)
    with require_server_extra(), _audit_trail(file, place) as record:
        from app.server.core import audit, key_ring

        key_ring.retire_key(path, kid)
        record(audit.SIGNING_KEY_RETIRE, kid)
    show(f"Key {kid} is out of {path}. {_AFTERWARDS}")


@click.command("list", cls=Leaf)
@_data
@_file
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(data: Path | None, file: Path | None, as_json: bool) -> None:
    """List the keys by their ids, the one that signs first; never the keys themselves."""
    path = _path(data, file)
    with require_server_extra():
        from app.server.core import key_ring

        _print(key_ring.read_ring(path), as_json)


def _print(ring: "KeyRing", as_json: bool) -> None:
    keys = [(str(key.kid), key is ring.signing) for key in ring.keys]
    if as_json:
        show_json([{"kid": kid, "signs": signs} for kid, signs in keys])
    else:
        rows = [(kid, "signs and verifies" if signs else "verifies") for kid, signs in keys]
        show(table(("KEY", "USE"), rows))


@contextmanager
def _audit_trail(file: Path | None, place: dict[str, Any]) -> "Iterator[Record]":
    """Record in the audit trail what the block does, or say that it is not there.

    The keys are in a file and may be changed where no database is. One that is named must be usable before
    they are.
    """
    data = place["data"]
    # Keys that were named alone may be those of any server.
    has_database = resolve_database_url(place["database_url"], place["database_url_file"]) or (
        (data or file is None) and ((data or default_data()).absolute() / "loopin.db").exists()
    )
    if not has_database:
        yield lambda _action, _kid: None
        show("The audit trail does not have this: no database was named (--database-url-file).", err=True)
        return
    with open_database(**place) as database, database.write() as session:
        from app.server.clock import utc_now
        from app.server.core import audit

        database.now(session)
        yield lambda action, kid: audit.record(
            session, operator(), utc_now(), audit.Event(action, target_name=kid)
        )


server_config.add_sources(list_.params, server_config.SHARED)
list_.params.append(server_config.config_option())
for _command in (create, list_):
    _command.params.append(debug_option())


def _path(data: Path | None, file: Path | None) -> Path:
    path = file or (data or default_data()).absolute() / "signing-keys.json"
    if not path.exists():
        raise UsageError(f"there are no signing keys in {path}", hint="name them with --signing-key-file")
    return path
