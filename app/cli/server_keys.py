"""`loopin server keys create | add | rotate | retire | list`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli.groups import Leaf
from app.cli.options import debug_option
from app.cli.output import plural, show, show_json, table
from app.cli.server_options import default_data, the_extra
from app.domain.errors import UsageError

if TYPE_CHECKING:
    from app.server.keys import KeyRing

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
    with the_extra():
        from app.server import keys as rings

        rings.create(path)
    show(f"Made {path}. Keep a copy: without it nobody stays signed in and no API token works.")


@click.command("add", cls=Leaf)
@_data
@_file
def add(data: Path | None, file: Path | None) -> None:
    """Add a key that verifies and does not sign yet, so that all hosts know it before one signs with it."""
    path = _path(data, file)
    with the_extra():
        from app.server import keys as rings

        _, key = rings.add(path)
    show(f"Key {key.kid} verifies. {_AFTERWARDS}")
    show(f"When all of them have read it, let it sign: loopin server keys rotate --kid {key.kid}")


@click.command("rotate", cls=Leaf)
@_kid
@_data
@_file
def rotate(kid: str, data: Path | None, file: Path | None) -> None:
    """Put a new key in front, or one that was added: it signs from now on, the others still verify."""
    path = _path(data, file)
    with the_extra():
        from app.server import keys as rings

        ring = rings.rotate(path, kid)
    show(f"Key {ring.signing.kid} signs, {plural(len(ring.keys) - 1, 'other key')} in {path} verify.")
    show(_AFTERWARDS)


@click.command("retire", cls=Leaf)
@click.option("--kid", required=True, metavar="KEY", help="The key, as listed.")
@_data
@_file
def retire(kid: str, data: Path | None, file: Path | None) -> None:
    """Take an old key out: sessions and API tokens that it signed end."""
    path = _path(data, file)
    with the_extra():
        from app.server import keys as rings

        rings.retire(path, kid)
    show(f"Key {kid} is out of {path}. {_AFTERWARDS}")


@click.command("list", cls=Leaf)
@_data
@_file
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(data: Path | None, file: Path | None, as_json: bool) -> None:
    """List the keys by their ids, the one that signs first; never the keys themselves."""
    path = _path(data, file)
    with the_extra():
        from app.server import keys as rings

        _print(rings.read(path), as_json)


def _print(ring: "KeyRing", as_json: bool) -> None:
    found = [(str(key.kid), key is ring.signing) for key in ring.keys]
    if as_json:
        show_json([{"kid": kid, "signs": signs} for kid, signs in found])
    else:
        show(
            table(
                ("KEY", "USE"), [(kid, "signs and verifies" if signs else "verifies") for kid, signs in found]
            )
        )


for _command in (create, add, rotate, retire, list_):
    _command.params.append(debug_option())


def _path(data: Path | None, file: Path | None) -> Path:
    if data and file:
        raise UsageError("two places for keys are named", hint="give --data or --signing-key-file")
    path = file or (data or default_data()).absolute() / "signing-keys.json"
    if not path.exists():
        raise UsageError(f"there are no signing keys in {path}", hint="name them with --signing-key-file")
    return path
