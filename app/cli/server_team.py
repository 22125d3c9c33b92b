"""`loopin server team add | list | key`."""

from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.output import in_table, show, show_json, stamp, table
from app.cli.server_options import database_options, json_option, named, open_database, operator, place_words

if TYPE_CHECKING:
    # At run time it is imported when a command runs: it belongs to the extra `server`.
    from app.server.core.teams import TeamRow

_name = click.argument("name", required=False, metavar="NAME")
_name_option = click.option("--name", "name_option", hidden=True)
_org = click.option("--org", "organization", required=True, metavar="ORG", help="The team's organization.")


@click.command("add", cls=Leaf)
@_name
@_name_option
@_org
@json_option
@database_options
def add(name: str | None, name_option: str | None, organization: str, as_json: bool, **place: Any) -> None:
    """Add a Gumloop team to an organization. Every member of the organization is in it."""
    wanted = named(name, name_option, "NAME")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.teams import AddTeam

        team_id = AddTeam(database, utc_now).do(operator(), organization, wanted)
    if as_json:
        show_json({"id": str(team_id), "organization": organization, "name": wanted})
    else:
        next_step = f"loopin server team key {wanted} --org {organization}{place_words(**place)}"
        show(f"Added team {wanted} to {organization}. For its API key: {next_step}")


@click.command("list", cls=Leaf)
@click.option("--org", "organization", default="", metavar="ORG", help="Only those of this organization.")
@json_option
@database_options
def list_(organization: str, as_json: bool, **place: Any) -> None:
    """List the teams, with the last four characters of their keys."""
    with open_database(**place) as database:
        from app.server.core.teams import ListTeams

        found = ListTeams(database).do(organization)
    if as_json:
        show_json([_shape(row) for row in found])
    elif found:
        heads = ("ORGANIZATION", "NAME", "KEY ENDS IN", "KEY CREATED (UTC)", "LAST USED (UTC)", "ADDED (UTC)")
        show(table(heads, [_row(row) for row in found]))
    else:
        show("There is none. Add one with: loopin server team add NAME --org ORG")


@click.command("key", cls=Leaf)
@_name
@_name_option
@_org
@json_option
@database_options
def key(name: str | None, name_option: str | None, organization: str, as_json: bool, **place: Any) -> None:
    """Create a team's API key and print it, this once. The previous one ends at once.

    Everybody in the organization may use it, with their own user ID.
    """
    wanted = named(name, name_option, "NAME")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.teams import CreateTeamKey

        created = CreateTeamKey(database, utc_now).do(operator(), organization, wanted)
    if as_json:
        where = {"organization": organization, "team": wanted}
        show_json(where | {"key": created.key, "replaced": created.replaced})
        return
    ended = " The previous one has ended." if created.replaced else ""
    show(f"The key of the team {wanted} in {organization}; it is not shown again.{ended}", err=True)
    show(created.key)


def _row(row: "TeamRow") -> tuple[str, ...]:
    of_key = (
        (row.key.hint, in_table(row.key.created_at), in_table(row.key.last_used_at, "never"))
        if row.key
        else ()
    )
    return row.organization, row.name, *(of_key or ("none", "", "")), in_table(row.created_at)


def _shape(row: "TeamRow") -> dict[str, Any]:
    key = row.key
    return {
        "id": str(row.id),
        "organization": row.organization,
        "name": row.name,
        "createdAt": stamp(row.created_at),
        "key": {
            "hint": key.hint,
            "createdAt": stamp(key.created_at),
            "lastUsedAt": stamp(key.last_used_at),
        }
        if key
        else None,
    }
