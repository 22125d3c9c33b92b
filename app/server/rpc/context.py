"""ContextService."""

from app.proto.controlplane.v1 import context_pb2, context_pb2_grpc, organization_pb2
from app.server.core.organizations import ReadOrganization, read_context
from app.server.core.principals import Actor, FederatedActor
from app.server.rpc import messages
from app.server.rpc.interceptor import Context, Run

_Result = context_pb2.ContextServiceCurrentResponse.Result


class ContextService(context_pb2_grpc.ContextServiceServicer):
    """Who calls and where."""

    def __init__(self, run: Run, read_organization: ReadOrganization) -> None:
        self._run = run
        self._read_organization = read_organization

    async def Current(
        self, request: context_pb2.ContextServiceCurrentRequest, context: Context
    ) -> context_pb2.ContextServiceCurrentResponse:
        """Under an API token, and for a person without an organization, there is no membership.

        A CI job is no user: it gets the organization that trusts it, as a membership without a role.
        """
        return context_pb2.ContextServiceCurrentResponse(result=await self._run(self._result))

    def _result(self, actor: Actor) -> _Result:
        if isinstance(actor, FederatedActor):
            organization = messages.organization(self._read_organization.do(actor))
            return _Result(current_membership=organization_pb2.OrgMembershipItem(org=organization))
        user, found = read_context(actor)
        membership = messages.membership(found) if found else None
        return _Result(current_user=messages.user(user), current_membership=membership)
