"""`loopin server audit` and `loopin server audit prune`."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Entry, LazyGroup
from app.cli.output import show, stamp
from app.cli.server_command import Output, database_command, operator
from app.cli.server_options import database_options, open_database
from app.domain import durations, inputs
from app.domain.errors import UsageError
from app.domain.export import neutral
from app.domain.text import clean, plural
from app.domain.times import shift, utc

if TYPE_CHECKING:
    # At run time they are imported when a command runs: they belong to the extra `server`.
    from app.server.core.audit import Entry as Event
    from app.server.persistence.engine import Database

_COLUMNS = (
    *("id", "at", "actor kind", "actor id", "actor", "address", "action", "organization"),
    *("organization id", "target id", "target", "details"),
)


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return shift(datetime.now(UTC), -_span(param.opts[0], value))
    return utc(at) if at.tzinfo else at.replace(tzinfo=UTC)


def _span(option: str, value: str) -> timedelta:
    if (span := durations.parse(value)) is None:
        raise UsageError(
            f"{option} {value[:80]!r} is no time", hint="write 24h, 7d, 2026-03-10 or 2026-03-10T12:00:00Z"
        )
    return span


@click.command(
    "audit",
    cls=LazyGroup,
    entries=(Entry("prune", "app.cli.server_audit:prune", "Move old events into a file"),),
    invoke_without_command=True,
    no_args_is_help=False,
    options_metavar="[OPTIONS]",
)
@click.option("--since", metavar="TIME", callback=_moment, help="From then on: 24h, 7d, or a date in UTC.")
@click.option("--until", metavar="TIME", callback=_moment, help="Before then: 24h, 7d, or a date in UTC.")
@click.option("--actor", default="", metavar="NAME", help="Who: an e-mail address, or the name of a token.")
@click.option(
    "--action", "actions", multiple=True, metavar="ACTION", help="What, such as login; again for more."
)
@click.option("--org", "organization", default="", metavar="ORG", help="In this organization: name or id.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option("--json-lines", "as_lines", is_flag=True, help="Print a JSON object a line.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, safe to open in a spreadsheet.")
@database_options
@click.pass_context
def audit(
    ctx: click.Context,
    /,
    as_json: bool,
    as_lines: bool,
    as_csv: bool,
    data: Path | None,
    database_url: str | None,
    database_url_file: Path | None,
    **criteria: Any,
) -> None:
    """Print who did what, when and from where: sign-ins, tokens, organizations, people, keys, the sweep."""
    if ctx.invoked_subcommand is not None:
        _check_no_options(ctx)
        return
    if as_json + as_lines + as_csv > 1:
        raise UsageError("--json, --json-lines and --csv exclude each other", hint="choose one of them")
    write = _write_list if as_json else _write_lines if as_lines else _write_csv if as_csv else _write_text
    with open_database(data, database_url, database_url_file) as database:
        from app.server.core.audit import AuditTrail, Filter

        # Printed as it is read: years of it do not fit into memory.
        write(AuditTrail(database).read_events(Filter(**criteria)))


def _check_no_options(ctx: click.Context) -> None:
    # Not `ctx.params`: an option whose value goes nowhere, such as --config, is not among them.
    sources = [ctx.get_parameter_source(param.name) for param in ctx.command.params if param.name]
    if click.core.ParameterSource.COMMANDLINE in sources:
        raise UsageError(
            f"options of {ctx.invoked_subcommand} go after it",
            hint=f"write: loopin server audit {ctx.invoked_subcommand} --before 365d --to FILE",
        )


def _write_list(events: "Iterator[Event]") -> None:
    opening = "["
    for event in events:
        show(f"{opening}{json.dumps(event.as_json())}")
        opening = ","
    show("]" if opening == "," else "[]")


def _write_lines(events: "Iterator[Event]") -> None:
    for event in events:
        show(json.dumps(event.as_json()))


def _write_csv(events: "Iterator[Event]") -> None:
    show(_row(_COLUMNS))
    for entry in events:
        fields = entry.as_json()
        actor, target = fields["actor"], fields["target"]
        cells = (
            *(fields["id"], fields["at"], actor["kind"], actor["id"], actor["name"], fields["address"]),
            *(
                fields["action"],
                fields["organization"],
                fields["organizationId"],
                target["id"],
                target["name"],
            ),
            json.dumps(fields["details"]) if fields["details"] else "",
        )
        show(_row([neutral(str(cell or "")) for cell in cells]))


def _row(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow(cells)
    return out.getvalue()


def _write_text(events: "Iterator[Event]") -> None:
    entry = None
    for entry in events:
        show(_line(entry))
    if entry is None:
        show("No event matches.", err=True)


def _line(entry: "Event") -> str:
    event = entry.event
    who = f"{event.actor_kind} {event.actor_name}".strip()
    what = " ".join(part for part in (event.action, event.target_name) if part)
    where = f" in {entry.organization}" if entry.organization else ""
    source = f" from {event.address}" if event.address else ""
    details = f" {json.dumps(event.details)}" if event.details else ""
    return clean(f"{stamp(event.at)} {who}{source}: {what}{where}{details}")


@database_command("prune")
@click.option(
    "--before",
    metavar="TIME",
    callback=_moment,
    required=True,
    help="Older than that: 365d, or a date in UTC.",
)
@click.option("--to", "file", metavar="FILE", required=True, help="A new file for the events, as JSON lines.")
def prune(database: "Database", before: datetime, file: str) -> Output:
    """Move old events into a file that only its owner can read.

    Exactly the events in the file are deleted, once it is complete and on the disk.
    """
    from app.server.core.audit import AuditTrail

    path = inputs.read_path(file, "--to")
    if path is None:
        raise UsageError("--to is empty", hint="name a file that does not exist")
    archive = AuditTrail(database).archive_events(operator(), before, path)
    fields: dict[str, Any] = {"before": stamp(before), "events": archive.events}
    if not archive.events:
        return Output(fields, "", f"No event is older than {stamp(before)}; nothing was written.")
    return Output(
        fields | {"file": str(path), "sha256": archive.sha256},
        f"Moved {plural(archive.events, 'event')} from before {stamp(before)} to {path}.",
    )
