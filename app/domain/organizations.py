"""Organizations, roles, and what an identity may do in one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

from app.domain.claims import expiry_of, latest_end_of, method_of
from app.domain.credentials import Method
from app.domain.errors import PermissionDenied
from app.domain.request_context import OrganizationRef

ASK_ADMIN = "ask an owner or admin of the organization"


class Role(Enum):
    """A person's role in an organization, as shown."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    CONTRIBUTOR = "contributor"
    VIEWER = "viewer"
    UNKNOWN = "unknown role"

    @property
    def vendor_word(self) -> str:
        """The role as the vendor's command line prints it: nothing for one that is not known."""
        return "" if self is Role.UNKNOWN else self.value


class ProjectRole(Enum):
    """What a member or contributor is in one project."""

    ADMIN = "admin"
    VIEWER = "viewer"


ADMINISTRATORS = frozenset({Role.OWNER, Role.ADMIN})
# What these may do with API tokens depends on their role in the project.
PROJECT_SCOPED = frozenset({Role.MEMBER, Role.CONTRIBUTOR})


class OrganizationSettings(NamedTuple):
    """Settings of an organization that are only printed; the vendor's command line changes them.

    `enforces_policies`: a violated policy blocks, else it is advice.
    """

    enforces_policies: bool = False
    policy_hostnames: tuple[str, ...] = ()
    prevents_implicit_workflows: bool = False
    collects_ai_agents: bool = False
    blocks_released_versions: bool = False
    skips_runner_variables: bool = False


NO_SETTINGS = OrganizationSettings()


class Organization(NamedTuple):
    """An organization. `threshold` is in days, 0 = auto-revocation is off."""

    id: str
    name: str
    created_at: datetime | None = None
    threshold: int = 0
    settings: OrganizationSettings = NO_SETTINGS


class Person(NamedTuple):
    """Who is signed in; under an API token `id` is the token's id, and the rest is empty."""

    id: str
    email: str
    first_name: str = ""
    last_name: str = ""
    created_at: datetime | None = None
    instance_admin: bool = False


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's place in an organization; `person` where the server names them."""

    id: str
    organization: Organization
    role: Role
    current: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None
    person: Person | None = None


class CASBackend(NamedTuple):
    """Where an organization stores artifacts (content-addressable storage). Loopin only prints it.

    `max_bytes` is the limit of one artifact, `valid` what the last check found; None where the server says
    nothing.
    """

    id: str
    name: str
    location: str
    description: str = ""
    provider: str = ""
    default: bool = False
    fallback: bool = False
    inline: bool = False
    max_bytes: int | None = None
    valid: bool | None = None
    problem: str | None = None
    created_at: datetime | None = None
    validated_at: datetime | None = None


class Context(NamedTuple):
    """What the control plane says of the credential in use.

    `membership` is None under an API token and for a person without an organization. `cas_backend` is None
    where the organization has none, or the server does not tell.
    """

    person: Person | None
    membership: Membership | None
    cas_backend: CASBackend | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts, where, and until when: the context together with what the token itself says.

    `threshold` is None where it cannot be read. `token_id` and `token_name` are set under an API token;
    `is_ci` is true under a CI identity, which has neither a person nor a role. `read_only` is the reason
    why nothing may be changed although the server would let it: read-only mode. `latest_end` is when an API
    token that this identity creates ends at the latest; None for no limit.
    """

    name: str
    organization: str
    role: Role | None
    method: str
    expires_at: datetime | None = None
    threshold: int | None = None
    token_id: str = ""
    token_name: str = ""
    project: str = ""
    person: Person | None = None
    membership: Membership | None = None
    cas_backend: CASBackend | None = None
    is_ci: bool = False
    read_only: str = ""
    latest_end: datetime | None = None

    @property
    def organization_ref(self) -> OrganizationRef:
        """The organization, with its id if the server sent it."""
        organization = self.membership.organization if self.membership else None
        return OrganizationRef(organization.name, organization.id) if organization else OrganizationRef()

    @property
    def principal(self) -> str:
        """The id of the API token or of the person; their name where no id is known."""
        return self.token_id or (self.person.id if self.person else "") or self.name

    @property
    def is_token(self) -> bool:
        """True under an API token."""
        return bool(self.token_id)

    def why_no_changes(self) -> str:
        """Say why nothing at all may be changed; empty when the rest is a matter of the role."""
        return self.read_only

    def why_no_settings(self) -> str:
        """Say why this identity may not change the organization's settings; empty when it may."""
        if self.read_only:
            return self.read_only
        if self.is_token:
            return f"API token {self.token_name or self.token_id}: settings need a person's login"
        if self.is_ci:
            return "a CI identity may not change settings: they need a person's login"
        if not self.organization:
            return "no organization is selected"
        if self.role in ADMINISTRATORS:
            return ""
        return (
            f"your role is {self.role.value if self.role else 'unknown'}: owners and admins change settings"
        )

    def why_no_tokens(self) -> str:
        """Say why this identity may not list, create or revoke API tokens; empty when it may."""
        if self.is_ci:
            return "a CI identity may not see or manage API tokens"
        if self.is_token or self.organization:
            return "your role is viewer: viewers may not see API tokens" if self.role is Role.VIEWER else ""
        return "no organization is selected"

    def needs_project(self) -> bool:
        """True where a new token must name a project."""
        return self.is_token or self.role in PROJECT_SCOPED

    def check_may_manage(self, *, in_organization: bool = False) -> None:
        """Raise PermissionDenied, with who can help, for what the server would refuse in any case.

        `in_organization` stands for a token of the organization itself, not of a project.
        """
        if why := self.why_no_tokens():
            raise PermissionDenied(why, hint=ASK_ADMIN)
        if in_organization and self.needs_project():
            raise PermissionDenied(self.only_projects(), hint=f"name a project, or {ASK_ADMIN}")

    def only_projects(self) -> str:
        """What an identity manages that needs a project; for others empty."""
        if not self.needs_project():
            return ""
        if self.is_token:
            return "an API token manages the tokens of projects only"
        role = self.role.value if self.role else "unknown"
        return f"your role is {role}: it manages the tokens of projects only, those in which you are an admin"


UNKNOWN_CONTEXT = Context(None, None)
"""The answer of a server that does not say who acts."""


def identity_of(context: Context, claims: Mapping[str, Any]) -> Identity:
    """Combine what the server says of a credential and what the credential says of itself.

    Under an API token the server sends no membership: organization and scope come from the claims,
    and the threshold cannot be read.
    """
    method = method_of(claims)
    if method is Method.API_TOKEN:
        return _token_identity(context, claims)
    membership, person = context.membership, context.person
    organization = membership.organization if membership else None
    return Identity(
        name=_repository(claims) if method is Method.KEYLESS else (person.email if person else ""),
        organization=organization.name if organization else "",
        role=membership.role if membership and method is not Method.KEYLESS else None,
        method=method.title,
        expires_at=expiry_of(claims),
        threshold=organization.threshold if organization else None,
        person=person,
        membership=membership,
        cas_backend=context.cas_backend,
        is_ci=method is Method.KEYLESS,
    )


def _repository(claims: Mapping[str, Any]) -> str:
    # Most runs are in no CI job.
    from app.domain.keyless import repository_of

    return repository_of(claims)


def _token_identity(context: Context, claims: Mapping[str, Any]) -> Identity:
    name = str(claims.get("token_name", ""))
    token_id = context.person.id if context.person else str(claims.get("jti", ""))
    return Identity(
        name=f"API token {name or token_id}",
        organization=str(claims.get("org_name", "")),
        role=None,
        method=Method.API_TOKEN.title,
        expires_at=expiry_of(claims),
        token_id=token_id or "unknown",
        token_name=name,
        project=str(claims.get("project_name", "")),
        latest_end=latest_end_of(claims),
        person=context.person,
        cas_backend=context.cas_backend,
    )
