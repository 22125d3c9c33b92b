"""The calls of the Chainloop control plane (package controlplane.v1). Importing this imports gRPC."""

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any

# The C core prints to file descriptor 2, which is the screen. It reads this at import.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from app.adapters.chainloop import mapping
from app.adapters.chainloop.errors import translated
from app.adapters.http import tls
from app.domain.credentials import Endpoint
from app.domain.errors import BadReply, Failed
from app.domain.organizations import Context, Membership, Organization
from app.domain.server_info import ServerInfo
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft
from app.oidc.proxies import Proxy, name_proxy, proxy_for
from app.proto.controlplane.v1 import (
    api_token_pb2,
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

Metadata = tuple[tuple[str, str], ...]

_READS = {
    "StatusService": ("Infoz",),
    "ContextService": ("Current",),
    "UserService": ("ListMemberships",),
    "APITokenService": ("List",),
}
# Only reads are repeated, and only when nobody answered or there were too many requests. gRPC adds the jitter
# and waits as long as the server asks in grpc-retry-pushback-ms (gRFC A6).
_SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [
                    {"service": f"controlplane.v1.{service}", "method": method}
                    for service, methods in _READS.items()
                    for method in methods
                ],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.2s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
                },
            }
        ]
    }
)


class Channels:
    """One channel an endpoint. A channel belongs to the event loop that made it."""

    def __init__(self, max_receive: int, timeout: float) -> None:
        self._max_receive = max_receive
        self._timeout = timeout
        self._wires: dict[tuple[str, bool, str], tuple[asyncio.AbstractEventLoop, Wire]] = {}

    def wire(self, endpoint: Endpoint) -> "Wire":
        """The connection to `endpoint`; must be called inside the running loop."""
        key = (endpoint.address, endpoint.insecure, endpoint.ca)
        loop = asyncio.get_running_loop()
        made = self._wires.get(key)
        if made is None or made[0] is not loop:
            made = (loop, Wire(self._channel(endpoint), endpoint, self._timeout))
            self._wires[key] = made
        return made[1]

    async def aclose(self) -> None:
        """Close the channels of this loop."""
        wires, self._wires = self._wires, {}
        for loop, wire in wires.values():
            if loop is asyncio.get_running_loop():
                await wire.aclose()

    def _channel(self, endpoint: Endpoint) -> grpc.aio.Channel:
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", self._max_receive),
            ("grpc.service_config", _SERVICE_CONFIG),
            ("grpc.service_config_disable_resolution", 1),
            # The standard back-off grows to two minutes, in which "retry" would do nothing.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.primary_user_agent", "loopin"),
        ]
        proxy = proxy_of(endpoint)
        options.append(("grpc.http_proxy", proxy.url) if proxy else ("grpc.enable_http_proxy", 0))
        if endpoint.insecure:
            return grpc.aio.insecure_channel(endpoint.address, options=options)
        credentials = grpc.ssl_channel_credentials(root_certificates=tls.roots(endpoint.ca))
        return grpc.aio.secure_channel(endpoint.address, credentials, options=options)


def proxy_of(endpoint: Endpoint) -> Proxy | None:
    """The proxy on the way; raise Unreachable where gRPC cannot use it."""
    return proxy_for(f"{'http' if endpoint.insecure else 'https'}://{endpoint.address}", grpc=True)


def _stub(kind: Any, channel: grpc.aio.Channel) -> Any:
    """Generated stubs have no types."""
    return kind(channel)


class Wire:
    """The calls on one channel, in domain values."""

    def __init__(self, channel: grpc.aio.Channel, endpoint: Endpoint, timeout: float) -> None:
        self._channel = channel
        self._endpoint = endpoint
        self._timeout = timeout
        self._status = _stub(status_pb2_grpc.StatusServiceStub, channel)
        self._context = _stub(context_pb2_grpc.ContextServiceStub, channel)
        self._user = _stub(user_pb2_grpc.UserServiceStub, channel)
        self._organization = _stub(organization_pb2_grpc.OrganizationServiceStub, channel)
        self._tokens = _stub(api_token_pb2_grpc.APITokenServiceStub, channel)
        # Undecoded: gRPC would decode 100,000 tokens at once, and the screen would stand still.
        self._list: Any = channel.unary_unary(
            "/controlplane.v1.APITokenService/List",
            request_serializer=api_token_pb2.APITokenServiceListRequest.SerializeToString,
        )

    def connect(self) -> None:
        """Begin to connect; the first call would."""
        self._channel.get_state(try_to_connect=True)

    async def aclose(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def server_info(self) -> ServerInfo:
        """Infoz."""
        return mapping.server_info(await self._call(self._status.Infoz, status_pb2.InfozRequest(), ()))

    async def current(self, metadata: Metadata) -> Context:
        """Current."""
        request = context_pb2.ContextServiceCurrentRequest()
        return mapping.context((await self._call(self._context.Current, request, metadata)).result)

    async def memberships(self, metadata: Metadata) -> Sequence[Membership]:
        """ListMemberships."""
        request = user_pb2.UserServiceListMembershipsRequest()
        answer = await self._call(self._user.ListMemberships, request, metadata)
        return tuple(mapping.membership(item) for item in answer.result)

    async def select_membership(self, metadata: Metadata, membership_id: str) -> Membership:
        """SetCurrentMembership."""
        request = user_pb2.SetCurrentMembershipRequest(membership_id=membership_id)
        lost = "it may be your current organization all the same: look at the list"
        answer = await self._call(self._user.SetCurrentMembership, request, metadata, lost)
        return mapping.membership(answer.result)

    async def create_organization(self, metadata: Metadata, name: str) -> Organization:
        """Create; an answer that got lost may hide an organization that exists."""
        request = organization_pb2.OrganizationServiceCreateRequest(name=name)
        lost = "it may exist all the same: look at the list"
        answer = await self._call(self._organization.Create, request, metadata, lost)
        return mapping.organization(answer.result)

    async def set_threshold(self, metadata: Metadata, organization: str, days: int) -> Organization:
        """Update; 0 is sent as 0, which is not the same as absent."""
        request = organization_pb2.OrganizationServiceUpdateRequest(
            name=organization, api_token_max_days_inactive=days
        )
        lost = "the threshold may be changed all the same: look at it again"
        answer = await self._call(self._organization.Update, request, metadata, lost)
        return mapping.organization(answer.result)

    async def list_tokens(
        self, metadata: Metadata, status: StatusFilter, scope: ScopeFilter, project: str
    ) -> Sequence[APIToken]:
        """List."""
        request = mapping.list_request(status, scope, project)
        try:
            return await mapping.listed(await self._call(self._list, request, metadata))
        except DecodeError:
            raise self._unreadable() from None

    async def create_token(self, metadata: Metadata, draft: TokenDraft) -> CreatedToken:
        """Create; an answer that got lost may hide a token that exists."""
        request = mapping.create_request(draft)
        lost = f"the token {draft.name} may exist all the same: look at the list"
        answer = await self._call(self._tokens.Create, request, metadata, lost)
        return mapping.created(answer.result)

    async def revoke_token(self, metadata: Metadata, token_id: str) -> None:
        """Revoke."""
        request = api_token_pb2.APITokenServiceRevokeRequest(id=token_id)
        lost = "the token may be revoked all the same: look at the list"
        await self._call(self._tokens.Revoke, request, metadata, lost)

    async def _call(self, method: Any, request: Any, metadata: Metadata, lost: str = "") -> Any:
        """Call once; `lost` is the next step when the call may have worked although no answer came."""
        try:
            answer = await method(request, metadata=metadata, timeout=self._timeout)
        except grpc.aio.AioRpcError as error:
            failure = translated(error, self._endpoint, self._timeout, lost)
            raise name_proxy(failure, proxy_of(self._endpoint)) from None
        except grpc.aio.UsageError:
            raise Failed("the connection was closed", hint="try again") from None
        if answer is None:
            raise self._unreadable(lost)
        return answer

    def _unreadable(self, lost: str = "") -> BadReply:
        return BadReply(
            f"{self._endpoint.address} sent an answer that cannot be read",
            hint=lost or "check that the address is a Chainloop control plane",
        )
