"""From what is stored to what goes over the wire."""

from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from app.domain.errors import InvalidInput
from app.domain.organizations import Role
from app.proto.controlplane.v1 import api_token_pb2, organization_pb2, shared_pb2
from app.server.core.api_tokens import ProjectReference, TokenList, TokenRow
from app.server.core.principals import MembershipDetails, TokenPrincipal
from app.server.persistence.models import Organization, User

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TOKEN_EMAIL = "API-token@chainloop"
_Role = organization_pb2.MembershipRole
_Strategy = organization_pb2.OrgItem.PolicyViolationBlockingStrategy
ROLES = {
    Role.VIEWER: _Role.MEMBERSHIP_ROLE_ORG_VIEWER,
    Role.ADMIN: _Role.MEMBERSHIP_ROLE_ORG_ADMIN,
    Role.OWNER: _Role.MEMBERSHIP_ROLE_ORG_OWNER,
    Role.MEMBER: _Role.MEMBERSHIP_ROLE_ORG_MEMBER,
    Role.CONTRIBUTOR: _Role.MEMBERSHIP_ROLE_ORG_CONTRIBUTOR,
    Role.UNKNOWN: _Role.MEMBERSHIP_ROLE_UNSPECIFIED,
}


def timestamp(at: datetime | None) -> Timestamp | None:
    """A moment, or nothing for none."""
    if at is None:
        return None
    # Timestamp.FromDatetime does the same in Python, ten times slower: a list has tens of thousands.
    since = at - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def project_reference(reference: shared_pb2.IdentityReference) -> ProjectReference:
    """Which project a request names; an empty text counts as not given. InvalidInput for one with NUL."""
    # PostgreSQL refuses to be asked for it.
    if "\x00" in reference.name:
        raise InvalidInput("invalid project name")
    return ProjectReference(reference.id or None, reference.name or None)


def token_items(tokens: TokenList, rows: Iterable[TokenRow]) -> list[api_token_pb2.APITokenItem]:
    """These tokens of a list."""
    return [_token_item(row, str(tokens.organization_id), tokens.organization_name) for row in rows]


def _token_item(row: TokenRow, organization_id: str, organization_name: str) -> api_token_pb2.APITokenItem:
    entity = None
    if row.project_id is not None:
        entity = shared_pb2.ScopedEntity(type="project", id=str(row.project_id), name=row.project_name or "")
    return api_token_pb2.APITokenItem(
        id=str(row.id),
        name=row.name,
        description=row.description,
        organization_id=organization_id,
        organization_name=organization_name,
        created_at=timestamp(row.created_at),
        revoked_at=timestamp(row.revoked_at),
        expires_at=timestamp(row.expires_at),
        last_used_at=timestamp(row.last_used_at),
        scoped_entity=entity,
        permissions=row.permissions,
        parent_id=str(row.parent_id) if row.parent_id else "",
    )


def user(row: User | TokenPrincipal) -> organization_pb2.User:
    """A person; an API token appears as a user without a name, as on the vendor's server."""
    if isinstance(row, TokenPrincipal):
        return organization_pb2.User(id=str(row.id), email=TOKEN_EMAIL, created_at=timestamp(row.created_at))
    return organization_pb2.User(
        id=str(row.id),
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        created_at=timestamp(row.created_at),
        updated_at=timestamp(row.updated_at),
        instance_admin=row.instance_admin,
    )


def organization(row: Organization) -> organization_pb2.OrgItem:
    """An organization and its settings; without a threshold the field is absent."""
    blocks = row.block_on_policy_violation
    strategy = (
        _Strategy.POLICY_VIOLATION_BLOCKING_STRATEGY_BLOCK
        if blocks
        else _Strategy.POLICY_VIOLATION_BLOCKING_STRATEGY_ADVISORY
    )
    return organization_pb2.OrgItem(
        id=str(row.id),
        name=row.name,
        created_at=timestamp(row.created_at),
        updated_at=timestamp(row.updated_at),
        default_policy_violation_strategy=strategy,
        policy_allowed_hostnames=row.policy_allowed_hostnames,
        prevent_implicit_workflow_creation=row.prevent_implicit_workflow_creation,
        restrict_contract_creation_to_org_admins=row.restrict_contract_creation_to_org_admins,
        api_token_max_days_inactive=row.api_token_max_days_inactive,
        enable_ai_agent_collector=row.enable_ai_agent_collector,
        block_attestations_on_released_versions=row.block_attestations_on_released_versions,
        skip_runner_env_vars=row.skip_runner_env_vars,
    )


def membership(details: MembershipDetails) -> organization_pb2.OrgMembershipItem:
    """A membership with its organization and person."""
    row = details.membership
    return organization_pb2.OrgMembershipItem(
        id=str(row.id),
        org=organization(details.organization),
        current=row.current,
        created_at=timestamp(row.created_at),
        updated_at=timestamp(row.updated_at),
        role=ROLES[Role(row.role)],
        user=user(details.user),
    )
