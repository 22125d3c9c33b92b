"""`loopin server sweep` and `loopin server migrate`."""

from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.output import in_table, json_object, show, table
from app.cli.server_command import Output, database_command
from app.cli.server_options import database_options, open_database
from app.domain.text import plural

if TYPE_CHECKING:
    # At run time they are imported when a command runs: they belong to the extra `server`.
    from app.server.core.sweep import SweptToken
    from app.server.persistence.engine import Database


@database_command("sweep", json_help="Print a JSON list of the tokens.")
@click.option("--dry-run", is_flag=True, help="Only show what a sweep would revoke.")
def sweep(database: "Database", dry_run: bool) -> Output:
    """Revoke the API tokens that nobody used for longer than their organization allows, now.

    It may run beside servers, which do the same every hour.
    """
    from app.server.core.sweep import Sweep

    tokens = Sweep(database).preview() if dry_run else Sweep(database).run()
    lines = [f"{plural(len(tokens), 'API token')} {'would be revoked' if dry_run else 'revoked'}."]
    if tokens:
        headers = ("ID", "NAME", "ORGANIZATION", "LAST USED (UTC)", "CREATED (UTC)")
        lines.insert(0, table(headers, [_cells(token) for token in tokens]))
    return Output([_json(token) for token in tokens], "\n".join(lines))


def _cells(token: "SweptToken") -> tuple[str, ...]:
    used, created = in_table(token.last_used_at, "never"), in_table(token.created_at)
    return str(token.id), token.name, token.organization, used, created


def _json(token: "SweptToken") -> dict[str, Any]:
    fields = json_object(token, "id", "name", "organization", "threshold", "created_at")
    return fields | (json_object(token, "last_used_at") if token.last_used_at else {})


@click.command("migrate", cls=Leaf)
@database_options
def migrate(**place: Any) -> None:
    """Bring the schema of the database up to date, or create it in an empty one.

    A server does the same when it starts on an empty database or on SQLite. Nothing else does.
    """
    with open_database(**place, migrating=True) as database:
        from app.server.persistence.migrate import version

        show(f"The database is up to date: version {version(database.engine)}.")
