"""What surrounds every call: who calls, and how a refusal goes over the wire."""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain import errors
from app.domain.secret import Secret
from app.server import log
from app.server.addresses import Network, client_address
from app.server.federation.verify import VerifyFederated, is_foreign
from app.server.usecases.actors import DENIED, Actor
from app.server.usecases.identities import Identify

PREFIX = "/controlplane.v1."
OPEN = "/controlplane.v1.StatusService/"
CURRENT = "/controlplane.v1.ContextService/Current"
ORGANIZATION_KEY = "chainloop-organization"

_actor: ContextVar[Actor] = ContextVar("actor")
_Handler = Callable[[Any, grpc.ServicerContext], Any]

# The first match counts, so the narrow classes come before the wide ones.
_CODES: tuple[tuple[type[errors.LoopinError], grpc.StatusCode], ...] = (
    (errors.UsageError, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.NotSignedIn, grpc.StatusCode.UNAUTHENTICATED),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (errors.RateLimited, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unreachable, grpc.StatusCode.UNAVAILABLE),
)


def current_actor() -> Actor:
    """Who makes the call that runs in this thread."""
    return _actor.get()


class Gate(grpc.ServerInterceptor):
    """Authenticates each call and translates what goes wrong; nothing else reaches the caller."""

    def __init__(
        self, identify: Identify, federated: VerifyFederated, proxies: tuple[Network, ...] = ()
    ) -> None:
        self._identify = identify
        self._federated = federated
        self._proxies = proxies

    def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Wrap the handlers of our own services; health and reflection pass as they are."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(PREFIX) or handler.unary_unary is None:
            return handler
        log.event("rpc.arrived", logging.DEBUG, method=method)
        return grpc.unary_unary_rpc_method_handler(
            self._guard(handler.unary_unary, method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _guard(self, handle: _Handler, method: str) -> _Handler:
        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                if not method.startswith(OPEN):
                    _actor.set(self._identify_caller(context, method))
                return handle(request, context)
            except errors.LoopinError as error:
                refusal: Exception = error
            except (OperationalError, PoolTimeout) as error:
                log.failure("rpc.no_database", error, method=method)
                refusal = errors.Unreachable("the server cannot reach its database, try again")
            # The gate: whatever else a call raises is logged here and told as "internal error".
            except Exception as error:
                log.failure("rpc.failed", error, method=method)
                refusal = error
            return _refuse(context, refusal)

        return guarded

    def _identify_caller(self, context: grpc.ServicerContext, method: str) -> Actor:
        metadata = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        scheme, _, bearer = metadata.get("authorization", "").partition(" ")
        bearer = bearer.strip() if scheme.lower() == "bearer" else ""
        organization = metadata.get(ORGANIZATION_KEY, "")
        forwarded = metadata.get("x-forwarded-for", "")
        address = client_address(address_of(context.peer()), forwarded, self._proxies)
        if not is_foreign(bearer):
            return self._identify.do(bearer, organization, address)
        job = self._federated.do(Secret(bearer), organization, address)
        if method != CURRENT:
            raise errors.PermissionDenied(f"{DENIED}: a CI identity may only read its own context")
        return job


def address_of(peer: str) -> str:
    """The address in gRPC's name of a peer, such as ipv4:127.0.0.1:5000 or ipv6:%5B::1%5D:5000."""
    _kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]")


def _refuse(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    for kind, code in _CODES:
        if isinstance(error, kind):
            context.abort(code, str(error))
    context.abort(grpc.StatusCode.INTERNAL, "internal error")
