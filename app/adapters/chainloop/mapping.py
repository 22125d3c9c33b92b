"""Protobuf messages of the control plane, as values of the domain and back."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from app.domain.errors import BadReply
from app.domain.gc_pause import pause_gc
from app.domain.organizations import (
    CASBackend,
    Context,
    Membership,
    Organization,
    OrganizationSettings,
    Person,
    Role,
)
from app.domain.secret import Secret
from app.domain.server_info import ServerInfo
from app.domain.tokens import APIToken, CreatedToken, Project, ScopeFilter, StatusFilter, TokenDraft
from app.proto.controlplane.v1 import api_token_pb2, context_pb2, organization_pb2, shared_pb2, status_pb2

T = TypeVar("T")


class Same(Protocol):
    """Gives back a value equal to the one it gets."""

    def __call__(self, value: T) -> T: ...


SLICE = 500
"""How many tokens are mapped before other work gets its turn: about 5 ms."""

_DELIMITED = 2
LEAST = 200
"""About as many bytes as a token has at least."""

THINNEST, FEW = 40, 10_000
"""Over FEW tokens, an answer has THINNEST bytes for each: an id alone has 36. Two bytes make an empty one,
which is how a small answer could fill the memory."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_List = api_token_pb2.APITokenServiceListRequest
_STATUS = {
    StatusFilter.ACTIVE: _List.STATUS_FILTER_ACTIVE,
    StatusFilter.REVOKED: _List.STATUS_FILTER_REVOKED,
    StatusFilter.ALL: _List.STATUS_FILTER_ALL,
}
_SCOPE = {
    ScopeFilter.ANY: _List.SCOPE_UNSPECIFIED,
    ScopeFilter.PROJECT: _List.SCOPE_PROJECT,
    ScopeFilter.GLOBAL: _List.SCOPE_GLOBAL,
}
_ROLES = {
    organization_pb2.MEMBERSHIP_ROLE_ORG_OWNER: Role.OWNER,
    organization_pb2.MEMBERSHIP_ROLE_ORG_ADMIN: Role.ADMIN,
    organization_pb2.MEMBERSHIP_ROLE_ORG_MEMBER: Role.MEMBER,
    organization_pb2.MEMBERSHIP_ROLE_ORG_CONTRIBUTOR: Role.CONTRIBUTOR,
    organization_pb2.MEMBERSHIP_ROLE_ORG_VIEWER: Role.VIEWER,
}
_VALID = {
    context_pb2.CASBackendItem.VALIDATION_STATUS_OK: True,
    context_pb2.CASBackendItem.VALIDATION_STATUS_INVALID: False,
}


def moment(stamp: Timestamp) -> datetime:
    """An aware moment; what no calendar holds becomes the first or the last moment that one does."""
    try:
        return _EPOCH + timedelta(0, stamp.seconds, stamp.nanos // 1000)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC) if stamp.seconds > 0 else datetime.min.replace(tzinfo=UTC)


def server_info(answer: status_pb2.InfozResponse) -> ServerInfo:
    """Infoz."""
    return ServerInfo(
        answer.login_url,
        answer.version,
        answer.ui_dashboard_url,
        frozenset(answer.capabilities),
        answer.restricted_org_creation,
    )


def context(result: context_pb2.ContextServiceCurrentResponse.Result) -> Context:
    """Current."""
    return Context(
        person(result.current_user) if result.HasField("current_user") else None,
        membership(result.current_membership) if result.HasField("current_membership") else None,
        cas_backend(result.current_cas_backend) if result.HasField("current_cas_backend") else None,
    )


def cas_backend(item: context_pb2.CASBackendItem) -> CASBackend:
    """Where the organization stores artifacts."""
    return CASBackend(
        id=item.id,
        name=item.name,
        location=item.location,
        description=item.description,
        provider=item.provider,
        default=item.default,
        fallback=item.fallback,
        inline=item.is_inline,
        max_bytes=item.limits.max_bytes if item.HasField("limits") else None,
        valid=_VALID.get(item.validation_status),
        problem=item.validation_error if item.HasField("validation_error") else None,
        created_at=moment(item.created_at) if item.HasField("created_at") else None,
        validated_at=moment(item.validated_at) if item.HasField("validated_at") else None,
    )


def person(user: organization_pb2.User) -> Person:
    """A user, or what stands for one under an API token."""
    return Person(
        user.id,
        user.email,
        user.first_name,
        user.last_name,
        moment(user.created_at) if user.HasField("created_at") else None,
        user.instance_admin,
    )


def membership(item: organization_pb2.OrgMembershipItem) -> Membership:
    """A person's place in an organization."""
    return Membership(
        item.id,
        organization(item.org),
        _ROLES.get(item.role, Role.UNKNOWN),
        item.current,
        moment(item.created_at) if item.HasField("created_at") else None,
        moment(item.updated_at) if item.HasField("updated_at") else None,
        person(item.user) if item.HasField("user") else None,
    )


def organization(item: organization_pb2.OrgItem) -> Organization:
    """An organization; a threshold that is absent means off."""
    return Organization(
        item.id,
        item.name,
        moment(item.created_at) if item.HasField("created_at") else None,
        item.api_token_max_days_inactive,
        _settings(item),
    )


def _settings(item: organization_pb2.OrgItem) -> OrganizationSettings:
    strategy = item.default_policy_violation_strategy
    return OrganizationSettings(
        strategy == organization_pb2.OrgItem.POLICY_VIOLATION_BLOCKING_STRATEGY_BLOCK,
        tuple(item.policy_allowed_hostnames),
        item.prevent_implicit_workflow_creation,
        item.enable_ai_agent_collector,
        item.block_attestations_on_released_versions,
        item.skip_runner_env_vars,
    )


def list_request(
    status: StatusFilter, scope: ScopeFilter, project: str
) -> api_token_pb2.APITokenServiceListRequest:
    """List."""
    return _List(status_filter=_STATUS[status], scope=_SCOPE[scope], project=_reference(project))


def create_request(draft: TokenDraft) -> api_token_pb2.APITokenServiceCreateRequest:
    """Create; what was not asked for is left out."""
    request = api_token_pb2.APITokenServiceCreateRequest(
        name=draft.name,
        description=draft.description or None,
        project_reference=_reference(draft.project),
        permissions=draft.permissions,
    )
    if draft.expires_in is not None:
        request.expires_in.FromTimedelta(draft.expires_in)
    return request


def _reference(project: str) -> shared_pb2.IdentityReference | None:
    return shared_pb2.IdentityReference(name=project) if project else None


async def read_token_list(answer: bytes) -> Sequence[APIToken]:
    """Decode and map a List in slices: 100,000 tokens take a second.

    Raise DecodeError, or BadReply for more tokens than such an answer can hold.
    """
    mapped: list[APIToken] = []
    known: dict[Any, Any] = {}

    def intern(value: T) -> T:
        # What many tokens have in common comes with each of them: one copy is enough.
        first: T = known.setdefault(value, value)
        return first

    with pause_gc(len(answer) // LEAST):
        for piece in split_message(answer, SLICE):
            items = api_token_pb2.APITokenServiceListResponse.FromString(piece).result
            mapped.extend(token(item, intern) for item in items)
            if len(mapped) > FEW and len(mapped) * THINNEST > len(answer):
                raise BadReply("the list is full of tokens that are none", hint="check the address")
            await asyncio.sleep(0)
    return tuple(mapped)


def split_message(message: bytes, size: int) -> Iterator[bytes]:
    """Cut an encoded message after every `size` of its fields.

    Each piece is a message, and together they are the whole one (protobuf encoding, "Last One Wins": the
    parts of a repeated field are joined). What is no length-delimited field with a small number, or ends
    too early, stays in one piece with all that follows.
    """
    start = at = count = 0
    try:
        while at < len(message):
            if message[at] & 0x87 != _DELIMITED:
                break
            at, length = _varint(message, at + 1)
            at, count = at + length, count + 1
            if count == size:
                yield message[start:at]
                start, count = at, 0
    except IndexError:
        pass
    if start < len(message):
        yield message[start:]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The place after the number that begins at `at`, and the number."""
    value = shift = 0
    while True:
        byte = message[at]
        at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            return at, value


def _as_it_is(value: T) -> T:
    return value


def token(item: api_token_pb2.APITokenItem, same: Same = _as_it_is) -> APIToken:
    """One API token; `same` may give back an equal value that is there already."""
    return APIToken(
        item.id,
        item.name,
        item.description,
        same(item.organization_id),
        same(item.organization_name),
        moment(item.created_at),
        moment(item.expires_at) if item.HasField("expires_at") else None,
        moment(item.revoked_at) if item.HasField("revoked_at") else None,
        moment(item.last_used_at) if item.HasField("last_used_at") else None,
        same(_project(item)),
        same(tuple(item.permissions)),
        same(item.parent_id),
    )


def _project(item: api_token_pb2.APITokenItem) -> Project | None:
    entity = item.scoped_entity
    return Project(entity.id, entity.name) if item.HasField("scoped_entity") and entity.id else None


def created(full: api_token_pb2.APITokenServiceCreateResponse.APITokenFull) -> CreatedToken:
    """A new token; raise BadReply when the answer lacks its secret."""
    if not full.jwt:
        raise BadReply("the answer carries no token", hint="it may exist all the same: look at the list")
    return CreatedToken(token(full.item), Secret(full.jwt))
