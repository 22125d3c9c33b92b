"""What each gRPC method is asked, aimed at an organization. A method without a row fails the test."""

from collections.abc import Callable, Mapping, Sequence
from uuid import uuid4

from google.protobuf.message import Message

from app.proto.controlplane.v1 import api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2
from app.proto.controlplane.v1.shared_pb2 import IdentityReference
from tests.tenants.tenants import Tenant

Ask = Callable[[Tenant], Sequence[Message]]
# They hold no data of anybody's.
OPEN = (
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
)


def _projects(at: Tenant) -> tuple[IdentityReference, IdentityReference]:
    return IdentityReference(id=at.project[0]), IdentityReference(name=at.project[1])


def _create(at: Tenant) -> Sequence[Message]:
    request = api_token_pb2.APITokenServiceCreateRequest
    inside = [request(name=f"x-{uuid4().hex}", project_reference=ref) for ref in _projects(at)]
    return [request(name=f"x-{uuid4().hex}"), *inside]


def _list(at: Tenant) -> Sequence[Message]:
    request = api_token_pb2.APITokenServiceListRequest
    return [request(include_revoked=True), *(request(project=ref) for ref in _projects(at))]


def _revoke(at: Tenant) -> Sequence[Message]:
    ids = [at.tokens[f"{scope} acted on"] for scope in ("organization token", "project token")]
    return [api_token_pb2.APITokenServiceRevokeRequest(id=id) for id in ids]


def _select(at: Tenant) -> Sequence[Message]:
    ids = [one.membership_id for one in at.staff.values()]
    return [user_pb2.SetCurrentMembershipRequest(membership_id=id) for id in ids]


def _update(at: Tenant) -> Sequence[Message]:
    return [organization_pb2.OrganizationServiceUpdateRequest(name=at.name, api_token_max_days_inactive=7)]


ROWS: Mapping[str, Ask] = {
    "/controlplane.v1.StatusService/Infoz": lambda _: [status_pb2.InfozRequest()],
    "/controlplane.v1.StatusService/Statusz": lambda _: [status_pb2.StatuszRequest(readiness=True)],
    "/controlplane.v1.ContextService/Current": lambda _: [context_pb2.ContextServiceCurrentRequest()],
    "/controlplane.v1.UserService/ListMemberships": lambda _: [user_pb2.UserServiceListMembershipsRequest()],
    "/controlplane.v1.UserService/SetCurrentMembership": _select,
    "/controlplane.v1.OrganizationService/Create": lambda _: [
        organization_pb2.OrganizationServiceCreateRequest(name="Not-A-Name")
    ],
    "/controlplane.v1.OrganizationService/Update": _update,
    "/controlplane.v1.APITokenService/Create": _create,
    "/controlplane.v1.APITokenService/List": _list,
    "/controlplane.v1.APITokenService/Revoke": _revoke,
}
