"""The servicers: each method translates a request, calls one service of `core`, and translates back."""

from datetime import timedelta
from typing import Any

from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health, health_pb2

import app
from app.domain.errors import InvalidInput, Unreachable
from app.domain.server_info import KEYLESS, SIGN_OUT, TOKEN_PERMISSIONS
from app.domain.tokens import ScopeFilter, StatusFilter
from app.proto.controlplane.v1 import api_token_pb2 as pb
from app.proto.controlplane.v1 import (
    api_token_pb2_grpc,
    context_pb2,
    context_pb2_grpc,
    organization_pb2,
    organization_pb2_grpc,
    status_pb2,
    status_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from app.server.core.api_tokens import (
    EXPIRES_IN_INVALID,
    MAX_EXPIRES_IN,
    APITokens,
    CreateTokenRequest,
    ProjectReference,
)
from app.server.core.monitoring import Readiness
from app.server.core.organizations import Organizations, OrganizationSettings, read_context
from app.server.core.principals import JobPrincipal, Principal
from app.server.rpc import messages
from app.server.rpc.interceptor import Context, RunForCaller
from app.server.settings import ServerSettings

CAPABILITIES = (TOKEN_PERMISSIONS, SIGN_OUT, KEYLESS)
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
_ENCODE_BATCH = 200
_OPTIONAL_SETTINGS = (
    "api_token_max_days_inactive",
    "block_on_policy_violation",
    "prevent_implicit_workflow_creation",
    "restrict_contract_creation_to_org_admins",
    "enable_ai_agent_collector",
    "block_attestations_on_released_versions",
    "skip_runner_env_vars",
)
_SERVING = health_pb2.HealthCheckResponse.SERVING
_CurrentResult = context_pb2.ContextServiceCurrentResponse.Result


class APITokenService(api_token_pb2_grpc.APITokenServiceServicer):
    """API tokens of an organization and its projects."""

    def __init__(self, run: RunForCaller, api_tokens: APITokens) -> None:
        self._run = run
        self._api_tokens = api_tokens

    async def Create(
        self, request: pb.APITokenServiceCreateRequest, context: Context
    ) -> pb.APITokenServiceCreateResponse:
        """Create a token; its JWT is in this answer and nowhere else."""
        project = request.project_reference if request.HasField("project_reference") else None
        create_request = CreateTokenRequest(
            name=request.name,
            description=request.description,
            expires_in=_read_expires_in(request.expires_in) if request.HasField("expires_in") else None,
            project=messages.project_reference(project) if project is not None else None,
            permissions=tuple(request.permissions),
        )
        created, jwt = await self._run(self._api_tokens.create_token, create_request)
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
        project = messages.project_reference(request.project) if request.HasField("project") else None
        return await self._run(self._encode_list, status, scope, project)

    async def Revoke(
        self, request: pb.APITokenServiceRevokeRequest, context: Context
    ) -> pb.APITokenServiceRevokeResponse:
        """Revoke one token; there is no way back."""
        await self._run(self._api_tokens.revoke_token, request.id)
        return pb.APITokenServiceRevokeResponse()

    def _encode_list(
        self, principal: Principal, status: StatusFilter, scope: ScopeFilter, project: ProjectReference | None
    ) -> bytes:
        tokens = self._api_tokens.list_tokens(principal, status, scope, project)
        # In batches: encoding holds the interpreter, which others need. Encoded messages that follow each
        # other are one message with all that they hold.
        starts = range(0, len(tokens.rows), _ENCODE_BATCH)
        batches = (tokens.rows[start : start + _ENCODE_BATCH] for start in starts)
        return b"".join(
            pb.APITokenServiceListResponse(result=messages.token_items(tokens, rows)).SerializeToString()
            for rows in batches
        )


def _read_expires_in(value: Duration) -> timedelta | None:
    """None, for ever, is what nothing and a duration of 0 mean."""
    # A duration may hold 10,000 years, a timedelta and a date may not.
    if not 0 <= value.seconds <= MAX_EXPIRES_IN.total_seconds():
        raise InvalidInput(EXPIRES_IN_INVALID)
    if not (value.seconds or value.nanos):
        return None
    # A database and a calendar have no finer parts than microseconds.
    return max(timedelta(seconds=value.seconds, microseconds=value.nanos // 1000), timedelta.resolution)


class ContextService(context_pb2_grpc.ContextServiceServicer):
    """Who calls and where."""

    def __init__(self, run: RunForCaller, organizations: Organizations) -> None:
        self._run = run
        self._organizations = organizations

    async def Current(
        self, request: context_pb2.ContextServiceCurrentRequest, context: Context
    ) -> context_pb2.ContextServiceCurrentResponse:
        """Under an API token, and for a person without an organization, there is no membership.

        A CI job is no user: it gets the organization that trusts it, as a membership without a role.
        """
        return context_pb2.ContextServiceCurrentResponse(result=await self._run(self._describe))

    def _describe(self, principal: Principal) -> _CurrentResult:
        if isinstance(principal, JobPrincipal):
            organization = messages.organization(self._organizations.read_organization(principal))
            return _CurrentResult(current_membership=organization_pb2.OrgMembershipItem(org=organization))
        user, details = read_context(principal)
        membership = messages.membership(details) if details else None
        return _CurrentResult(current_user=messages.user(user), current_membership=membership)


class UserService(user_pb2_grpc.UserServiceServicer):
    """A person's memberships."""

    def __init__(self, run: RunForCaller, organizations: Organizations) -> None:
        self._run = run
        self._organizations = organizations

    async def ListMemberships(
        self, request: user_pb2.UserServiceListMembershipsRequest, context: Context
    ) -> user_pb2.UserServiceListMembershipsResponse:
        """Every organization of the person."""
        memberships = await self._run(self._organizations.list_memberships)
        items = [messages.membership(details) for details in memberships]
        return user_pb2.UserServiceListMembershipsResponse(result=items)

    async def SetCurrentMembership(
        self, request: user_pb2.SetCurrentMembershipRequest, context: Context
    ) -> user_pb2.SetCurrentMembershipResponse:
        """Choose the organization that calls without a name are about."""
        details = await self._run(self._organizations.select_membership, request.membership_id)
        return user_pb2.SetCurrentMembershipResponse(result=messages.membership(details))


class OrganizationService(organization_pb2_grpc.OrganizationServiceServicer):
    """Organizations that people create, and the settings of the one in use."""

    def __init__(self, run: RunForCaller, organizations: Organizations) -> None:
        self._run = run
        self._organizations = organizations

    async def Create(
        self, request: organization_pb2.OrganizationServiceCreateRequest, context: Context
    ) -> organization_pb2.OrganizationServiceCreateResponse:
        """Create an organization that belongs to the caller."""
        row = await self._run(self._organizations.create_organization, request.name)
        return organization_pb2.OrganizationServiceCreateResponse(result=messages.organization(row))

    async def Update(
        self, request: organization_pb2.OrganizationServiceUpdateRequest, context: Context
    ) -> organization_pb2.OrganizationServiceUpdateResponse:
        """Change what the request carries, nothing else."""
        given = {name: getattr(request, name) for name in _OPTIONAL_SETTINGS if request.HasField(name)}
        if request.update_policies_allowed_hostnames:
            given["policy_allowed_hostnames"] = list(request.policies_allowed_hostnames)
        row = await self._run(
            self._organizations.update_organization, request.name, OrganizationSettings(**given)
        )
        return organization_pb2.OrganizationServiceUpdateResponse(result=messages.organization(row))


class HealthService(health.aio.HealthServicer):
    """grpc.health.v1: SERVING while the database can be used, as /readyz says it.

    Check asks the database as well. A watch tells of the stop only.
    """

    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self._readiness = readiness

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> Any:
        """NOT_FOUND for a service that there is none of."""
        answer = await super().Check(request, context)
        if answer.status == _SERVING and not await self._readiness.ready():
            return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)
        return answer


class StatusService(status_pb2_grpc.StatusServiceServicer):
    """What this server is and whether it is well. No sign-in is needed.

    `public_url` is where browsers reach the HTTP side.
    """

    def __init__(self, readiness: Readiness, settings: ServerSettings, public_url: str) -> None:
        self._readiness = readiness
        self._settings = settings
        self._public_url = public_url

    async def Infoz(self, request: status_pb2.InfozRequest, context: Context) -> status_pb2.InfozResponse:
        """Name the sign-in page, the version and what this server can do beyond the vendor's."""
        return status_pb2.InfozResponse(
            login_url=f"{self._public_url}/auth/login",
            version=app.__version__,
            restricted_org_creation=not self._settings.organization_creation,
            ui_dashboard_url=self._settings.dashboard_url,
            capabilities=CAPABILITIES,
        )

    async def Statusz(
        self, request: status_pb2.StatuszRequest, context: Context
    ) -> status_pb2.StatuszResponse:
        """Answer when alive; with `readiness`, only while requests can be served and should come here."""
        if request.readiness and not await self._readiness.ready():
            raise Unreachable("the server is not ready")
        return status_pb2.StatuszResponse()
