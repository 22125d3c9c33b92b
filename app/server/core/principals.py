"""Who calls, and what that identity may do: the role and permission rules, in one place."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import permissions
from app.domain.errors import NotFound, PermissionDenied
from app.domain.organizations import ADMINISTRATORS, PROJECT_SCOPED, ProjectRole, Role
from app.server.core.audit import Who
from app.server.persistence.models import Membership, Organization, User

DENIED = "operation not allowed"
NO_PERSON = "logged in user not found"
# Which roles in a project open what there to members and contributors, as at a stock control plane.
_OPENED_BY = {
    permissions.TOKEN_LIST: frozenset(ProjectRole),
    permissions.TOKEN_CREATE: frozenset({ProjectRole.ADMIN}),
    permissions.TOKEN_REVOKE: frozenset({ProjectRole.ADMIN}),
}


class NotAMember(PermissionDenied):
    """The organization that the call names is unknown, or not the person's."""

    def __init__(self, organization: str) -> None:
        super().__init__(f"user is not a member of organization {organization[:80]}")


class NoOrganization(PermissionDenied):
    """The call is about an organization, and the person is in none."""

    def __init__(self, person: UUID) -> None:
        super().__init__(f"user with id {person} has no current organization")


@dataclass(frozen=True, slots=True)
class Belonging:
    """A membership with its organization and its person."""

    membership: Membership
    organization: Organization
    user: User


@dataclass(frozen=True, slots=True)
class Place:
    """The organization a call is about, and the person's role there."""

    membership_id: UUID
    organization_id: UUID
    organization_name: str
    role: Role


@dataclass(frozen=True, slots=True)
class PersonActor:
    """A person; `place` is None for someone without an organization.

    `user` and `belonging` are the rows that this was read from, for whoever only reads.
    """

    id: UUID
    email: str
    session_id: UUID
    place: Place | None
    address: str = ""
    user: User | None = field(default=None, repr=False, compare=False)
    belonging: Belonging | None = field(default=None, repr=False, compare=False)

    @property
    def who(self) -> Who:
        """For the audit trail."""
        return Who("person", self.id, self.email, self.address)


@dataclass(frozen=True, slots=True)
class TokenActor:
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
    def who(self) -> Who:
        """For the audit trail."""
        return Who("api_token", self.id, self.name, self.address)


@dataclass(frozen=True, slots=True)
class FederatedActor:
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
    def who(self) -> Who:
        """For the audit trail."""
        return Who("ci_job", None, self.subject[:320], self.address)


Actor = PersonActor | TokenActor | FederatedActor


@dataclass(frozen=True, slots=True)
class Reach:
    """Which tokens an actor sees and manages: all, those of projects, or those of one project.

    With a `membership_id` the projects are those in which that membership has one of `project_roles`.
    """

    organization_id: UUID
    organization_name: str
    projects_only: bool = False
    project_id: UUID | None = None
    membership_id: UUID | None = None
    project_roles: frozenset[ProjectRole] = frozenset()

    def require_in_project(self, role: ProjectRole | None) -> None:
        """Raise PermissionDenied where the person's role in a project counts and is not enough."""
        if self.membership_id is not None and role not in self.project_roles:
            raise PermissionDenied(DENIED)


def require_person(actor: Actor) -> PersonActor:
    """Return the person, or raise NotFound as the vendor's server does under an API token."""
    if isinstance(actor, PersonActor):
        return actor
    raise NotFound(NO_PERSON)


def require_place(person: PersonActor) -> Place:
    """The organization that a person's call is about."""
    if person.place is None:
        raise NoOrganization(person.id)
    return person.place


def require_administrator(actor: Actor) -> Place:
    """The place of a person who may change settings there."""
    if not isinstance(actor, PersonActor):
        raise PermissionDenied(DENIED)
    place = require_place(actor)
    if place.role not in ADMINISTRATORS:
        raise PermissionDenied(DENIED)
    return place


def require(actor: Actor, permission: str) -> Reach:
    """What `actor` may reach with `permission`, or PermissionDenied."""
    if isinstance(actor, FederatedActor):
        raise PermissionDenied(DENIED)
    if isinstance(actor, TokenActor):
        if permission not in actor.permissions:
            raise PermissionDenied(DENIED)
        return Reach(actor.organization_id, actor.organization_name, True, actor.project_id)
    place = require_place(actor)
    if place.role in ADMINISTRATORS:
        return Reach(place.organization_id, place.organization_name)
    if place.role not in PROJECT_SCOPED:
        raise PermissionDenied(DENIED)
    return Reach(
        place.organization_id,
        place.organization_name,
        projects_only=True,
        membership_id=place.membership_id,
        project_roles=_OPENED_BY[permission],
    )


def require_context(actor: Actor) -> None:
    """Every person may read their own context; an API token needs the permission."""
    if isinstance(actor, TokenActor) and permissions.ORGANIZATION_READ not in actor.permissions:
        raise PermissionDenied(DENIED)
