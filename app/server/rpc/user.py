"""UserService."""

from app.proto.controlplane.v1 import user_pb2, user_pb2_grpc
from app.server.core.organizations import ListMemberships, SelectMembership
from app.server.rpc import messages
from app.server.rpc.interceptor import Context, Run


class UserService(user_pb2_grpc.UserServiceServicer):
    """A person's memberships."""

    def __init__(self, run: Run, memberships: ListMemberships, select: SelectMembership) -> None:
        self._run = run
        self._memberships = memberships
        self._select = select

    async def ListMemberships(
        self, request: user_pb2.UserServiceListMembershipsRequest, context: Context
    ) -> user_pb2.UserServiceListMembershipsResponse:
        """Every organization of the person."""
        found = await self._run(self._memberships.do)
        return user_pb2.UserServiceListMembershipsResponse(result=[messages.membership(one) for one in found])

    async def SetCurrentMembership(
        self, request: user_pb2.SetCurrentMembershipRequest, context: Context
    ) -> user_pb2.SetCurrentMembershipResponse:
        """Choose the organization that calls without a name are about."""
        found = await self._run(self._select.do, request.membership_id)
        return user_pb2.SetCurrentMembershipResponse(result=messages.membership(found))
