"""ContextService."""

import grpc

from app.proto.controlplane.v1 import context_pb2, context_pb2_grpc, organization_pb2
from app.server.database.models import Organization
from app.server.rpc import messages
from app.server.rpc.calls import current_actor
from app.server.usecases.actors import FederatedActor
from app.server.usecases.organizations import ReadContext, ReadOrganization


class ContextService(context_pb2_grpc.ContextServiceServicer):
    """Who calls and where."""

    def __init__(self, read: ReadContext, read_organization: ReadOrganization) -> None:
        self._read = read
        self._read_organization = read_organization

    def Current(
        self, request: context_pb2.ContextServiceCurrentRequest, context: grpc.ServicerContext
    ) -> context_pb2.ContextServiceCurrentResponse:
        """Under an API token, and for a person without an organization, there is no membership.

        A CI job is no user: it gets the organization that trusts it, as a membership without a role.
        """
        actor = current_actor()
        if isinstance(actor, FederatedActor):
            return _of_job(self._read_organization.do(actor))
        user, found = self._read.do(actor)
        result = context_pb2.ContextServiceCurrentResponse.Result(
            current_user=messages.user(user),
            current_membership=messages.membership(found) if found else None,
        )
        return context_pb2.ContextServiceCurrentResponse(result=result)


def _of_job(row: Organization) -> context_pb2.ContextServiceCurrentResponse:
    membership = organization_pb2.OrgMembershipItem(org=messages.organization(row))
    result = context_pb2.ContextServiceCurrentResponse.Result(current_membership=membership)
    return context_pb2.ContextServiceCurrentResponse(result=result)
