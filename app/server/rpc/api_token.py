"""APITokenService."""

from datetime import timedelta

import grpc
from google.protobuf.duration_pb2 import Duration

from app.domain.errors import InvalidInput
from app.domain.tokens import ScopeFilter, StatusFilter
from app.proto.controlplane.v1 import api_token_pb2 as pb
from app.proto.controlplane.v1 import api_token_pb2_grpc
from app.server.rpc import messages
from app.server.rpc.calls import current_actor
from app.server.usecases.tokens import LIFE, MAX_LIFE, CreateToken, ListTokens, RevokeToken, Wish

_SCOPES = {
    pb.APITokenServiceListRequest.SCOPE_UNSPECIFIED: ScopeFilter.ANY,
    pb.APITokenServiceListRequest.SCOPE_PROJECT: ScopeFilter.PROJECT,
    pb.APITokenServiceListRequest.SCOPE_GLOBAL: ScopeFilter.GLOBAL,
}
_STATUSES = {
    pb.APITokenServiceListRequest.STATUS_FILTER_ACTIVE: StatusFilter.ACTIVE,
    pb.APITokenServiceListRequest.STATUS_FILTER_REVOKED: StatusFilter.REVOKED,
    pb.APITokenServiceListRequest.STATUS_FILTER_ALL: StatusFilter.ALL,
}


class APITokenService(api_token_pb2_grpc.APITokenServiceServicer):
    """API tokens of an organization and its projects."""

    def __init__(self, create: CreateToken, listing: ListTokens, revoke: RevokeToken) -> None:
        self._create = create
        self._list = listing
        self._revoke = revoke

    def Create(
        self, request: pb.APITokenServiceCreateRequest, context: grpc.ServicerContext
    ) -> pb.APITokenServiceCreateResponse:
        """Make a token; its JWT is in this answer and nowhere else."""
        project = request.project_reference if request.HasField("project_reference") else None
        wish = Wish(
            name=request.name,
            description=request.description,
            expires_in=_life(request.expires_in) if request.HasField("expires_in") else None,
            project=messages.project_ref(project) if project is not None else None,
            permissions=tuple(request.permissions),
        )
        made, jwt = self._create.do(current_actor(), wish)
        full = pb.APITokenServiceCreateResponse.APITokenFull(item=messages.token_items(made)[0], jwt=jwt)
        return pb.APITokenServiceCreateResponse(result=full)

    def List(
        self, request: pb.APITokenServiceListRequest, context: grpc.ServicerContext
    ) -> pb.APITokenServiceListResponse:
        """Everything that fits the filters, oldest first, in one message."""
        if request.scope not in _SCOPES or request.status_filter not in _STATUSES:
            raise InvalidInput("invalid filter")
        # `include_revoked` has no effect, as at the vendor's server: the filter says it all.
        status = _STATUSES[request.status_filter]
        project = messages.project_ref(request.project) if request.HasField("project") else None
        found = self._list.do(current_actor(), status, _SCOPES[request.scope], project)
        return pb.APITokenServiceListResponse(result=messages.token_items(found))

    def Revoke(
        self, request: pb.APITokenServiceRevokeRequest, context: grpc.ServicerContext
    ) -> pb.APITokenServiceRevokeResponse:
        """Revoke one token; there is no way back."""
        self._revoke.do(current_actor(), request.id)
        return pb.APITokenServiceRevokeResponse()


def _life(value: Duration) -> timedelta | None:
    """None, for ever, is what nothing and a life of 0 mean."""
    # A duration may hold 10,000 years, a timedelta and a date may not.
    if not 0 <= value.seconds <= MAX_LIFE.total_seconds():
        raise InvalidInput(LIFE)
    if not (value.seconds or value.nanos):
        return None
    # A database and a calendar have no finer parts than microseconds.
    return max(timedelta(seconds=value.seconds, microseconds=value.nanos // 1000), timedelta.resolution)
