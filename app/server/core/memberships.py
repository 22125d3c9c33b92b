"""Organizations, projects and who belongs to them, as the operator of the server manages them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain import names
from app.domain.errors import AlreadyExists, NotFound, Refused, UsageError
from app.domain.organizations import PROJECT_SCOPED, Role
from app.server.clock import Clock
from app.server.core import accounts, audit
from app.server.core.organizations import was_used
from app.server.core.recheck import locked
from app.server.persistence.engine import Database
from app.server.persistence.models import APIToken, Membership, Organization, Project, ProjectMembership, User

PROJECT_ADD = "project.add"
MEMBERSHIP_SET, MEMBERSHIP_REMOVE = "membership.set", "membership.remove"


@dataclass(frozen=True, slots=True)
class OrganizationRow:
    """One organization; `threshold` 0 means that auto-revocation is off, `tokens` counts unrevoked ones."""

    id: UUID
    name: str
    created_at: datetime
    threshold: int
    members: int
    tokens: int


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One project."""

    id: UUID
    organization: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """`before` is the role that they had, empty for none; `projects` where their project role ended."""

    before: str
    projects: Sequence[str] = ()


class AddOrganization:
    """Add an organization without members. Raises UsageError; AlreadyExists, also for a name of before."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, name: str) -> UUID:
        """Return its id."""
        try:
            with self._database.write() as session:
                now = self._clock()
                row = Organization(name=names.check(name), created_at=now, updated_at=now)
                session.add(row)
                session.flush()
                if was_used(session, name):
                    raise AlreadyExists(
                        f"an organization {name} was removed: its name is not used again",
                        hint="choose another",
                    )
                audit.record(session, by, [audit.What(audit.ORGANIZATION_ADD, row.id, row.id, name)], now)
        except IntegrityError as error:
            raise AlreadyExists(f"there is an organization {name} already") from error
        return row.id


class ListOrganizations:
    """Every organization, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self) -> list[OrganizationRow]:
        """List them."""
        with self._database.read() as session:
            found = session.scalars(select(Organization).order_by(Organization.name)).all()
            members = _count(session, Membership.organization_id)
            tokens = _count(session, APIToken.organization_id, APIToken.revoked_at.is_(None))
        return [
            OrganizationRow(
                row.id,
                row.name,
                row.created_at,
                row.api_token_max_days_inactive or 0,
                members.get(row.id, 0),
                tokens.get(row.id, 0),
            )
            for row in found
        ]


class AddProject:
    """Add a project to an organization. Raises UsageError, NotFound, AlreadyExists."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, organization: str, name: str) -> UUID:
        """Return its id."""
        try:
            with self._database.write() as session:
                owner, now = find(session, organization), self._clock()
                row = Project(organization_id=owner.id, name=names.check(name), created_at=now)
                session.add(row)
                session.flush()
                audit.record(session, by, [audit.What(PROJECT_ADD, owner.id, row.id, name)], now)
        except IntegrityError as error:
            raise AlreadyExists(f"{organization} has a project {name} already") from error
        return row.id


class ListProjects:
    """Projects by organization and name; of one organization when it is named. Raises NotFound."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, organization: str = "") -> list[ProjectRow]:
        """List them."""
        query = select(Project.id, Organization.name, Project.name, Project.created_at)
        query = query.join(Organization, Organization.id == Project.organization_id)
        with self._database.read() as session:
            if organization:
                query = query.where(Organization.id == find(session, organization, hold=False).id)
            found = session.execute(query.order_by(Organization.name, Project.name)).all()
        return [ProjectRow(row[0], row[1], row[2], row[3]) for row in found]


class SetMembership:
    """Give a person a role in an organization, from the next call on.

    Their project roles end with a role for which they change nothing: owner, admin, viewer. Raises NotFound,
    UsageError, Refused.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, email: str, organization: str, role: Role) -> MembershipChange:
        """Return what it changed."""
        if role is Role.UNKNOWN:
            raise UsageError("that is not a role")
        return self._database.transact(lambda session: self._set(session, by, email, organization, role))

    def _set(
        self, session: Session, by: audit.Who, email: str, organization: str, role: Role
    ) -> MembershipChange:
        user, owner, row = find_place(session, email, organization)
        now = self._clock()
        before = row.role if row else ""
        if row is None:
            first = session.scalar(_current(user.id)) is None
            row = Membership(user_id=user.id, organization_id=owner.id, current=first, created_at=now)
            session.add(row)
        row.role, row.updated_at = role.value, now
        session.flush()
        if before == Role.OWNER.value:
            _keep_an_owner(session, owner)
        ended = () if role in PROJECT_SCOPED else _end_project_roles(session, row.id)
        details = {"role": role.value, "before": before} | _in_projects(ended)
        what = audit.What(MEMBERSHIP_SET, owner.id, user.id, user.email, details)
        audit.record(session, by, [what], now)
        return MembershipChange(before, ended)


class RemoveMembership:
    """Take a person out of an organization and its projects, from the next call on.

    Raises NotFound, Refused.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, email: str, organization: str) -> None:
        """Another of their organizations becomes the current one."""
        self._database.transact(lambda session: self._remove(session, by, email, organization))

    def _remove(self, session: Session, by: audit.Who, email: str, organization: str) -> None:
        user, owner, found = find_place(session, email, organization)
        row = require_member(found, user, owner)
        now = self._clock()
        role, ended = row.role, _end_project_roles(session, row.id)
        session.delete(row)
        session.flush()
        if role == Role.OWNER.value:
            _keep_an_owner(session, owner)
        choose_another(session, user.id)
        details = {"before": role} | _in_projects(ended)
        what = audit.What(MEMBERSHIP_REMOVE, owner.id, user.id, user.email, details)
        audit.record(session, by, [what], now)


def find(session: Session, name: str, hold: bool = True) -> Organization:
    """The organization of that name, held until the transaction ends unless told not to; raise NotFound.

    Held, because two that each take one of two owners away must take turns.
    """
    query = select(Organization).where(Organization.name == name)
    row: Organization | None = session.scalar(locked(query, write=True) if hold else query)
    if row is None:
        raise NotFound(f"there is no organization {name[:80]!r}", hint="see: loopin server org list")
    return row


def find_place(
    session: Session, email: str, organization: str
) -> tuple[User, Organization, Membership | None]:
    """The person, the organization and the membership, if there is one, held until the transaction ends.

    In the order that `recheck` names. Raises NotFound for a person or an organization that is not there.
    """
    # An organization that is not there is told first, as it is for everything else in it.
    if session.scalar(select(Organization.id).where(Organization.name == organization)) is None:
        find(session, organization)
    user = accounts.find(session, email)
    named = select(Organization.id).where(Organization.name == organization).scalar_subquery()
    mine = (Membership.user_id == user.id, Membership.organization_id == named)
    row = session.scalar(locked(select(Membership).where(*mine), write=True))
    return user, find(session, organization), row


def require_member(row: Membership | None, user: User, organization: Organization) -> Membership:
    """The membership; raise NotFound where there is none."""
    if row is None:
        raise NotFound(
            f"{user.email} is not a member of {organization.name}",
            hint="people are added with: loopin server membership set",
        )
    return row


def _current(user_id: UUID) -> Select[Any]:
    return select(Membership.id).where(Membership.user_id == user_id, Membership.current.is_(True))


def choose_another(session: Session, user_id: UUID) -> None:
    """Make another of a person's memberships the current one where none is; the person is held."""
    if session.scalar(_current(user_id)) is not None:
        return
    oldest = select(Membership.id).where(Membership.user_id == user_id).order_by(Membership.created_at)
    chosen = session.scalar(oldest.limit(1))
    if chosen is not None:
        session.execute(update(Membership).where(Membership.id == chosen).values(current=True))


def _end_project_roles(session: Session, membership_id: UUID) -> Sequence[str]:
    """End every project role of a membership; return the names of the projects, sorted."""
    mine = ProjectMembership.membership_id == membership_id
    query = select(Project.name).join(ProjectMembership, ProjectMembership.project_id == Project.id)
    names_of = session.scalars(query.where(mine).order_by(Project.name)).all()
    session.execute(delete(ProjectMembership).where(mine))
    return names_of


def _in_projects(ended: Sequence[str]) -> dict[str, list[str]]:
    return {"projects": list(ended)} if ended else {}


def has_owner(session: Session, organization_id: UUID, but: UUID | None = None) -> bool:
    """Whether it has an owner who is not kept out, `but` somebody."""
    owners = select(func.count()).select_from(Membership).join(User, User.id == Membership.user_id)
    owners = owners.where(
        Membership.organization_id == organization_id,
        Membership.role == Role.OWNER.value,
        User.disabled_at.is_(None),
    )
    return bool(session.scalar(owners.where(User.id != but) if but else owners))


def _keep_an_owner(session: Session, organization: Organization) -> None:
    if not has_owner(session, organization.id):
        raise Refused(f"{organization.name} would have no owner", hint="make somebody else an owner first")


def _count(
    session: Session, column: InstrumentedAttribute[UUID], *conditions: ColumnElement[bool]
) -> dict[UUID, int]:
    query = select(column, func.count()).where(*conditions).group_by(column)
    return {row[0]: row[1] for row in session.execute(query)}
