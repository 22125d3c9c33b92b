"""Who belongs to which organization, in which role, as the operator of the server manages it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, Refused, UsageError
from app.domain.organizations import PROJECT_SCOPED, Role
from app.server.clock import Clock, utc_now
from app.server.core import audit
from app.server.core.accounts import find_user
from app.server.core.organizations import find_organization
from app.server.core.principals import with_lock
from app.server.persistence.engine import Database
from app.server.persistence.models import Membership, Organization, Project, ProjectMembership, User

MEMBERSHIP_SET, MEMBERSHIP_REMOVE = "membership.set", "membership.remove"


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """`before` is the role that they had, empty for none; `projects` where their project role ended."""

    before: str
    projects: Sequence[str] = ()


class Memberships:
    """Changes count from the next call on. Raises NotFound, and Refused rather than leave no owner."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def set_membership(self, by: audit.Actor, email: str, organization: str, role: Role) -> MembershipChange:
        """Give a person a role in an organization; return what it changed.

        Their project roles end with a role for which they change nothing: owner, admin, viewer. Raises
        UsageError.
        """
        if role is Role.UNKNOWN:
            raise UsageError("that is not a role")

        def change(session: Session) -> MembershipChange:
            user, owner, row = lock_membership(session, email, organization)
            now = self._clock()
            before = row.role if row else ""
            if row is None:
                first = session.scalar(_select_current(user.id)) is None
                row = Membership(user_id=user.id, organization_id=owner.id, current=first, created_at=now)
                session.add(row)
            row.role, row.updated_at = role.value, now
            session.flush()
            if before == Role.OWNER.value:
                _require_owner(session, owner)
            ended = () if role in PROJECT_SCOPED else _end_project_roles(session, row.id)
            details = {"role": role.value, "before": before} | _projects_detail(ended)
            event = audit.Event(MEMBERSHIP_SET, owner.id, user.id, user.email, details)
            audit.record(session, by, now, event)
            return MembershipChange(before, ended)

        return self._database.transact(change)

    def remove_membership(self, by: audit.Actor, email: str, organization: str) -> None:
        """Take a person out of an organization and its projects.

        Another of their organizations becomes the current one.
        """

        def remove(session: Session) -> None:
            user, owner, row = lock_membership(session, email, organization)
            membership = require_member(row, user, owner)
            now = self._clock()
            role, ended = membership.role, _end_project_roles(session, membership.id)
            session.delete(membership)
            session.flush()
            if role == Role.OWNER.value:
                _require_owner(session, owner)
            select_oldest_as_current(session, user.id)
            details = {"before": role} | _projects_detail(ended)
            event = audit.Event(MEMBERSHIP_REMOVE, owner.id, user.id, user.email, details)
            audit.record(session, by, now, event)

        self._database.transact(remove)


def lock_membership(
    session: Session, email: str, organization: str
) -> tuple[User, Organization, Membership | None]:
    """The person, the organization and the membership, if there is one, locked for writing.

    In the order that `principals` names. Raises NotFound for a person or an organization that is not there.
    """
    # A missing organization is reported first, as it is for everything else in it.
    find_organization(session, organization, lock=False)
    user = find_user(session, email)
    named = select(Organization.id).where(Organization.name == organization).scalar_subquery()
    own = (Membership.user_id == user.id, Membership.organization_id == named)
    row = session.scalar(with_lock(select(Membership).where(*own), write=True))
    return user, find_organization(session, organization), row


def require_member(row: Membership | None, user: User, organization: Organization) -> Membership:
    """The membership; raise NotFound where there is none."""
    if row is None:
        raise NotFound(
            f"{user.email} is not a member of {organization.name}",
            hint="people are added with: loopin server membership set",
        )
    return row


def select_oldest_as_current(session: Session, user_id: UUID) -> None:
    """Make another of a person's memberships the current one where none is; the person is locked."""
    if session.scalar(_select_current(user_id)) is not None:
        return
    oldest = select(Membership.id).where(Membership.user_id == user_id).order_by(Membership.created_at)
    membership_id = session.scalar(oldest.limit(1))
    if membership_id is not None:
        session.execute(update(Membership).where(Membership.id == membership_id).values(current=True))


def has_owner(session: Session, organization_id: UUID, other_than: UUID | None = None) -> bool:
    """Whether it has an owner who is not disabled, other than the user `other_than`."""
    owners = select(func.count()).select_from(Membership).join(User, User.id == Membership.user_id)
    owners = owners.where(
        Membership.organization_id == organization_id,
        Membership.role == Role.OWNER.value,
        User.disabled_at.is_(None),
    )
    return bool(session.scalar(owners.where(User.id != other_than) if other_than else owners))


def _require_owner(session: Session, organization: Organization) -> None:
    if not has_owner(session, organization.id):
        raise Refused(f"{organization.name} would have no owner", hint="make somebody else an owner first")


def _select_current(user_id: UUID) -> Select[Any]:
    return select(Membership.id).where(Membership.user_id == user_id, Membership.current.is_(True))


def _end_project_roles(session: Session, membership_id: UUID) -> Sequence[str]:
    """End every project role of a membership; return the names of the projects, sorted."""
    own = ProjectMembership.membership_id == membership_id
    query = select(Project.name).join(ProjectMembership, ProjectMembership.project_id == Project.id)
    projects = session.scalars(query.where(own).order_by(Project.name)).all()
    session.execute(delete(ProjectMembership).where(own))
    return projects


def _projects_detail(ended: Sequence[str]) -> dict[str, list[str]]:
    return {"projects": list(ended)} if ended else {}
