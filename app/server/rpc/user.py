"""UserService."""

import grpc

from app.proto.controlplane.v1 import user_pb2, user_pb2_grpc
from app.server.rpc import messages
from app.server.rpc.calls import current_actor
from app.server.usecases.organizations import ListMemberships, SelectMembership


class UserService(user_pb2_grpc.UserServiceServicer):
    """A person's memberships."""

    def __init__(self, memberships: ListMemberships, select: SelectMembership) -> None:
        self._memberships = memberships
        self._select = select

    def ListMemberships(
        self, request: user_pb2.UserServiceListMembershipsRequest, context: grpc.ServicerContext
    ) -> user_pb2.UserServiceListMembershipsResponse:
        """Every organization of the person."""
        found = self._memberships.do(current_actor())
        return user_pb2.UserServiceListMembershipsResponse(result=[messages.membership(one) for one in found])

    def SetCurrentMembership(
        self, request: user_pb2.SetCurrentMembershipRequest, context: grpc.ServicerContext
    ) -> user_pb2.SetCurrentMembershipResponse:
        """Choose the organization that calls without a name are about."""
        found = self._select.do(current_actor(), request.membership_id)
        return user_pb2.SetCurrentMembershipResponse(result=messages.membership(found))
