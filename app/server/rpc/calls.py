"""What surrounds every call: who calls, and how a refusal goes over the wire."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from app.domain import errors
from app.domain.secret import Secret
from app.server import log
from app.server.addresses import Network, client_address
from app.server.bearer import bearer_in
from app.server.federation.verify import VerifyFederated, is_foreign
from app.server.usecases.actors import DENIED, Actor
from app.server.usecases.identities import Identify

PREFIX = "/controlplane.v1."
OPEN = "/controlplane.v1.StatusService/"
CURRENT = "/controlplane.v1.ContextService/Current"
ORGANIZATION_KEY = "chainloop-organization"

_actor: ContextVar[Actor] = ContextVar("actor")

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


class Refusal(Exception):
    """What a caller gets in place of an answer."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(code.name)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it arrived. Names in `metadata` are in lower case; `peer` is gRPC's name of the caller."""

    method: str
    metadata: Mapping[str, str]
    peer: str


class Calls:
    """Authenticates each call and translates what goes wrong; nothing else reaches the caller."""

    def __init__(
        self, identify: Identify, federated: VerifyFederated, proxies: tuple[Network, ...] = ()
    ) -> None:
        self._identify = identify
        self._federated = federated
        self._proxies = proxies

    def answer(self, call: Call, handler: Any, data: bytes) -> bytes:
        """The serialized answer of one of our own handlers; raises Refusal. For a worker's thread."""
        try:
            if not call.method.startswith(OPEN):
                _actor.set(self._identify_caller(call))
            request = read(handler, data)
            answer: bytes = handler.response_serializer(handler.unary_unary(request, None))
            return answer
        except errors.LoopinError as error:
            raise _refusal(error) from error
        # The gate: whatever else a call raises is logged here and told as "internal error".
        except Exception as error:
            if not isinstance(error, Refusal):
                log.failure("rpc.failed", error, method=call.method)
            raise _refusal(error) from error

    def _identify_caller(self, call: Call) -> Actor:
        bearer = bearer_in(call.metadata.get("authorization", ""))
        organization = call.metadata.get(ORGANIZATION_KEY, "")
        forwarded = call.metadata.get("x-forwarded-for", "")
        address = client_address(address_of(call.peer), forwarded, self._proxies)
        if not is_foreign(bearer):
            return self._identify.do(bearer, organization, address)
        job = self._federated.do(Secret(bearer), organization, address)
        if call.method != CURRENT:
            raise errors.PermissionDenied(f"{DENIED}: a CI identity may only read its own context")
        return job


def read(handler: Any, data: bytes) -> Any:
    """The request in `data`; raises Refusal for bytes that are none (gRPC itself would say INTERNAL)."""
    try:
        return handler.request_deserializer(data)
    except DecodeError:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "the request is no message of this call") from None


def address_of(peer: str) -> str:
    """The address in gRPC's name of a peer, such as ipv4:127.0.0.1:5000 or ipv6:%5B::1%5D:5000."""
    _kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]")


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    return Refusal(code, str(error)) if code else Refusal(grpc.StatusCode.INTERNAL, "internal error")
