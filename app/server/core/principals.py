"""Who calls, what that identity may do, and how it is read again in the transaction that writes.

The role and permission rules are here, and so is the order of locks: what ended since the request arrived
counts. Locks are taken in one order everywhere, so that no two transactions wait for each other: user,
membership, session, API token, organization, project or team; several of one kind by ascending id. On
PostgreSQL they are FOR SHARE, FOR NO KEY UPDATE on a row that the transaction writes, or FOR UPDATE on one
that it removes. SQLite has one writer at a time, from `BEGIN IMMEDIATE` on.

The sweep alone locks an organization before its tokens: of two transactions that wait for each other then,
PostgreSQL ends one, which is tried again.

The time of a change is read after the locks: events are dated in the order in which they happened.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import GenerativeSelect

from app.domain import permissions
from app.domain.errors import InvalidInput, NotFound, NotSignedIn, PermissionDenied, SessionEnded
from app.domain.organizations import ADMINISTRATORS, PROJECT_SCOPED, ProjectRole, Role
from app.server.clock import Clock
from app.server.core import audit
from app.server.core.token_signing import EXPIRED, INVALID
from app.server.persistence.models import APIToken, LoginSession, Membership, Organization, User

DENIED = "operation not allowed"
NO_USER = "logged in user not found"
REVOKED = "API token revoked"
TOKEN_UNKNOWN = "API token not found"
# Which roles in a project open what there to members and contributors, as at a stock control plane.
_PROJECT_ROLES = {
    permissions.TOKEN_LIST: frozenset(ProjectRole),
    permissions.TOKEN_CREATE: frozenset({ProjectRole.ADMIN}),
    permissions.TOKEN_REVOKE: frozenset({ProjectRole.ADMIN}),
}
_Query = TypeVar("_Query", bound=GenerativeSelect)


class NotAMember(PermissionDenied):
    """The organization that the call names is unknown, or not the person's."""

    def __init__(self, organization: str) -> None:
        super().__init__(f"user is not a member of organization {organization[:80]}")


class NoOrganization(PermissionDenied):
    """The call is about an organization, and the person is in none."""

    def __init__(self, user_id: UUID) -> None:
        super().__init__(f"user with id {user_id} has no current organization")


@dataclass(frozen=True, slots=True)
class Person:
    """The resource owner of OAuth, and the person who is signed in to the server's own pages."""

    id: UUID
    email: str
    name: str

    @classmethod
    def of(cls, user: User) -> "Person":
        """From the row."""
        return cls(user.id, user.email, f"{user.first_name} {user.last_name}".strip())


@dataclass(frozen=True, slots=True)
class SignedInBrowser:
    """Who is signed in, and with which session. `has_password` is False for a provider's person."""

    person: Person
    session_id: UUID
    has_password: bool = True


@dataclass(frozen=True, slots=True)
class MembershipDetails:
    """A membership with its organization and its user."""

    membership: Membership
    organization: Organization
    user: User


@dataclass(frozen=True, slots=True)
class ActiveMembership:
    """The organization a call is about, and the person's role there."""

    membership_id: UUID
    organization_id: UUID
    organization_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class UserPrincipal:
    """A person; `membership` is None for someone without an organization.

    `user` and `details` are the rows that this was read from, for whoever only reads.
    """

    id: UUID
    email: str
    session_id: UUID
    membership: ActiveMembership | None
    address: str = ""
    user: User | None = field(default=None, repr=False, compare=False)
    details: MembershipDetails | None = field(default=None, repr=False, compare=False)

    @property
    def audit_actor(self) -> audit.Actor:
        """For the audit trail."""
        return audit.Actor.person(self, self.address)


@dataclass(frozen=True, slots=True)
class TokenPrincipal:
    """An API token of an organization, or of one project in it."""

    id: UUID
    name: str
    organization_id: UUID
    organization_name: str
    project_id: UUID | None
    permissions: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    address: str = ""

    @property
    def audit_actor(self) -> audit.Actor:
        """For the audit trail."""
        return audit.Actor("api_token", self.id, self.name, self.address)


@dataclass(frozen=True, slots=True)
class JobPrincipal:
    """A CI job of an issuer that an organization trusts. It may read its own context, nothing else."""

    issuer: str
    subject: str
    repository: str
    organization_id: UUID
    organization_name: str
    project_id: UUID | None = None
    project_name: str = ""
    address: str = ""

    @property
    def audit_actor(self) -> audit.Actor:
        """For the audit trail."""
        return audit.Actor("ci_job", None, self.subject[:320], self.address)


Principal = UserPrincipal | TokenPrincipal | JobPrincipal
AnyPrincipal = TypeVar("AnyPrincipal", bound=Principal)


@dataclass(frozen=True, slots=True)
class AccessScope:
    """Which tokens a principal sees and manages: all, those of projects, or those of one project.

    With a `membership_id` the projects are those in which that membership has one of `project_roles`.
    """

    organization_id: UUID
    organization_name: str
    projects_only: bool = False
    project_id: UUID | None = None
    membership_id: UUID | None = None
    project_roles: frozenset[ProjectRole] = frozenset()

    def require_project_role(self, role: str | None) -> None:
        """Raise PermissionDenied where the person's role in a project counts and is not enough."""
        if self.membership_id is not None and role not in {allowed.value for allowed in self.project_roles}:
            raise PermissionDenied(DENIED)


def require_user(principal: Principal) -> UserPrincipal:
    """Return the person, or raise NotFound as the vendor's server does under an API token."""
    if isinstance(principal, UserPrincipal):
        return principal
    raise NotFound(NO_USER)


def require_membership(user: UserPrincipal) -> ActiveMembership:
    """The organization that a person's call is about."""
    if user.membership is None:
        raise NoOrganization(user.id)
    return user.membership


def require_administrator(principal: Principal) -> ActiveMembership:
    """The membership of a person who may change settings there."""
    if not isinstance(principal, UserPrincipal):
        raise PermissionDenied(DENIED)
    membership = require_membership(principal)
    if membership.role not in ADMINISTRATORS:
        raise PermissionDenied(DENIED)
    return membership


def require_permission(principal: Principal, permission: str) -> AccessScope:
    """What `principal` may reach with `permission`, or PermissionDenied."""
    if isinstance(principal, JobPrincipal):
        raise PermissionDenied(DENIED)
    if isinstance(principal, TokenPrincipal):
        if permission not in principal.permissions:
            raise PermissionDenied(DENIED)
        return AccessScope(principal.organization_id, principal.organization_name, True, principal.project_id)
    membership = require_membership(principal)
    if membership.role in ADMINISTRATORS:
        return AccessScope(membership.organization_id, membership.organization_name)
    if membership.role not in PROJECT_SCOPED:
        raise PermissionDenied(DENIED)
    return AccessScope(
        membership.organization_id,
        membership.organization_name,
        projects_only=True,
        membership_id=membership.membership_id,
        project_roles=_PROJECT_ROLES[permission],
    )


def require_context(principal: Principal) -> None:
    """Every person may read their own context; an API token needs the permission."""
    if isinstance(principal, TokenPrincipal) and permissions.ORGANIZATION_READ not in principal.permissions:
        raise PermissionDenied(DENIED)


def require_active(revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> None:
    """Raise SessionEnded for an API token that was revoked or has expired."""
    if revoked_at is not None:
        raise SessionEnded(REVOKED)
    if expires_at is not None and expires_at <= now:
        raise SessionEnded(EXPIRED)


def read_id(value: str) -> UUID | None:
    """The UUID in its usual form of 36 characters, or None for anything else."""
    try:
        return UUID(value) if len(value) == 36 else None
    except ValueError:
        return None


def parse_id(value: str) -> UUID:
    """The same; raise InvalidInput for anything else."""
    if (id := read_id(value)) is None:
        raise InvalidInput(f"invalid uuid {value[:80]!r}")
    return id


def with_lock(query: _Query, write: bool = False) -> _Query:
    """`query` with the lock of a row that is read, or with `write` of one that is written."""
    return query.with_for_update(key_share=True) if write else query.with_for_update(read=True)


def lock_user(session: Session, user_id: UUID, write: bool = False) -> User:
    """The person, locked until the transaction ends. Raises SessionEnded for one who may not sign in."""
    query = select(User).where(User.id == user_id, User.disabled_at.is_(None))
    user: User | None = session.scalar(with_lock(query, write).execution_options(populate_existing=True))
    if user is None:
        raise SessionEnded(INVALID)
    return user


def lock_session(session: Session, user_id: UUID, session_id: UUID, clock: Clock) -> LoginSession:
    """The person's session, locked until the transaction ends. Raises SessionEnded for one that is over."""
    query = select(LoginSession).where(
        LoginSession.id == session_id, LoginSession.user_id == user_id, LoginSession.ended_at.is_(None)
    )
    row: LoginSession | None = session.scalar(with_lock(query).execution_options(populate_existing=True))
    if row is None or row.expires_at <= clock():
        raise SessionEnded(INVALID)
    return row


def lock_signed_in_user(
    session: Session, browser: SignedInBrowser, clock: Clock, *, writes_user: bool = False
) -> User:
    """The person of a browser, locked with the session until the transaction ends. Raises SessionEnded."""
    user = lock_user(session, browser.person.id, writes_user)
    lock_session(session, user.id, browser.session_id, clock)
    return user


def reload_principal(
    session: Session,
    principal: AnyPrincipal,
    clock: Clock,
    *,
    writes_user: bool = False,
    target: UUID | None = None,
) -> AnyPrincipal:
    """`principal` as it is now, with its rows locked until the transaction ends.

    `writes_user` says that the transaction writes the person's row or memberships, `target` which API token
    it writes. Raises SessionEnded, NotSignedIn, or NotAMember.
    """
    reloaded: Any = principal
    if isinstance(principal, UserPrincipal):
        reloaded = _reload_user(session, principal, clock, writes_user)
    elif isinstance(principal, TokenPrincipal):
        reloaded = _reload_token(session, principal, clock, target)
    current: AnyPrincipal = reloaded
    return current


# The rows of a person in one round trip. PostgreSQL takes the locks in the order of `of`.
_SIGNED_IN_MEMBER = (
    select(User.email, Membership.role, LoginSession.expires_at)
    .join(Membership, Membership.user_id == User.id)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        User.id == bindparam("user"),
        User.disabled_at.is_(None),
        Membership.id == bindparam("membership"),
        LoginSession.id == bindparam("session"),
        LoginSession.ended_at.is_(None),
    )
    .with_for_update(read=True, of=(User, Membership, LoginSession))
)


def _reload_user(session: Session, principal: UserPrincipal, clock: Clock, write: bool) -> UserPrincipal:
    previous = principal.membership
    if previous is not None and not write:
        values = {
            "user": principal.id,
            "membership": previous.membership_id,
            "session": principal.session_id,
        }
        row = session.execute(_SIGNED_IN_MEMBER, values).one_or_none()
        if row is not None and row[2] > clock():
            return replace(principal, email=row[0], membership=replace(previous, role=Role(row[1])))
    # Row by row, which tells what is missing.
    user = lock_user(session, principal.id, write)
    membership = None
    if previous is not None:
        query = select(Membership.role)
        query = query.where(Membership.id == previous.membership_id, Membership.user_id == principal.id)
        role = session.scalar(with_lock(query, write))
        if role is None:
            raise NotAMember(previous.organization_name)
        membership = replace(previous, role=Role(role))
    lock_session(session, principal.id, principal.session_id, clock)
    return replace(principal, email=user.email, membership=membership)


def _reload_token(
    session: Session, principal: TokenPrincipal, clock: Clock, target: UUID | None
) -> TokenPrincipal:
    own: Any = None
    # Of two tokens that revoke each other, both begin with the same row.
    for row_id in sorted({principal.id, target or principal.id}):
        query = select(APIToken.revoked_at, APIToken.expires_at).where(APIToken.id == row_id)
        row = session.execute(with_lock(query, write=row_id == target)).one_or_none()
        if row_id == principal.id:
            own = row
    if own is None:
        raise NotSignedIn(TOKEN_UNKNOWN)
    require_active(own.revoked_at, own.expires_at, clock())
    return principal
