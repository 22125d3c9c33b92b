"""A caller of the gRPC side: one bearer, one organization, every stub."""

from collections.abc import Callable
from typing import Any, cast

import grpc

from app.proto.controlplane.v1 import api_token_pb2 as tokens
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
from tests.support.server import AccountServer

TIMEOUT = 30
LARGE = 64 * 1024 * 1024


class Caller:
    """Calls that read like the protocol; a refusal is a grpc.RpcError."""

    def __init__(
        self, server: AccountServer, bearer: str = "", organization: str = "", limit: int = LARGE
    ) -> None:
        options = [("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", limit)]
        self.channel = grpc.insecure_channel(server.grpc, options)
        pairs = [
            ("authorization", f"Bearer {bearer}" if bearer else ""),
            ("chainloop-organization", organization),
        ]
        self.metadata = [(key, value) for key, value in pairs if value]

    def _call(self, stub: Callable[[grpc.Channel], Any], method: str, request: object) -> Any:
        call = getattr(stub(self.channel), method)
        return call(request, metadata=self.metadata, timeout=TIMEOUT)

    def infoz(self) -> status_pb2.InfozResponse:
        stub = status_pb2_grpc.StatusServiceStub
        return cast("status_pb2.InfozResponse", self._call(stub, "Infoz", status_pb2.InfozRequest()))

    def statusz(self, readiness: bool = False) -> None:
        stub = status_pb2_grpc.StatusServiceStub
        self._call(stub, "Statusz", status_pb2.StatuszRequest(readiness=readiness))

    def current(self) -> context_pb2.ContextServiceCurrentResponse.Result:
        stub = context_pb2_grpc.ContextServiceStub
        answer = self._call(stub, "Current", context_pb2.ContextServiceCurrentRequest())
        return cast("context_pb2.ContextServiceCurrentResponse", answer).result

    def memberships(self) -> list[organization_pb2.OrgMembershipItem]:
        stub = user_pb2_grpc.UserServiceStub
        return list(self._call(stub, "ListMemberships", user_pb2.UserServiceListMembershipsRequest()).result)

    def select(self, membership_id: str) -> organization_pb2.OrgMembershipItem:
        stub = user_pb2_grpc.UserServiceStub
        request = user_pb2.SetCurrentMembershipRequest(membership_id=membership_id)
        answer = self._call(stub, "SetCurrentMembership", request)
        return cast("user_pb2.SetCurrentMembershipResponse", answer).result

    def create_organization(self, name: str) -> organization_pb2.OrgItem:
        stub = organization_pb2_grpc.OrganizationServiceStub
        request = organization_pb2.OrganizationServiceCreateRequest(name=name)
        answer = self._call(stub, "Create", request)
        return cast("organization_pb2.OrganizationServiceCreateResponse", answer).result

    def update(self, name: str, **settings: Any) -> organization_pb2.OrgItem:
        stub = organization_pb2_grpc.OrganizationServiceStub
        request = organization_pb2.OrganizationServiceUpdateRequest(name=name, **settings)
        answer = self._call(stub, "Update", request)
        return cast("organization_pb2.OrganizationServiceUpdateResponse", answer).result

    def create(self, name: str, **fields: Any) -> tokens.APITokenServiceCreateResponse.APITokenFull:
        stub = api_token_pb2_grpc.APITokenServiceStub
        answer = self._call(stub, "Create", tokens.APITokenServiceCreateRequest(name=name, **fields))
        return cast("tokens.APITokenServiceCreateResponse", answer).result

    def list(self, **filters: Any) -> list[tokens.APITokenItem]:
        stub = api_token_pb2_grpc.APITokenServiceStub
        return list(self._call(stub, "List", tokens.APITokenServiceListRequest(**filters)).result)

    def revoke(self, token_id: str) -> None:
        stub = api_token_pb2_grpc.APITokenServiceStub
        self._call(stub, "Revoke", tokens.APITokenServiceRevokeRequest(id=token_id))


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """Make the call; return the name of its status code and the message, ("OK", "") when it went through."""
    try:
        call()
    except grpc.RpcError as error:
        answer = cast("grpc.Call", error)
        return answer.code().name, answer.details() or ""
    return "OK", ""
