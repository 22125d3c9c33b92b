"""`loopin server project member add | list | remove`."""

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
)
from app.domain.organizations import ProjectRole

if TYPE_CHECKING:
    # At run time it is imported when a command runs: it belongs to the extra `server`.
    from app.server.core.project_members import ProjectMemberRow

_org = click.option("--org", "organization", required=True, metavar="ORG", help="The project's organization.")
_project = click.option("--project", required=True, metavar="PROJECT", help="The project.")
_ROLES = [role.value for role in ProjectRole]


@click.command("add", cls=Leaf)
@email_argument
@email_option
@_org
@_project
@click.option(
    "--role",
    required=True,
    type=click.Choice(_ROLES),
    help="admin: list, create and revoke API tokens of the project. viewer: list them.",
)
@json_option
@database_options
def add(
    email: str | None,
    email_option: str | None,
    organization: str,
    project: str,
    role: str,
    as_json: bool,
    **place: Any,
) -> None:
    """Give a member or contributor a role in a project, or change it there, from the next call on."""
    who = named(email, email_option, "EMAIL")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.project_members import AddProjectMember, ProjectRef

        there = ProjectRef(organization, project)
        before = AddProjectMember(database, utc_now).do(operator(), who, there, ProjectRole(role))
    if as_json:
        where = {"organization": organization, "project": project}
        show_json({"email": who, **where, "role": role, "before": before or None})
    else:
        was = f", was {before}" if before else ""
        show(f"{who} is {role} of the project {project} in {organization}{was}.")


@click.command("list", cls=Leaf)
@click.option("--org", "organization", default="", metavar="ORG", help="Only those of this organization.")
@click.option("--project", default="", metavar="PROJECT", help="Only those of this project; with --org.")
@json_option
@database_options
def list_(organization: str, project: str, as_json: bool, **place: Any) -> None:
    """List who has which role in a project. Owners and admins of the organization need none."""
    with open_database(**place) as database:
        from app.server.core.project_members import ListProjectMembers

        found = ListProjectMembers(database).do(organization, project)
    if as_json:
        show_json([_shape(row) for row in found])
    elif found:
        heads = ("ORGANIZATION", "PROJECT", "EMAIL", "ROLE", "ADDED (UTC)")
        show(table(heads, [_row(row) for row in found]))
    else:
        add_one = "loopin server project member add EMAIL --org ORG --project PROJECT --role admin"
        show(f"There is none. Add one with: {add_one}")


@click.command("remove", cls=Leaf)
@email_argument
@email_option
@_org
@_project
@json_option
@database_options
def remove(
    email: str | None, email_option: str | None, organization: str, project: str, as_json: bool, **place: Any
) -> None:
    """Take a person's role in a project away, from the next call on. They stay in the organization."""
    who = named(email, email_option, "EMAIL")
    with open_database(**place) as database:
        from app.server.clock import utc_now
        from app.server.core.project_members import ProjectRef, RemoveProjectMember

        there = ProjectRef(organization, project)
        RemoveProjectMember(database, utc_now).do(operator(), who, there)
    if as_json:
        show_json({"email": who, "organization": organization, "project": project, "removed": True})
    else:
        show(f"{who} has no role in the project {project} of {organization} any more.")


def _row(row: "ProjectMemberRow") -> tuple[str, ...]:
    return row.organization, row.project, row.email, row.role, in_table(row.created_at)


def _shape(row: "ProjectMemberRow") -> dict[str, Any]:
    return {
        "email": row.email,
        "organization": row.organization,
        "project": row.project,
        "role": row.role,
        "createdAt": stamp(row.created_at),
        "updatedAt": stamp(row.updated_at),
    }
