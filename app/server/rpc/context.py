"""ContextService."""

import grpc

from app.proto.controlplane.v1 import context_pb2, context_pb2_grpc
from app.server.rpc import messages
from app.server.rpc.calls import current_actor
from app.server.usecases.organizations import ReadContext


class ContextService(context_pb2_grpc.ContextServiceServicer):
    """Who calls and where."""

    def __init__(self, read: ReadContext) -> None:
        self._read = read

    def Current(
        self, request: context_pb2.ContextServiceCurrentRequest, context: grpc.ServicerContext
    ) -> context_pb2.ContextServiceCurrentResponse:
        """Under an API token, and for a person without an organization, there is no membership."""
        user, found = self._read.do(current_actor())
        result = context_pb2.ContextServiceCurrentResponse.Result(
            current_user=messages.user(user),
            current_membership=messages.membership(found) if found else None,
        )
        return context_pb2.ContextServiceCurrentResponse(result=result)
