"""`loopin server org | project | membership`."""

from typing import TYPE_CHECKING, Any

import click

from app.cli.groups import Leaf
from app.cli.output import in_table, show, show_json, stamp, table
from app.cli.server_options import (
    database_options,
    email_argument,
    email_option,
    json_option,
    named,
    open_database,
    operator,
    place_words,
)
from app.domain.organizations import PROJECT_SCOPED, Role

if TYPE_CHECKING:
    from app.server.core.memberships import OrganizationRow, ProjectRow

_ROLES = [role.value for role in Role if role is not Role.UNKNOWN]
_PROJECT_SCOPED = {role.value for role in PROJECT_SCOPED}
_name = click.argument("name", required=False, metavar="NAME")
_name_option = click.option("--name", "name_option", hidden=True)
_org = click.option("--org", "organization", required=True, metavar="ORG", help="The organization.")


@click.command("add", cls=Leaf)
@_name
@_name_option
@json_option
@database_options
def add_org(name: str | None, name_option: str | None, as_json: bool, **place: Any) -> None:
    """Add an organization. It has no members yet, and auto-revocation is off."""
    wanted = named(name, name_option, "NAME")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.memberships import AddOrganization

        made = AddOrganization(database, utc_now).do(operator(), wanted)
    if as_json:
        show_json({"id": str(made), "name": wanted})
    else:
        next_step = f"loopin server membership set EMAIL --org {wanted} --role owner{place_words(**place)}"
        show(f"Added {wanted}. Next: {next_step}")


@click.command("list", cls=Leaf)
@json_option
@database_options
def list_orgs(as_json: bool, **place: Any) -> None:
    """List the organizations."""
    with open_database(**place) as database:
        from app.server.core.memberships import ListOrganizations

        found = ListOrganizations(database).do()
    if as_json:
        show_json([_org_shape(row) for row in found])
    elif found:
        show(table(("NAME", "MEMBERS", "TOKENS", "AUTO-REVOKE", "ADDED (UTC)"), [_org_row(r) for r in found]))
    else:
        show("There is none. Add one with: loopin server org add NAME")


def _org_row(row: "OrganizationRow") -> tuple[str, ...]:
    threshold = f"{row.threshold} days" if row.threshold else "off"
    return row.name, str(row.members), str(row.tokens), threshold, in_table(row.created_at)


def _org_shape(row: "OrganizationRow") -> dict[str, Any]:
    return {
        "id": str(row.id),
        "name": row.name,
        "createdAt": stamp(row.created_at),
        "apiTokenMaxDaysInactive": row.threshold,
        "members": row.members,
        "apiTokens": row.tokens,
    }


@click.command("add", cls=Leaf)
@_name
@_name_option
@_org
@json_option
@database_options
def add_project(
    name: str | None, name_option: str | None, organization: str, as_json: bool, **place: Any
) -> None:
    """Add a project to an organization."""
    wanted = named(name, name_option, "NAME")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.memberships import AddProject

        made = AddProject(database, utc_now).do(operator(), organization, wanted)
    if as_json:
        show_json({"id": str(made), "organization": organization, "name": wanted})
    else:
        show(f"Added project {wanted} to {organization}.")


@click.command("list", cls=Leaf)
@click.option("--org", "organization", default="", metavar="ORG", help="Only those of this organization.")
@json_option
@database_options
def list_projects(organization: str, as_json: bool, **place: Any) -> None:
    """List the projects."""
    with open_database(**place) as database:
        from app.server.core.memberships import ListProjects

        found = ListProjects(database).do(organization)
    if as_json:
        show_json([_project_shape(row) for row in found])
    elif found:
        rows = [(row.organization, row.name, in_table(row.created_at)) for row in found]
        show(table(("ORGANIZATION", "NAME", "ADDED (UTC)"), rows))
    else:
        show("There is none. Add one with: loopin server project add NAME --org ORG")


def _project_shape(row: "ProjectRow") -> dict[str, Any]:
    return {
        "id": str(row.id),
        "organization": row.organization,
        "name": row.name,
        "createdAt": stamp(row.created_at),
    }


@click.command("set", cls=Leaf)
@email_argument
@email_option
@_org
@click.option("--role", required=True, type=click.Choice(_ROLES), help="What they may do there.")
@json_option
@database_options
def set_(
    email: str | None, email_option: str | None, organization: str, role: str, as_json: bool, **place: Any
) -> None:
    """Add a person to an organization, or change their role there, from the next call on."""
    who = named(email, email_option, "EMAIL")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.memberships import SetMembership

        change = SetMembership(database, utc_now).do(operator(), who, organization, Role(role))
    if as_json:
        shape = {"email": who, "organization": organization, "role": role, "before": change.before or None}
        show_json(shape | {"projectRolesRemoved": list(change.projects)})
        return
    show(f"{who} is {role} of {organization}{f', was {change.before}' if change.before else ''}.")
    if change.projects:
        show(f"Their roles in projects are removed: {', '.join(change.projects)}.")
    if role in _PROJECT_SCOPED and change.before not in _PROJECT_SCOPED:
        to_project = f"{who} --org {organization} --project PROJECT --role admin"
        show(f"Next: loopin server project member add {to_project}{place_words(**place)}")


@click.command("remove", cls=Leaf)
@email_argument
@email_option
@_org
@json_option
@database_options
def remove(
    email: str | None, email_option: str | None, organization: str, as_json: bool, **place: Any
) -> None:
    """Take a person out of an organization, from the next call on."""
    who = named(email, email_option, "EMAIL")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.memberships import RemoveMembership

        RemoveMembership(database, utc_now).do(operator(), who, organization)
    if as_json:
        show_json({"email": who, "organization": organization, "removed": True})
    else:
        show(f"{who} is no longer in {organization}.")
