"""What surrounds every call: who calls, how long it may take, how it ended, and a line in the access log.

A servicer gets the principal through `RunForCaller`. The signature of a token is checked here, on the event
loop; the rows behind it are read in the worker that runs the service, which saves a hop between threads.
"""

import asyncio
import hashlib
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, NoReturn, ParamSpec, Protocol, TypeVar
from urllib.parse import unquote

import grpc

from app.domain.errors import InvalidInput, PermissionDenied, Unreachable
from app.domain.secret import Secret
from app.domain.text import clean
from app.server import log
from app.server.core.authentication import Authentication
from app.server.core.principals import DENIED, Principal
from app.server.core.trusted_issuers import JobVerifier, is_foreign
from app.server.deadline import Deadline, DeadlineExceeded, set_deadline
from app.server.limits import Busy, FairExecutor
from app.server.request_headers import Network, client_address, read_bearer
from app.server.rpc.errors import Unserved, abort, status_of

PREFIX = "/controlplane.v1."
UNAUTHENTICATED = frozenset(
    {"/controlplane.v1.StatusService/Infoz", "/controlplane.v1.StatusService/Statusz"}
)
CURRENT_METHOD = "/controlplane.v1.ContextService/Current"
ORGANIZATION_KEY, FORWARDED_KEY = "chainloop-organization", "x-forwarded-for"
# What one does about organizations works whatever became of the one that a caller has configured.
WITHOUT_ORGANIZATION = frozenset(
    {"/controlplane.v1.UserService/ListMemberships", "/controlplane.v1.OrganizationService/Create"}
)
UNSERVED = "this server signs people in, and manages organizations and API tokens; it does not serve"
# Of two values one reader takes the first and another the last.
_SINGLE_KEYS = frozenset({"authorization", ORGANIZATION_KEY})
# Seconds for the message of a call.
MESSAGE_TIMEOUT = 10.0
# How many streams may be open. Each ends with its connection at the latest.
MAX_STREAMS = 100
_P = ParamSpec("_P")
_T = TypeVar("_T")
Context = grpc.aio.ServicerContext[Any, Any]
_Serve = Callable[[Any, Any], Any]


class RunForCaller(Protocol):
    """Runs a method of a service for the principal of the call under way, in a worker."""

    async def __call__(
        self, service: Callable[Concatenate[Principal, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T: ...


@dataclass(frozen=True, slots=True)
class _Caller:
    """Whose token was presented. `load` reads the principal, in a worker; `key` is whose share that takes."""

    key: str
    load: Callable[[], Principal]


_caller: ContextVar[_Caller] = ContextVar("caller")


class Interceptor(grpc.aio.ServerInterceptor):
    """Around every handler. UNAUTHENTICATED comes first, also for methods that are not served."""

    def __init__(
        self,
        authentication: Authentication,
        job_verifier: JobVerifier,
        executor: FairExecutor,
        proxies: tuple[Network, ...] = (),
    ) -> None:
        self._authentication = authentication
        self._job_verifier = job_verifier
        self._executor = executor
        self._proxies = proxies
        self._streams: set[asyncio.Timeout] = set()

    async def run(
        self, service: Callable[Concatenate[Principal, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """As RunForCaller says."""
        caller = _caller.get()
        return await self._executor.run(caller.key, lambda: service(caller.load(), *args, **kwargs))

    def end_streams(self) -> None:
        """End what would stay open for ever, so that a stop need not wait for it."""
        for limit in self._streams:
            limit.reschedule(asyncio.get_running_loop().time())

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler with all of this around it."""
        # Here, so that the whole task of the call has it.
        log.begin_request()
        method = handler_call_details.method
        handler: Any = await continuation(handler_call_details)
        if handler is None:
            # Refused before its message arrives.
            refuse = partial(self._serve, method, partial(self._refuse, method))
            return grpc.stream_unary_rpc_method_handler(partial(self._observe, method, refuse))
        serve = handler.unary_unary or handler.unary_stream or handler.stream_stream
        read = handler.request_deserializer
        if not handler.request_streaming:
            # As a stream, which is the same on the wire: else gRPC waits for the message without a limit.
            serve, read = _first_message(read, serve), None
        if handler.response_streaming:
            serve = partial(self._stream, serve)
        elif method.startswith(PREFIX):
            serve = partial(self._serve, method, serve)
        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.response_streaming
            else grpc.stream_unary_rpc_method_handler
        )
        return make(
            partial(self._observe, method, serve),
            request_deserializer=read,
            response_serializer=partial(_serialize, handler.response_serializer),
        )

    async def _observe(self, method: str, serve: _Serve, request: Any, context: Any) -> Any:
        """Nothing but a status leaves a call: gRPC itself would send the text of an exception."""
        method, began, status = clean(method, 200), time.perf_counter(), "OK"
        context.set_trailing_metadata(((log.REQUEST_HEADER, log.current_request()),))
        log.event("rpc.arrived", logging.DEBUG, method=method)
        try:
            return await serve(request, context)
        except asyncio.CancelledError:
            status = "CANCELLED"
            raise
        except grpc.aio.AbortError:
            status = context.code().name
            raise
        except grpc.aio.BaseError:
            # The connection broke while the answer was sent. gRPC logs that as a failure of ours, unless
            # it has noticed already that the caller is gone.
            status = "CANCELLED"
            raise asyncio.CancelledError from None
        except Exception as error:
            code = status_of(error)[0]
            status = code.name
            if code is grpc.StatusCode.INTERNAL:
                log.failure("rpc.failed", error, method=method)
            await abort(context, error)
        finally:
            duration = round(time.perf_counter() - began, 4)
            client = self._address(context)
            log.event("rpc.request", method=method, status=status, duration=duration, client=client)

    async def _serve(self, method: str, serve: _Serve, request: Any, context: Any) -> Any:
        until = Deadline(context.time_remaining())
        with set_deadline(until):
            try:
                metadata = _metadata(context)
                if method not in UNAUTHENTICATED:
                    _caller.set(await self._authenticate(method, metadata, context))
                return await serve(request, context)
            except asyncio.CancelledError:
                # The caller has gone, or its time is over: a worker takes back what it is about to change.
                until.cancel()
                raise

    async def _refuse(self, method: str, _request: Any, _context: Any) -> NoReturn:
        await self.run(lambda _principal: None)
        raise Unserved(f"{UNSERVED} {clean(method, 200)}")

    async def _stream(self, serve: _Serve, request: Any, context: Any) -> None:
        if len(self._streams) >= MAX_STREAMS:
            raise Busy("too many streams are open")
        try:
            async with asyncio.timeout(None) as limit:
                self._streams.add(limit)
                answers = serve(request, context)
                if inspect.isawaitable(answers):
                    await answers
                    return
                async for answer in answers:
                    await context.write(answer)
        except TimeoutError:
            raise Unreachable("the server ends, ask another") from None
        finally:
            self._streams.discard(limit)

    async def _authenticate(self, method: str, metadata: dict[str, str], context: Any) -> _Caller:
        bearer = read_bearer(metadata.get("authorization", ""))
        organization = "" if method in WITHOUT_ORGANIZATION else metadata.get(ORGANIZATION_KEY, "")
        address = self._address(context)
        key = hashlib.sha256((bearer or address).encode("utf-8", "replace")).hexdigest()
        if not is_foreign(bearer):
            token = self._authentication.verify_token(bearer)
            return _Caller(key, lambda: self._authentication.load_principal(token, organization, address))
        job = await self._job_verifier.verify(
            Secret(bearer), organization, address, run=partial(self._executor.run, key)
        )
        if method != CURRENT_METHOD:
            raise PermissionDenied(f"{DENIED}: a CI identity may only read its own context")
        return _Caller(key, lambda: job)

    def _address(self, context: Any) -> str:
        # Of several entries gRPC keeps the last one, which the nearest proxy has written.
        forwarded = dict(context.invocation_metadata() or ()).get(FORWARDED_KEY, "")
        return client_address(address_of(context.peer()), str(forwarded), self._proxies)


def _first_message(read: Callable[[bytes], Any], serve: _Serve) -> _Serve:
    """`serve` for the bytes of its message: where gRPC reads them, an error of theirs cannot be caught."""

    async def receive(messages: AsyncIterator[bytes], context: Any) -> Any:
        try:
            async with asyncio.timeout(MESSAGE_TIMEOUT):
                data = await anext(messages, None)
        except TimeoutError:
            raise DeadlineExceeded(f"the request did not arrive within {MESSAGE_TIMEOUT:g} seconds") from None
        if data is None:
            raise InvalidInput("this call takes one message")
        return await serve(read(data), context)

    return receive


def _serialize(serializer: Callable[[Any], bytes], answer: Any) -> bytes:
    """A long answer is bytes already: a worker has encoded it."""
    return answer if isinstance(answer, bytes) else serializer(answer)


def _metadata(context: Any) -> dict[str, str]:
    metadata: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if key in metadata and key in _SINGLE_KEYS:
            raise InvalidInput(f"the call names more than one {key}")
        if isinstance(value, str):
            metadata[key] = value
    return metadata


def address_of(peer: str) -> str:
    """The address in gRPC's name of a peer, such as ipv4:127.0.0.1:5000 or ipv6:%5B::1%5D:5000."""
    _kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]")
