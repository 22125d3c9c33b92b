"""Projects of organizations and who has which role in them, as the operator of the server manages them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import names
from app.domain.errors import AlreadyExists, NotFound, Refused, UsageError
from app.domain.organizations import PROJECT_SCOPED, ProjectRole, Role
from app.server.clock import Clock, utc_now
from app.server.core import audit
from app.server.core.memberships import lock_membership, require_member
from app.server.core.organizations import find_organization
from app.server.persistence.engine import Database
from app.server.persistence.models import Membership, Organization, Project, ProjectMembership, User

PROJECT_ADD = "project.add"
MEMBER_ADD, MEMBER_REMOVE = "project_member.add", "project_member.remove"


@dataclass(frozen=True, slots=True)
class ProjectSummary:
    """One project."""

    id: UUID
    organization: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProjectMember:
    """One person's role in one project."""

    email: str
    organization: str
    project: str
    role: str
    created_at: datetime
    updated_at: datetime


class Projects:
    """Projects and their members. Raises NotFound for what is named and not there."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def add_project(self, by: audit.Actor, organization: str, name: str) -> UUID:
        """Add a project to an organization; return its id. Raises UsageError, AlreadyExists."""
        names.check(name)
        try:
            with self._database.write() as session:
                owner, now = find_organization(session, organization), self._clock()
                row = Project(organization_id=owner.id, name=name, created_at=now)
                session.add(row)
                session.flush()
                audit.record(session, by, now, audit.Event(PROJECT_ADD, owner.id, row.id, name))
        except IntegrityError as error:
            raise AlreadyExists(f"{organization} has a project {name} already") from error
        return row.id

    def list_projects(self, organization: str = "") -> Sequence[ProjectSummary]:
        """Projects by organization and name; of one organization when it is named."""
        query = select(Project.id, Organization.name, Project.name, Project.created_at)
        query = query.join(Organization, Organization.id == Project.organization_id)
        with self._database.read() as session:
            if organization:
                owner = find_organization(session, organization, lock=False)
                query = query.where(Organization.id == owner.id)
            rows = session.execute(query.order_by(Organization.name, Project.name))
            return [ProjectSummary(*row) for row in rows]

    def set_member(
        self, by: audit.Actor, email: str, organization: str, project: str, role: ProjectRole
    ) -> str:
        """Give a member or contributor a role in a project; return the one that they had, empty for none.

        Raises Refused for an owner, admin or viewer of the organization, for whom it changes nothing.
        """
        with self._database.write() as session:
            user, owner, where, membership = _lock_member(session, email, organization, project)
            now = self._clock()
            _require_project_scoped(user, owner, membership)
            row = _find_role(session, membership, where)
            before = row.role if row else ""
            if row is None:
                row = ProjectMembership(membership_id=membership.id, project_id=where.id, created_at=now)
                session.add(row)
            row.role, row.updated_at = role.value, now
            details = {"project": where.name, "role": role.value, "before": before}
            audit.record(session, by, now, audit.Event(MEMBER_ADD, owner.id, user.id, user.email, details))
        return before

    def remove_member(self, by: audit.Actor, email: str, organization: str, project: str) -> None:
        """Take a person's role in a project away; they stay in the organization."""
        with self._database.write() as session:
            user, owner, where, membership = _lock_member(session, email, organization, project)
            row = _find_role(session, membership, where)
            if row is None:
                raise NotFound(
                    f"{user.email} has no role in the project {where.name}",
                    hint="see: loopin server project member list",
                )
            session.delete(row)
            details = {"project": where.name, "before": row.role}
            event = audit.Event(MEMBER_REMOVE, owner.id, user.id, user.email, details)
            audit.record(session, by, self._clock(), event)

    def list_members(self, organization: str = "", project: str = "") -> Sequence[ProjectMember]:
        """Project roles by organization, project and e-mail address.

        Of one organization or one project of it when they are named. Raises UsageError for a project without
        its organization.
        """
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
                owner = find_organization(session, organization, lock=False)
                query = query.where(Organization.id == owner.id)
                if project:
                    query = query.where(Project.id == find_project(session, owner, project).id)
            return [ProjectMember(*row) for row in session.execute(query)]


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


def _lock_member(
    session: Session, email: str, organization: str, project: str
) -> tuple[User, Organization, Project, Membership]:
    user, owner, membership = lock_membership(session, email, organization)
    where = find_project(session, owner, project)
    return user, owner, where, require_member(membership, user, owner)


def _find_role(session: Session, membership: Membership, project: Project) -> ProjectMembership | None:
    return session.get(ProjectMembership, (membership.id, project.id))


def _require_project_scoped(user: User, organization: Organization, membership: Membership) -> None:
    """Refuse a role that would change nothing: it would be shown, and not be what counts."""
    role = Role(membership.role)
    if role in PROJECT_SCOPED:
        return
    reason = "sees no API tokens" if role is Role.VIEWER else "manages the API tokens of every project"
    raise Refused(
        f"{user.email} is {role.value} of {organization.name} and {reason}:"
        " a project role would change nothing",
        hint="project roles are for members and contributors; see: loopin server membership set --help",
    )
