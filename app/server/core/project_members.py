"""Who has which role in a project, as the operator of the server manages it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, Refused, UsageError
from app.domain.organizations import PROJECT_SCOPED, ProjectRole, Role
from app.server.clock import Clock
from app.server.core import audit, memberships
from app.server.persistence.engine import Database
from app.server.persistence.models import Membership, Organization, Project, ProjectMembership, User

PROJECT_MEMBER_ADD, PROJECT_MEMBER_REMOVE = "project_member.add", "project_member.remove"


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """A project by its name and that of its organization."""

    organization: str
    name: str


@dataclass(frozen=True, slots=True)
class ProjectMemberRow:
    """One person's role in one project."""

    email: str
    organization: str
    project: str
    role: str
    created_at: datetime
    updated_at: datetime


class AddProjectMember:
    """Give a member or contributor a role in a project, or change it, from the next call on.

    Raises NotFound; Refused for an owner, admin or viewer of the organization, for whom it changes nothing.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, email: str, where: ProjectRef, role: ProjectRole) -> str:
        """Return the role that they had there, empty for none."""
        with self._database.write() as session:
            found, now = _find(session, email, where), self._clock()
            _check_counts(found)
            row = session.scalar(_role(found))
            before = row.role if row else ""
            if row is None:
                ids = {"membership_id": found.membership.id, "project_id": found.project.id}
                row = ProjectMembership(**ids, created_at=now)
                session.add(row)
            row.role, row.updated_at = role.value, now
            details = {"project": found.project.name, "role": role.value, "before": before}
            audit.record(session, by, [_about(PROJECT_MEMBER_ADD, found, details)], now)
        return before


class RemoveProjectMember:
    """Take a person's role in a project away, from the next call on. Raises NotFound."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, email: str, where: ProjectRef) -> None:
        """They stay in the organization."""
        with self._database.write() as session:
            found = _find(session, email, where)
            row = session.scalar(_role(found))
            if row is None:
                raise NotFound(
                    f"{found.user.email} has no role in the project {found.project.name}",
                    hint="see: loopin server project member list",
                )
            details = {"project": found.project.name, "before": row.role}
            session.delete(row)
            audit.record(session, by, [_about(PROJECT_MEMBER_REMOVE, found, details)], self._clock())


class ListProjectMembers:
    """Project roles by organization, project and e-mail address.

    Of one organization or one project of it when they are named. Raises NotFound; UsageError for a project
    without its organization.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, organization: str = "", project: str = "") -> list[ProjectMemberRow]:
        """List them."""
        if project and not organization:
            raise UsageError("a project is named and its organization is not", hint="name it with --org")
        query = (
            select(
                User.email,
                Organization.name,
                Project.name,
                ProjectMembership.role,
                ProjectMembership.created_at,
                ProjectMembership.updated_at,
            )
            .join(Membership, Membership.id == ProjectMembership.membership_id)
            .join(User, User.id == Membership.user_id)
            .join(Project, Project.id == ProjectMembership.project_id)
            .join(Organization, Organization.id == Project.organization_id)
            .order_by(Organization.name, Project.name, User.email)
        )
        with self._database.read() as session:
            if organization:
                owner = memberships.find(session, organization, hold=False)
                query = query.where(Organization.id == owner.id)
                if project:
                    query = query.where(Project.id == find_project(session, owner, project).id)
            return [ProjectMemberRow(*row) for row in session.execute(query)]


@dataclass(frozen=True, slots=True)
class _Found:
    organization: Organization
    project: Project
    user: User
    membership: Membership


def _find(session: Session, email: str, where: ProjectRef) -> _Found:
    """Who and what is named, the organization held until the transaction ends; raise NotFound."""
    user, organization, membership = memberships.find_place(session, email, where.organization)
    project = find_project(session, organization, where.name)
    return _Found(organization, project, user, memberships.require_member(membership, user, organization))


def find_project(session: Session, organization: Organization, name: str) -> Project:
    """The project of that name; raise NotFound."""
    query = select(Project).where(Project.organization_id == organization.id, Project.name == name)
    row = session.scalar(query)
    if row is None:
        raise NotFound(
            f"there is no project {name[:80]!r} in {organization.name}",
            hint=f"see: loopin server project list --org {organization.name}",
        )
    return row


def _role(found: _Found) -> Select[Any]:
    mine = ProjectMembership.membership_id == found.membership.id
    return select(ProjectMembership).where(mine, ProjectMembership.project_id == found.project.id)


def _check_counts(found: _Found) -> None:
    """Refuse a role that would change nothing: it would be shown, and not be what counts."""
    role = Role(found.membership.role)
    if role in PROJECT_SCOPED:
        return
    why = "sees no API tokens" if role is Role.VIEWER else "manages the API tokens of every project"
    raise Refused(
        f"{found.user.email} is {role.value} of {found.organization.name} and {why}:"
        " a project role would change nothing",
        hint="project roles are for members and contributors; see: loopin server membership set --help",
    )


def _about(action: str, found: _Found, details: dict[str, str]) -> audit.What:
    return audit.What(action, found.organization.id, found.user.id, found.user.email, details)
