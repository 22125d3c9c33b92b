"""Removing people, organizations and projects, as the operator of the server does it; there is no way back.

A preview says what the removal ends, and the removal ends exactly that: the counts are read again in the
transaction that removes, and Refused is raised if they differ. The rows that belong to what is removed are
deleted with it in the database; the audit trail keeps who had which role, and when each API token ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, SelectBase, delete, func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain.errors import NotFound, Refused
from app.domain.organizations import Role
from app.domain.text import plural
from app.domain.times import iso_exact
from app.server.clock import Clock, utc_now
from app.server.core import access, audit
from app.server.core.access import CreatedToken
from app.server.core.accounts import find_user
from app.server.core.memberships import MEMBERSHIP_REMOVE, has_owner, select_oldest_as_current
from app.server.core.organizations import find_organization
from app.server.core.principals import with_lock
from app.server.core.projects import MEMBER_REMOVE, find_project
from app.server.core.trusted_issuers import ISSUER_REMOVE
from app.server.persistence.engine import Database
from app.server.persistence.models import (
    APIKey,
    APIToken,
    Membership,
    OAuthGrant,
    Organization,
    Project,
    ProjectMembership,
    Team,
    TrustedIssuer,
    User,
)

USER_REMOVE, PROJECT_REMOVE = "user.remove", "project.remove"
_NOUNS = {
    "sessions": "session",
    "grants": "allowed program",
    "keys": "API key",
    "memberships": "membership",
    "projects": "project",
    "project_roles": "project role",
    "tokens": "API token",
    "teams": "team",
    "team_keys": "team key",
    "issuers": "trusted CI issuer",
}


@dataclass(frozen=True, slots=True)
class RemovalPreview:
    """What a removal ends, as counts by their name in the audit trail, and what it leaves.

    `tokens` are the API tokens behind the count in `kept`.
    """

    id: UUID
    name: str
    counts: Mapping[str, int]
    kept: Mapping[str, int]
    tokens: Sequence[CreatedToken] = ()

    def require_same(self, current: "RemovalPreview") -> None:
        """Raise Refused where what is there now is not what was shown."""
        if (self.counts, self.kept) != (current.counts, current.kept):
            left = f"; it would leave {describe_counts(current.kept)}" if current.kept else ""
            ended = describe_counts(current.counts)
            raise Refused(
                f"{current.name} changed after it was shown: its removal would now end {ended}{left}",
                hint="nothing was removed; run it again",
            )

    @property
    def details(self) -> dict[str, Any]:
        """For the audit trail."""
        return {**self.counts} | ({"left": {**self.kept}} if self.kept else {})


def describe_counts(counts: Mapping[str, int]) -> str:
    """`2 sessions, 1 API key`, or `nothing`."""
    return ", ".join(plural(count, _NOUNS[name]) for name, count in counts.items() if count) or "nothing"


class Removal:
    """Previews raise NotFound; removals NotFound for what is gone, and Refused where something changed."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def preview_user(self, email: str) -> RemovalPreview:
        """What the removal of a person would end now. Raises Refused for a last owner."""
        with self._database.read() as session:
            user = find_user(session, email, lock=False)
            _require_other_owners(session, user)
            return _preview_user(session, user, self._clock())

    def preview_organization(self, name: str) -> RemovalPreview:
        """What the removal of an organization would end now."""
        with self._database.read() as session:
            row = find_organization(session, name, lock=False)
            return _preview_organization(session, row, self._clock())

    def preview_project(self, organization: str, name: str) -> RemovalPreview:
        """What the removal of a project would end now."""
        with self._database.read() as session:
            owner = find_organization(session, organization, lock=False)
            return _preview_project(session, find_project(session, owner, name), self._clock())

    def remove_user(self, by: audit.Actor, shown: RemovalPreview) -> None:
        """Remove a person with all that is theirs alone.

        API tokens that they created and keys that they created for teams stay valid. Raises Refused for the
        last owner of an organization.
        """
        self._database.transact(partial(_remove_user, by, shown, self._clock))

    def remove_organization(self, by: audit.Actor, shown: RemovalPreview) -> None:
        """Remove an organization with all that is in it; its members stay people of this server.

        Its name cannot be used again.
        """
        self._database.transact(partial(_remove_organization, by, shown, self._clock))

    def remove_project(self, by: audit.Actor, shown: RemovalPreview) -> None:
        """Remove a project with its API tokens and the roles in it."""
        self._database.transact(partial(_remove_project, by, shown, self._clock))


def _remove_user(by: audit.Actor, shown: RemovalPreview, clock: Clock, session: Session) -> None:
    user = session.scalar(select(User).where(User.id == shown.id).with_for_update())
    if user is None:
        raise _already_removed(shown.name)
    owned = select(Membership.organization_id).where(_owned_by(user.id))
    query = select(Organization.id).where(Organization.id.in_(owned)).order_by(Organization.id)
    session.execute(with_lock(query, write=True)).all()
    # A program may end its grant without locking the person.
    _lock_to_remove(session, OAuthGrant.id, OAuthGrant.user_id == user.id)
    now = clock()
    _require_other_owners(session, user)
    shown.require_same(_preview_user(session, user, now))
    events = [
        *_membership_events(session, Membership.user_id == user.id),
        audit.Event(USER_REMOVE, target_id=user.id, target_name=user.email, details=shown.details),
    ]
    team_keys = update(APIKey).where(APIKey.user_id == user.id, APIKey.team_id.is_not(None))
    session.execute(team_keys.values(user_id=None))
    session.execute(delete(User).where(User.id == user.id))
    audit.record(session, by, now, *events)


def _remove_organization(by: audit.Actor, shown: RemovalPreview, clock: Clock, session: Session) -> None:
    members = select(Membership.user_id).where(Membership.organization_id == shown.id)
    users = select(User.id).where(User.id.in_(members)).order_by(User.id)
    session.execute(with_lock(users, write=True)).all()
    _lock_to_remove(session, APIToken.id, APIToken.revoked_at.is_(None), APIToken.organization_id == shown.id)
    row = session.scalar(select(Organization).where(Organization.id == shown.id).with_for_update())
    if row is None:
        raise _already_removed(shown.name)
    now = clock()
    # Whoever removes an issuer locks that alone.
    _lock_to_remove(session, TrustedIssuer.id, TrustedIssuer.organization_id == row.id)
    shown.require_same(_preview_organization(session, row, now))
    events = [
        *_membership_events(session, Membership.organization_id == row.id),
        *_token_events(session, APIToken.organization_id == row.id, audit.ORGANIZATION_REMOVE, now),
        *_team_key_events(session, row.id),
        *_issuer_events(session, TrustedIssuer.organization_id == row.id),
        audit.Event(audit.ORGANIZATION_REMOVE, row.id, row.id, row.name, shown.details),
    ]
    without = session.scalars(members.where(Membership.current).order_by(Membership.user_id)).all()
    session.execute(delete(Organization).where(Organization.id == row.id))
    for user_id in without:
        select_oldest_as_current(session, user_id)
    audit.record(session, by, now, *events)


def _remove_project(by: audit.Actor, shown: RemovalPreview, clock: Clock, session: Session) -> None:
    _lock_to_remove(session, APIToken.id, APIToken.revoked_at.is_(None), APIToken.project_id == shown.id)
    owner = select(Project.organization_id).where(Project.id == shown.id).scalar_subquery()
    session.execute(with_lock(select(Organization.id).where(Organization.id == owner), write=True)).all()
    row = session.scalar(select(Project).where(Project.id == shown.id).with_for_update())
    if row is None:
        raise _already_removed(shown.name)
    now = clock()
    # Whoever removes an issuer locks that alone.
    _lock_to_remove(session, TrustedIssuer.id, TrustedIssuer.project_id == row.id)
    shown.require_same(_preview_project(session, row, now))
    events = [
        *_project_role_events(session, row),
        *_token_events(session, APIToken.project_id == row.id, PROJECT_REMOVE, now),
        *_issuer_events(session, TrustedIssuer.project_id == row.id),
        audit.Event(PROJECT_REMOVE, row.organization_id, row.id, row.name, shown.details),
    ]
    session.execute(delete(Project).where(Project.id == row.id))
    audit.record(session, by, now, *events)


def _preview_user(session: Session, user: User, now: datetime) -> RemovalPreview:
    keys, tokens = access.read_keys(session, user.id), access.read_created_tokens(session, user.id, now)
    own = Membership.user_id == user.id
    roles = select(ProjectMembership).join(Membership, Membership.id == ProjectMembership.membership_id)
    counts = {
        "sessions": len(access.read_sessions(session, user.id, now)),
        "grants": len(access.read_grants(session, user.id, now)),
        "keys": sum(not key.team for key in keys),
        "memberships": _count(session, select(Membership).where(own)),
        "project_roles": _count(session, roles.where(own)),
    }
    kept = {"tokens": len(tokens), "team_keys": sum(bool(key.team) for key in keys)}
    return RemovalPreview(user.id, user.email, counts, kept, tokens)


def _preview_organization(session: Session, row: Organization, now: datetime) -> RemovalPreview:
    roles = select(ProjectMembership).join(Project, Project.id == ProjectMembership.project_id)
    counts = {
        "memberships": _count(session, select(Membership).where(Membership.organization_id == row.id)),
        "projects": _count(session, select(Project).where(Project.organization_id == row.id)),
        "project_roles": _count(session, roles.where(Project.organization_id == row.id)),
        "tokens": _count_active(session, APIToken.organization_id == row.id, now),
        "teams": _count(session, select(Team).where(Team.organization_id == row.id)),
        "team_keys": _count(session, _select_team_keys(row.id)),
        "issuers": _count(session, select(TrustedIssuer).where(TrustedIssuer.organization_id == row.id)),
    }
    return RemovalPreview(row.id, row.name, counts, {})


def _preview_project(session: Session, row: Project, now: datetime) -> RemovalPreview:
    roles = select(ProjectMembership).where(ProjectMembership.project_id == row.id)
    counts = {
        "project_roles": _count(session, roles),
        "tokens": _count_active(session, APIToken.project_id == row.id, now),
        "issuers": _count(session, select(TrustedIssuer).where(TrustedIssuer.project_id == row.id)),
    }
    return RemovalPreview(row.id, row.name, counts, {})


def _count(session: Session, query: SelectBase) -> int:
    return session.scalar(select(func.count()).select_from(query.subquery())) or 0


def _count_active(session: Session, where: ColumnElement[bool], now: datetime) -> int:
    return _count(session, select(APIToken.id).where(where, *access.is_active_token(now)))


def _select_team_keys(organization_id: UUID) -> Select[UUID, str]:
    joined = select(Team.id, Team.name).join(APIKey, APIKey.team_id == Team.id)
    return joined.where(Team.organization_id == organization_id, APIKey.ended_at.is_(None))


def _lock_to_remove(session: Session, id: InstrumentedAttribute[UUID], *where: ColumnElement[bool]) -> None:
    session.execute(select(id).where(*where).order_by(id).with_for_update()).all()


def _membership_events(session: Session, where: ColumnElement[bool]) -> list[audit.Event]:
    roles: dict[UUID, list[str]] = {}
    named = select(ProjectMembership.membership_id, Project.name)
    named = named.join(Project, Project.id == ProjectMembership.project_id)
    named = named.join(Membership, Membership.id == ProjectMembership.membership_id).where(where)
    for membership_id, project in session.execute(named.order_by(Project.name)):
        roles.setdefault(membership_id, []).append(project)
    query = select(Membership, User.email).join(User, User.id == Membership.user_id).where(where)
    return [
        audit.Event(
            MEMBERSHIP_REMOVE,
            row.organization_id,
            row.user_id,
            email,
            {"before": row.role} | ({"projects": roles[row.id]} if row.id in roles else {}),
        )
        for row, email in session.execute(query.order_by(User.email, Membership.created_at))
    ]


def _project_role_events(session: Session, project: Project) -> list[audit.Event]:
    query = (
        select(User.id, User.email, ProjectMembership.role)
        .join(Membership, Membership.user_id == User.id)
        .join(ProjectMembership, ProjectMembership.membership_id == Membership.id)
        .where(ProjectMembership.project_id == project.id)
        .order_by(User.email)
    )
    organization_id, name = project.organization_id, project.name
    return [
        audit.Event(MEMBER_REMOVE, organization_id, user_id, email, {"project": name, "before": role})
        for user_id, email, role in session.execute(query)
    ]


def _token_events(
    session: Session, where: ColumnElement[bool], cause: str, now: datetime
) -> list[audit.Event]:
    """One event for each that was not revoked; `expired` says when one had expired before."""
    query = (
        select(APIToken.organization_id, APIToken.id, APIToken.name, APIToken.expires_at, Project.name)
        .outerjoin(Project, Project.id == APIToken.project_id)
        .where(where, APIToken.revoked_at.is_(None))
        .order_by(APIToken.name, APIToken.id)
    )
    events = []
    for organization_id, token_id, name, end, project in session.execute(query):
        details = {"with": cause} | ({"project": project} if project else {})
        if end is not None and end <= now:
            details["expired"] = iso_exact(end)
        events.append(audit.Event(audit.TOKEN_REVOKE, organization_id, token_id, name, details))
    return events


def _team_key_events(session: Session, organization_id: UUID) -> list[audit.Event]:
    keys = session.execute(_select_team_keys(organization_id).order_by(Team.name))
    return [audit.Event(access.KEY_DELETE, organization_id, team_id, name) for team_id, name in keys]


def _issuer_events(session: Session, where: ColumnElement[bool]) -> list[audit.Event]:
    rows = session.scalars(select(TrustedIssuer).where(where).order_by(TrustedIssuer.created_at))
    return [audit.Event(ISSUER_REMOVE, row.organization_id, row.id, row.url[:320]) for row in rows]


def _owned_by(user_id: UUID) -> ColumnElement[bool]:
    return (Membership.user_id == user_id) & (Membership.role == Role.OWNER.value)


def _require_other_owners(session: Session, user: User) -> None:
    """Refuse to remove the last owner of an organization; say who could be one."""
    query = select(Organization.id, Organization.name)
    query = query.join(Membership, Membership.organization_id == Organization.id).where(_owned_by(user.id))
    for organization_id, name in session.execute(query.order_by(Organization.name)):
        if not has_owner(session, organization_id, other_than=user.id):
            raise Refused(
                f"{user.email} is the last owner of {name}",
                hint=_next_owner(session, user, organization_id, name),
            )


def _next_owner(session: Session, user: User, organization_id: UUID, name: str) -> str:
    # An admin, else whoever has been there the longest.
    other = select(User.email).join(Membership, Membership.user_id == User.id)
    other = other.where(
        Membership.organization_id == organization_id, User.id != user.id, User.disabled_at.is_(None)
    )
    email = session.scalar(
        other.order_by(Membership.role != Role.ADMIN.value, Membership.created_at, User.email).limit(1)
    )
    if email is None:
        return f"nobody else is in it: add another owner, or remove it: loopin server org remove {name}"
    return (
        f"make somebody else an owner first: loopin server membership set {email} --org {name} --role owner"
    )


def _already_removed(name: str) -> NotFound:
    return NotFound(f"{name} was removed already", hint="somebody else removed it")
