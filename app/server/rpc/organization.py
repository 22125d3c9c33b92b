"""OrganizationService."""

from app.proto.controlplane.v1 import organization_pb2, organization_pb2_grpc
from app.server.core.organizations import CreateOrganization, Settings, UpdateOrganization
from app.server.rpc import messages
from app.server.rpc.interceptor import Context, Run

_OPTIONAL = (
    "api_token_max_days_inactive",
    "block_on_policy_violation",
    "prevent_implicit_workflow_creation",
    "restrict_contract_creation_to_org_admins",
    "enable_ai_agent_collector",
    "block_attestations_on_released_versions",
    "skip_runner_env_vars",
)


class OrganizationService(organization_pb2_grpc.OrganizationServiceServicer):
    """Organizations that people make, and the settings of the one in use."""

    def __init__(self, run: Run, create: CreateOrganization, update: UpdateOrganization) -> None:
        self._run = run
        self._create = create
        self._update = update

    async def Create(
        self, request: organization_pb2.OrganizationServiceCreateRequest, context: Context
    ) -> organization_pb2.OrganizationServiceCreateResponse:
        """Create an organization that belongs to whoever calls."""
        row = await self._run(self._create.do, request.name)
        return organization_pb2.OrganizationServiceCreateResponse(result=messages.organization(row))

    async def Update(
        self, request: organization_pb2.OrganizationServiceUpdateRequest, context: Context
    ) -> organization_pb2.OrganizationServiceUpdateResponse:
        """Change what the request carries, nothing else."""
        given = {name: getattr(request, name) for name in _OPTIONAL if request.HasField(name)}
        if request.update_policies_allowed_hostnames:
            given["policy_allowed_hostnames"] = list(request.policies_allowed_hostnames)
        row = await self._run(self._update.do, request.name, Settings(**given))
        return organization_pb2.OrganizationServiceUpdateResponse(result=messages.organization(row))
