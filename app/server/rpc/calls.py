"""What surrounds every call: who calls, and what goes wrong."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from app.domain import errors
from app.domain.secret import Secret
from app.domain.text import clean
from app.server import log
from app.server.addresses import Network, client_address
from app.server.bearer import bearer_in
from app.server.federation.verify import VerifyFederated, is_foreign
from app.server.rpc.refusal import Refusal, refusal_of
from app.server.usecases.actors import DENIED, Actor
from app.server.usecases.identities import Identify

PREFIX = "/controlplane.v1."
OPEN = "/controlplane.v1.StatusService/"
CURRENT = "/controlplane.v1.ContextService/Current"
ORGANIZATION_KEY, FORWARDED_KEY = "chainloop-organization", "x-forwarded-for"
# What one does about organizations works whatever became of the one that a caller has configured.
EVERY_ORGANIZATION = frozenset(
    {"/controlplane.v1.UserService/ListMemberships", "/controlplane.v1.OrganizationService/Create"}
)
PURPOSE = "this server signs people in, and manages organizations and API tokens; it does not serve"

_actor: ContextVar[Actor] = ContextVar("actor")


def current_actor() -> Actor:
    """Who makes the call that runs in this thread."""
    return _actor.get()


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
            raise refusal_of(error) from error
        # The boundary: whatever else a call raises is logged here and sent as "internal error".
        except Exception as error:
            if not isinstance(error, Refusal):
                log.failure("rpc.failed", error, method=call.method)
            raise refusal_of(error) from error

    def refuse(self, call: Call) -> NoReturn:
        """Raise the Refusal for a call that is not served; whoever is not signed in hears that first."""
        try:
            self._identify_caller(call)
        # The same gate as that of an answer.
        except Exception as error:
            if not isinstance(error, errors.LoopinError):
                log.failure("rpc.failed", error, method=clean(call.method, 200))
            raise refusal_of(error) from error
        raise Refusal(grpc.StatusCode.UNIMPLEMENTED, f"{PURPOSE} {clean(call.method, 200)}")

    def _identify_caller(self, call: Call) -> Actor:
        bearer = bearer_in(call.metadata.get("authorization", ""))
        named = call.metadata.get(ORGANIZATION_KEY, "")
        organization = "" if call.method in EVERY_ORGANIZATION else named
        forwarded = call.metadata.get(FORWARDED_KEY, "")
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
