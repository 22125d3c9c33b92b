"""APITokenService."""

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from app.domain.errors import InvalidInput
from app.domain.tokens import ScopeFilter, StatusFilter
from app.proto.controlplane.v1 import api_token_pb2 as pb
from app.proto.controlplane.v1 import api_token_pb2_grpc
from app.server.core.principals import Actor
from app.server.core.tokens import LIFE, MAX_LIFE, CreateToken, ListTokens, ProjectRef, RevokeToken, Wish
from app.server.rpc import messages
from app.server.rpc.interceptor import Context, Run

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
# How many tokens are encoded at a time: less than a millisecond's work.
_PIECE = 200


class APITokenService(api_token_pb2_grpc.APITokenServiceServicer):
    """API tokens of an organization and its projects."""

    def __init__(self, run: Run, create: CreateToken, listing: ListTokens, revoke: RevokeToken) -> None:
        self._run = run
        self._create = create
        self._list = listing
        self._revoke = revoke

    async def Create(
        self, request: pb.APITokenServiceCreateRequest, context: Context
    ) -> pb.APITokenServiceCreateResponse:
        """Create a token; its JWT is in this answer and nowhere else."""
        project = request.project_reference if request.HasField("project_reference") else None
        wish = Wish(
            name=request.name,
            description=request.description,
            expires_in=_life(request.expires_in) if request.HasField("expires_in") else None,
            project=messages.project_ref(project) if project is not None else None,
            permissions=tuple(request.permissions),
        )
        created, jwt = await self._run(self._create.do, wish)
        (item,) = messages.token_items(created, created.rows)
        return pb.APITokenServiceCreateResponse(
            result=pb.APITokenServiceCreateResponse.APITokenFull(item=item, jwt=jwt)
        )

    async def List(self, request: pb.APITokenServiceListRequest, context: Context) -> bytes:
        """Everything that fits the filters, oldest first, in one message."""
        if request.scope not in _SCOPES or request.status_filter not in _STATUSES:
            raise InvalidInput("invalid filter")
        # `include_revoked` has no effect, as at the vendor's server: the filter says it all.
        status, scope = _STATUSES[request.status_filter], _SCOPES[request.scope]
        project = messages.project_ref(request.project) if request.HasField("project") else None
        return await self._run(self._encoded_list, status, scope, project)

    def _encoded_list(
        self, actor: Actor, status: StatusFilter, scope: ScopeFilter, project: ProjectRef | None
    ) -> bytes:
        listing = self._list.do(actor, status, scope, project)
        # In pieces: encoding holds the interpreter, which others need. Encoded messages that follow each
        # other are one message with all that they hold.
        pieces = (listing.rows[start : start + _PIECE] for start in range(0, len(listing.rows), _PIECE))
        return b"".join(
            pb.APITokenServiceListResponse(result=messages.token_items(listing, rows)).SerializeToString()
            for rows in pieces
        )

    async def Revoke(
        self, request: pb.APITokenServiceRevokeRequest, context: Context
    ) -> pb.APITokenServiceRevokeResponse:
        """Revoke one token; there is no way back."""
        await self._run(self._revoke.do, request.id)
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
