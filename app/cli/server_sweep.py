"""`loopin server sweep` and `loopin server migrate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.output import in_table, show, show_json, stamp, table
from app.cli.server_options import database_options, open_database
from app.domain.text import plural

if TYPE_CHECKING:
    from app.server.core.sweep import Swept


@click.command("sweep", cls=Leaf)
@click.option("--dry-run", is_flag=True, help="Only show what a sweep would revoke.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list of the tokens.")
@database_options
def sweep(
    dry_run: bool,
    as_json: bool,
    data: Path | None,
    database_url: str | None,
    database_url_file: Path | None,
) -> None:
    """Revoke the API tokens that nobody used for longer than their organization allows, now.

    It may run beside servers, which do the same every hour.
    """
    with open_database(data, database_url, database_url_file) as database:
        from app.server.core.sweep import Sweep

        found = Sweep(database).preview() if dry_run else Sweep(database).run()
    if as_json:
        show_json([_shape(item) for item in found])
        return
    if found:
        headers = ("ID", "NAME", "ORGANIZATION", "LAST USED (UTC)", "CREATED (UTC)")
        show(table(headers, [_row(item) for item in found]))
    show(f"{plural(len(found), 'API token')} {'would be revoked' if dry_run else 'revoked'}.")


def _row(item: "Swept") -> tuple[str, ...]:
    used, made = in_table(item.last_used_at, "never"), in_table(item.created_at)
    return str(item.id), item.name, item.organization, used, made


def _shape(item: "Swept") -> dict[str, Any]:
    return {
        "id": str(item.id),
        "name": item.name,
        "organization": item.organization,
        "threshold": item.threshold,
        "createdAt": stamp(item.created_at),
    } | ({"lastUsedAt": stamp(item.last_used_at)} if item.last_used_at else {})


@click.command("migrate", cls=Leaf)
@database_options
def migrate(data: Path | None, database_url: str | None, database_url_file: Path | None) -> None:
    """Bring the schema of the database up to date, or create it in an empty one.

    A server does the same when it starts on an empty database or on SQLite. Nothing else does.
    """
    with open_database(data, database_url, database_url_file, migrating=True) as database:
        from app.server.persistence.migrate import version

        show(f"The database is up to date: version {version(database.engine)}.")
