"""`loopin server org | project | project member | membership | team`, without the removals."""

from typing import TYPE_CHECKING, Any

import click

from app.cli.output import in_table, json_object
from app.cli.server_command import (
    Output,
    database_command,
    email_argument,
    list_output,
    name_argument,
    operator,
    organization_filter,
    organization_option,
)
from app.cli.server_options import database_flags
from app.domain.organizations import PROJECT_SCOPED, ProjectRole, Role

if TYPE_CHECKING:
    # At run time they are imported when a command runs: they belong to the extra `server`.
    from app.server.core.api_keys import TeamSummary
    from app.server.core.organizations import OrganizationSummary
    from app.server.persistence.engine import Database

_ROLES = [role.value for role in Role if role is not Role.UNKNOWN]
_PROJECT_SCOPED = {role.value for role in PROJECT_SCOPED}
_project = click.option("--project", required=True, metavar="PROJECT", help="The project.")


@database_command("add")
@name_argument
def add_organization(database: "Database", name: str) -> Output:
    """Add an organization. It has no members yet, and auto-revocation is off."""
    from app.server.core.organizations import Organizations

    organization_id = Organizations(database).add_organization(operator(), name)
    next_step = f"loopin server membership set EMAIL --org {name} --role owner{database_flags()}"
    return Output({"id": str(organization_id), "name": name}, f"Added {name}. Next: {next_step}")


@database_command("list")
def list_organizations(database: "Database") -> Output:
    """List the organizations."""
    from app.server.core.organizations import Organizations

    return list_output(
        Organizations(database).list_organizations(),
        _organization_json,
        ("NAME", "MEMBERS", "TOKENS", "AUTO-REVOKE", "ADDED (UTC)"),
        lambda row: (
            row.name,
            str(row.members),
            str(row.tokens),
            f"{row.threshold} days" if row.threshold else "off",
            in_table(row.created_at),
        ),
        "There is none. Add one with: loopin server org add NAME",
    )


def _organization_json(row: "OrganizationSummary") -> dict[str, Any]:
    return json_object(row, "id", "name", "created_at") | {
        "apiTokenMaxDaysInactive": row.threshold,
        "members": row.members,
        "apiTokens": row.tokens,
    }


@database_command("add")
@name_argument
@organization_option("The organization.")
def add_project(database: "Database", name: str, organization: str) -> Output:
    """Add a project to an organization."""
    from app.server.core.projects import Projects

    project_id = Projects(database).add_project(operator(), organization, name)
    return Output(
        {"id": str(project_id), "organization": organization, "name": name},
        f"Added project {name} to {organization}.",
    )


@database_command("list")
@organization_filter()
def list_projects(database: "Database", organization: str) -> Output:
    """List the projects."""
    from app.server.core.projects import Projects

    return list_output(
        Projects(database).list_projects(organization),
        lambda row: json_object(row, "id", "organization", "name", "created_at"),
        ("ORGANIZATION", "NAME", "ADDED (UTC)"),
        lambda row: (row.organization, row.name, in_table(row.created_at)),
        "There is none. Add one with: loopin server project add NAME --org ORG",
    )


@database_command("add")
@email_argument
@organization_option("The project's organization.")
@_project
@click.option(
    "--role",
    required=True,
    type=click.Choice([role.value for role in ProjectRole]),
    help="admin: list, create and revoke API tokens of the project. viewer: list them.",
)
def add_member(database: "Database", email: str, organization: str, project: str, role: str) -> Output:
    """Give a member or contributor a role in a project, or change it there, from the next call on."""
    from app.server.core.projects import Projects

    before = Projects(database).set_member(operator(), email, organization, project, ProjectRole(role))
    fields = {"email": email, "organization": organization, "project": project, "role": role}
    return Output(
        fields | {"before": before or None},
        f"{email} is {role} of the project {project} in {organization}{f', was {before}' if before else ''}.",
    )


@database_command("list")
@organization_filter()
@click.option("--project", default="", metavar="PROJECT", help="Only those of this project; with --org.")
def list_members(database: "Database", organization: str, project: str) -> Output:
    """List who has which role in a project. Owners and admins of the organization need none."""
    from app.server.core.projects import Projects

    add_one = "loopin server project member add EMAIL --org ORG --project PROJECT --role admin"
    return list_output(
        Projects(database).list_members(organization, project),
        lambda row: json_object(row, "email", "organization", "project", "role", "created_at", "updated_at"),
        ("ORGANIZATION", "PROJECT", "EMAIL", "ROLE", "ADDED (UTC)"),
        lambda row: (row.organization, row.project, row.email, row.role, in_table(row.created_at)),
        f"There is none. Add one with: {add_one}",
    )


@database_command("remove")
@email_argument
@organization_option("The project's organization.")
@_project
def remove_member(database: "Database", email: str, organization: str, project: str) -> Output:
    """Take a person's role in a project away, from the next call on. They stay in the organization."""
    from app.server.core.projects import Projects

    Projects(database).remove_member(operator(), email, organization, project)
    return Output(
        {"email": email, "organization": organization, "project": project, "removed": True},
        f"{email} has no role in the project {project} of {organization} any more.",
    )


@database_command("set")
@email_argument
@organization_option("The organization.")
@click.option("--role", required=True, type=click.Choice(_ROLES), help="What they may do there.")
def set_membership(database: "Database", email: str, organization: str, role: str) -> Output:
    """Add a person to an organization, or change their role there, from the next call on."""
    from app.server.core.memberships import Memberships

    change = Memberships(database).set_membership(operator(), email, organization, Role(role))
    was = f", was {change.before}" if change.before else ""
    lines = [f"{email} is {role} of {organization}{was}."]
    if change.projects:
        lines.append(f"Their roles in projects are removed: {', '.join(change.projects)}.")
    if role in _PROJECT_SCOPED and change.before not in _PROJECT_SCOPED:
        to_project = f"{email} --org {organization} --project PROJECT --role admin"
        lines.append(f"Next: loopin server project member add {to_project}{database_flags()}")
    fields = {"email": email, "organization": organization, "role": role, "before": change.before or None}
    return Output(fields | {"projectRolesRemoved": list(change.projects)}, "\n".join(lines))


@database_command("remove")
@email_argument
@organization_option("The organization.")
def remove_membership(database: "Database", email: str, organization: str) -> Output:
    """Take a person out of an organization, from the next call on."""
    from app.server.core.memberships import Memberships

    Memberships(database).remove_membership(operator(), email, organization)
    return Output(
        {"email": email, "organization": organization, "removed": True},
        f"{email} is no longer in {organization}.",
    )


@database_command("add")
@name_argument
@organization_option("The team's organization.")
def add_team(database: "Database", name: str, organization: str) -> Output:
    """Add a Gumloop team to an organization. Every member of the organization is in it."""
    from app.server.core.api_keys import Teams

    team_id = Teams(database).add_team(operator(), organization, name)
    next_step = f"loopin server team key {name} --org {organization}{database_flags()}"
    return Output(
        {"id": str(team_id), "organization": organization, "name": name},
        f"Added team {name} to {organization}. For its API key: {next_step}",
    )


@database_command("list")
@organization_filter()
def list_teams(database: "Database", organization: str) -> Output:
    """List the teams, with the last four characters of their keys."""
    from app.server.core.api_keys import Teams

    return list_output(
        Teams(database).list_teams(organization),
        _team_json,
        ("ORGANIZATION", "NAME", "KEY ENDS IN", "KEY CREATED (UTC)", "LAST USED (UTC)", "ADDED (UTC)"),
        _team_cells,
        "There is none. Add one with: loopin server team add NAME --org ORG",
    )


@database_command("key")
@name_argument
@organization_option("The team's organization.")
def create_team_key(database: "Database", name: str, organization: str) -> Output:
    """Create a team's API key and print it, this once. The previous one ends at once.

    Everybody in the organization may use it, with their own user ID.
    """
    from app.server.core.api_keys import Teams

    created = Teams(database).create_key(operator(), organization, name)
    ended = " The previous one has ended." if created.replaced else ""
    return Output(
        {"organization": organization, "team": name, "key": created.key, "replaced": created.replaced},
        created.key,
        f"The key of the team {name} in {organization}; it is not shown again.{ended}",
    )


def _team_cells(row: "TeamSummary") -> tuple[str, ...]:
    key = row.key
    cells = (
        (key.hint, in_table(key.created_at), in_table(key.last_used_at, "never")) if key else ("none", "", "")
    )
    return row.organization, row.name, *cells, in_table(row.created_at)


def _team_json(row: "TeamSummary") -> dict[str, Any]:
    key = json_object(row.key, "hint", "created_at", "last_used_at") if row.key else None
    return json_object(row, "id", "organization", "name", "created_at") | {"key": key}
