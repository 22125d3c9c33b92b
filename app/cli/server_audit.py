"""`loopin server audit`."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.output import show, stamp
from app.cli.server_options import database_options, open_database
from app.domain import spans
from app.domain.errors import UsageError
from app.domain.text import clean
from app.domain.times import shift, utc

if TYPE_CHECKING:
    from app.server.usecases.audit_trail import Entry


def _since(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return shift(datetime.now(UTC), -_span(value))
    return utc(at) if at.tzinfo else at.replace(tzinfo=UTC)


def _span(value: str) -> timedelta:
    if (span := spans.parse(value)) is None:
        raise UsageError(
            f"--since {value[:80]!r} is no time", hint="write 24h, 7d, 2026-03-10 or 2026-03-10T12:00:00Z"
        )
    return span


@click.command("audit", cls=Leaf)
@click.option("--since", metavar="TIME", callback=_since, help="From then on: 24h, 7d, or a date in UTC.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@database_options
def audit(
    since: datetime | None,
    as_json: bool,
    data: Path | None,
    database_url: str | None,
    database_url_file: Path | None,
) -> None:
    """Print who did what, when and from where: sign-ins, tokens, organizations, people, the sweep."""
    with open_database(data, database_url, database_url_file) as database:
        from app.server.usecases.audit_trail import ReadAudit

        # Printed as it is read: years of it do not fit into memory.
        opening = "["
        for entry in ReadAudit(database).do(since):
            if as_json:
                show(f"{opening}{json.dumps(_shape(entry))}")
                opening = ","
            else:
                show(_line(entry))
    if as_json:
        show("]" if opening == "," else "[]")


def _shape(entry: "Entry") -> dict[str, Any]:
    event = entry.event
    return {
        "id": event.id,
        "at": stamp(event.at),
        "actor": {
            "kind": event.actor_kind,
            "id": str(event.actor_id) if event.actor_id else None,
            "name": event.actor_name,
        },
        "address": event.address,
        "action": event.action,
        "organization": entry.organization or None,
        "organizationId": str(event.organization_id) if event.organization_id else None,
        "target": {"id": str(event.target_id) if event.target_id else None, "name": event.target_name},
        "details": event.details,
    }


def _line(entry: "Entry") -> str:
    event = entry.event
    who = f"{event.actor_kind} {event.actor_name}".strip()
    what = " ".join(part for part in (event.action, event.target_name) if part)
    where = f" in {entry.organization}" if entry.organization else ""
    source = f" from {event.address}" if event.address else ""
    details = f" {json.dumps(event.details)}" if event.details else ""
    return clean(f"{stamp(event.at)} {who}{source}: {what}{where}{details}")
