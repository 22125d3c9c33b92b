"""The Chainloop control plane (package controlplane.v1) over gRPC. Importing this imports gRPC."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

# The C core prints to file descriptor 2, which is the screen. It reads this at import.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from app import __version__
from app.adapters.chainloop import mapping
from app.adapters.chainloop.errors import translate_error
from app.adapters.http import retry, tls
from app.adapters.http.header_values import header_value
from app.domain.credentials import Credential, Endpoint, Method, profile_words
from app.domain.errors import (
    BadReply,
    Failed,
    InvalidInput,
    LoopinError,
    NotFound,
    OrganizationLost,
    PermissionDenied,
    SessionEnded,
    UsageError,
)
from app.domain.organizations import Context, Membership, Organization
from app.domain.read_only import require_writable
from app.domain.rejection import name_of, rejected
from app.domain.server_info import SIGN_OUT, ServerInfo, is_page
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

if TYPE_CHECKING:
    from app.domain.login import EndedThere

Metadata = tuple[tuple[str, str], ...]

_READS = (
    ("StatusService", "Infoz"),
    ("ContextService", "Current"),
    ("UserService", "ListMemberships"),
    ("APITokenService", "List"),
)
READ_METHODS = frozenset(f"/controlplane.v1.{service}/{method}" for service, method in _READS)
# Only reads are repeated, and only when nobody answered or there were too many requests. gRPC adds the jitter
# and waits as long as the server asks in grpc-retry-pushback-ms (gRFC A6).
_SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [
                    {"service": f"controlplane.v1.{service}", "method": method} for service, method in _READS
                ],
                "retryPolicy": {
                    "maxAttempts": retry.ATTEMPTS,
                    "initialBackoff": f"{retry.FIRST_PAUSE}s",
                    "maxBackoff": f"{retry.LONGEST_PAUSE}s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
                },
            }
        ]
    }
)
_NO_PROJECT = "loopin-status"
"""Hardly the name of a project: the answer is NotFound, or a short list."""


class ReadOnlyInterceptor(grpc.aio.UnaryUnaryClientInterceptor):
    """Lets reads through and raises ReadOnly for every other method; `reason` says why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Awaitable[Any]], client_call_details: Any, request: Any
    ) -> Any:
        """Called by gRPC before each call."""
        method = client_call_details.method
        if (method.decode() if isinstance(method, bytes) else method) not in READ_METHODS:
            require_writable(self._reason)
        return await continuation(client_call_details, request)


class _Connection:
    """A channel and its stubs; both belong to the event loop in which they were made."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.loop = asyncio.get_running_loop()
        # Generated stubs have no types.
        self.status: Any = status_pb2_grpc.StatusServiceStub(channel)  # type: ignore[no-untyped-call]
        self.context: Any = context_pb2_grpc.ContextServiceStub(channel)  # type: ignore[no-untyped-call]
        self.user: Any = user_pb2_grpc.UserServiceStub(channel)  # type: ignore[no-untyped-call]
        self.organization: Any = organization_pb2_grpc.OrganizationServiceStub(channel)  # type: ignore[no-untyped-call]
        self.tokens: Any = api_token_pb2_grpc.APITokenServiceStub(channel)  # type: ignore[no-untyped-call]
        # Undecoded: gRPC would decode 100,000 tokens at once, and the screen would stand still.
        self.list_undecoded: Any = channel.unary_unary(
            "/controlplane.v1.APITokenService/List",
            request_serializer=api_token_pb2.APITokenServiceListRequest.SerializeToString,
        )


class ChainloopClients:
    """Makes clients, which share one connection for each endpoint.

    `max_receive` is the largest answer in bytes, `timeout` how long one call may take in seconds.
    """

    def __init__(self, *, max_receive: int, timeout: float) -> None:
        self._max_receive = max_receive
        self.timeout = timeout
        self._connections: dict[tuple[str, bool, str, str], _Connection] = {}

    def open(
        self,
        endpoint: Endpoint,
        credential: Credential | None,
        organization: str = "",
        *,
        read_only: str = "",
    ) -> "ChainloopClient":
        """Return a client; nothing is connected yet. `read_only` says why nothing may be changed.

        Raise NotSignedIn for a credential that cannot be sent, UsageError for such an organization.
        """
        return ChainloopClient(self, endpoint, credential, organization, read_only)

    async def connect(self, endpoint: Endpoint) -> None:
        """Begin to connect, and send nothing; the first call raises what is wrong."""
        with suppress(Exception):
            self.connection(endpoint).channel.get_state(try_to_connect=True)

    def connection(self, endpoint: Endpoint, read_only: str = "") -> _Connection:
        """The connection to `endpoint`; must be called inside the running loop."""
        key = (endpoint.address, endpoint.insecure, endpoint.ca, read_only)
        connection = self._connections.get(key)
        if connection is None or connection.loop is not asyncio.get_running_loop():
            connection = self._connections[key] = _Connection(self._channel(endpoint, read_only))
        return connection

    async def aclose(self) -> None:
        """Close the connections of this loop; calls that are under way end as cancelled."""
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            if connection.loop is asyncio.get_running_loop():
                await connection.channel.close()

    def _channel(self, endpoint: Endpoint, read_only: str) -> Any:
        options: list[tuple[str, Any]] = [
            ("grpc.max_receive_message_length", self._max_receive),
            ("grpc.service_config", _SERVICE_CONFIG),
            ("grpc.service_config_disable_resolution", 1),
            # The standard back-off grows to two minutes, in which "retry" would do nothing.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.primary_user_agent", "loopin"),
        ]
        proxy = _proxy_for(endpoint)
        options.append(("grpc.http_proxy", proxy.url) if proxy else ("grpc.enable_http_proxy", 0))
        interceptors = [ReadOnlyInterceptor(read_only)] if read_only else None
        if endpoint.insecure:
            return grpc.aio.insecure_channel(endpoint.address, options=options, interceptors=interceptors)
        credentials = grpc.ssl_channel_credentials(root_certificates=tls.roots(endpoint.ca))
        return grpc.aio.secure_channel(
            endpoint.address, credentials, options=options, interceptors=interceptors
        )


class ChainloopClient:
    """The control plane as one credential sees it, in one organization.

    A change is sent once: when its answer is lost, the error's next step is to look what became of it.
    """

    def __init__(
        self,
        clients: ChainloopClients,
        endpoint: Endpoint,
        credential: Credential | None,
        organization: str,
        read_only: str,
    ) -> None:
        self._clients = clients
        self._endpoint = endpoint
        self._credential = credential
        self._organization = organization
        self._read_only = read_only
        self._metadata = _metadata(credential, organization)

    async def server_info(self) -> ServerInfo:
        """StatusService.Infoz, which needs no credential."""
        reply = await self._call(self._connection.status.Infoz, status_pb2.InfozRequest(), metadata=())
        return mapping.server_info(reply)

    async def current(self) -> Context:
        """ContextService.Current."""
        request = context_pb2.ContextServiceCurrentRequest()
        return mapping.context((await self._call(self._connection.context.Current, request)).result)

    async def memberships(self) -> Sequence[Membership]:
        """UserService.ListMemberships; NotFound under an API token."""
        request = user_pb2.UserServiceListMembershipsRequest()
        reply = await self._call(self._connection.user.ListMemberships, request)
        return tuple(mapping.membership(item) for item in reply.result)

    async def select_membership(self, membership_id: str) -> Membership:
        """UserService.SetCurrentMembership."""
        request = user_pb2.SetCurrentMembershipRequest(membership_id=membership_id)
        lost = "it may be your current organization all the same: look at the list"
        reply = await self._call(self._connection.user.SetCurrentMembership, request, lost)
        return mapping.membership(reply.result)

    async def create_organization(self, name: str) -> Organization:
        """OrganizationService.Create."""
        request = organization_pb2.OrganizationServiceCreateRequest(name=name)
        lost = "it may exist all the same: look at the list"
        reply = await self._call(self._connection.organization.Create, request, lost)
        return mapping.organization(reply.result)

    async def set_threshold(self, organization: str, days: int) -> Organization:
        """OrganizationService.Update with the threshold alone; every other setting is left as it is.

        0 is sent as 0, which is not the same as absent.
        """
        self._check_organization()
        request = organization_pb2.OrganizationServiceUpdateRequest(
            name=organization, api_token_max_days_inactive=days
        )
        lost = "the threshold may be changed all the same: look at it again"
        reply = await self._call(self._connection.organization.Update, request, lost)
        return mapping.organization(reply.result)

    async def list_tokens(
        self, status: StatusFilter, scope: ScopeFilter = ScopeFilter.ANY, project: str = ""
    ) -> Sequence[APIToken]:
        """APITokenService.List: all in one answer, oldest first."""
        request = mapping.list_request(status, scope, project)
        try:
            return await mapping.read_token_list(await self._call(self._connection.list_undecoded, request))
        except DecodeError:
            raise self._unreadable() from None

    async def probe(self) -> None:
        """APITokenService.List, the cheapest call that a suspension refuses; the answer is short."""
        with suppress(NotFound, PermissionDenied, InvalidInput):
            await self.list_tokens(StatusFilter.ACTIVE, project=_NO_PROJECT)

    async def create_token(self, draft: TokenDraft) -> CreatedToken:
        """APITokenService.Create."""
        self._check_organization()
        lost = f"the token {draft.name} may exist all the same: look at the list"
        reply = await self._call(self._connection.tokens.Create, mapping.create_request(draft), lost)
        return mapping.created(reply.result)

    async def revoke_token(self, token_id: str) -> None:
        """APITokenService.Revoke."""
        self._check_organization()
        request = api_token_pb2.APITokenServiceRevokeRequest(id=token_id)
        lost = "the token may be revoked all the same: look at the list"
        await self._call(self._connection.tokens.Revoke, request, lost)

    async def sign_out(self, *, everywhere: bool = False) -> "EndedThere | None":
        """POST /auth/logout beside the sign-in page; None where the server does not announce it."""
        require_writable(self._read_only)
        if self._credential is None:
            return None
        info = await self.server_info()
        if SIGN_OUT not in info.capabilities:
            return None
        # Imports httpx, which takes half as long as a whole command: only a sign-out needs it.
        from app.adapters.chainloop.sign_out import log_out

        return await log_out(
            logout_address(info.login_url), self._credential.secret, self._endpoint, everywhere=everywhere
        )

    @property
    def _connection(self) -> _Connection:
        return self._clients.connection(self._endpoint, self._read_only)

    def _check_organization(self) -> None:
        """A change without an organization would go to whichever the server has as the person's current one.

        Only for an API token does the server know the organization by itself.
        """
        if not self._organization and (
            self._credential is None or self._credential.method is not Method.API_TOKEN
        ):
            raise UsageError(
                "no organization is selected",
                hint="choose one: loopin chainloop organization set --name NAME",
            )

    async def _call(
        self, method: Any, request: Any, lost: str = "", *, metadata: Metadata | None = None
    ) -> Any:
        """Call `method`; `lost` is the next step when the call may have worked although no answer came."""
        metadata = self._metadata if metadata is None else metadata
        timeout = self._clients.timeout
        try:
            reply = await method(request, metadata=metadata, timeout=timeout)
        except grpc.aio.AioRpcError as error:
            failure = translate_error(error, self._endpoint, timeout, lost)
            raise self._explain(name_proxy(failure, _proxy_for(self._endpoint))) from None
        except grpc.aio.UsageError:
            raise Failed("the connection was closed", hint="try again") from None
        if reply is None:
            raise self._unreadable(lost)
        return reply

    def _explain(self, error: LoopinError) -> LoopinError:
        """`error`, whose next step depends on where the credential came from."""
        credential = self._credential
        if credential is None:
            return error
        if isinstance(error, SessionEnded):
            return rejected(error, credential)
        if isinstance(error, OrganizationLost):
            if credential.method is Method.API_TOKEN:
                error.hint = f"the organization of {name_of(credential)} is gone: use another token"
            else:
                error.hint += profile_words(credential.profile)[1]
        return error

    def _unreadable(self, lost: str = "") -> BadReply:
        return BadReply(
            f"{self._endpoint.address} sent an answer that cannot be read",
            hint=lost or "check that the address is a Chainloop control plane",
        )


def _proxy_for(endpoint: Endpoint) -> Proxy | None:
    """The proxy on the way; raise Unreachable where gRPC cannot use it."""
    return proxy_for(f"{'http' if endpoint.insecure else 'https'}://{endpoint.address}", grpc=True)


def logout_address(login_url: str) -> str:
    """The sign-out call lies at the sign-in page's origin; raise Failed when that is no web address."""
    if not is_page(login_url):
        raise Failed("the server names no sign-in page, so it cannot be told", hint="nothing was sent")
    parts = urlsplit(login_url)
    return urlunsplit((parts.scheme, parts.netloc, "/auth/logout", "", ""))


def _metadata(credential: Credential | None, organization: str) -> Metadata:
    """The metadata that go with each call (names as the vendor's own client sends them)."""
    pairs = [("chainloop-cli-version", f"loopin-{__version__}")]
    if credential is not None:
        pairs.append(("authorization", f"Bearer {header_value(credential.secret, 'token', credential)}"))
    if organization:
        if not (organization.isascii() and organization.isprintable()):
            raise UsageError(
                f"{organization[:80]!r} cannot be an organization's name", hint="use the name as listed"
            )
        pairs.append(("chainloop-organization", organization))
    return tuple(pairs)
