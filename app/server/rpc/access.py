"""The access log of the gRPC side: a line for each call, and its id in the trailing metadata."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from app.domain.text import clean
from app.server import log
from app.server.addresses import Network, client_address
from app.server.rpc.calls import address_of
from app.server.rpc.refusal import refusal_of

_Behaviour = Callable[[Any, Any], Awaitable[Any]]


class AccessLog(grpc.aio.ServerInterceptor):
    """Around the other interceptors, whose handlers are asynchronous and read a stream."""

    def __init__(self, proxies: tuple[Network, ...] = ()) -> None:
        self._proxies = proxies

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Give the call its id, which the whole task of the call keeps."""
        request = log.begin_request()
        handler: Any = await continuation(handler_call_details)
        one = handler.stream_unary is not None
        make = grpc.stream_unary_rpc_method_handler if one else grpc.stream_stream_rpc_method_handler
        return make(
            self._observed(handler.stream_unary or handler.stream_stream, handler_call_details, request),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _observed(self, behaviour: _Behaviour, details: grpc.HandlerCallDetails, request: str) -> _Behaviour:
        method = clean(details.method, 200)
        forwarded = dict(details.invocation_metadata or ()).get("x-forwarded-for", "")

        async def answer(requests: Any, context: Any) -> Any:
            began, status = time.perf_counter(), "OK"
            client = client_address(address_of(context.peer()), str(forwarded), self._proxies)
            context.set_trailing_metadata(((log.REQUEST_HEADER, request),))
            try:
                return await _refuse_unexpected(behaviour(requests, context), context, method)
            except asyncio.CancelledError:
                status = "CANCELLED"
                raise
            except grpc.aio.AbortError:
                status = _name(context.code())
                raise
            except grpc.aio.BaseError:
                # The connection broke while the answer was sent. gRPC logs that as a failure of ours, unless
                # it has noticed already that the caller is gone.
                status = "CANCELLED"
                raise asyncio.CancelledError from None
            finally:
                log.event(
                    "rpc.request",
                    method=method,
                    status=status,
                    duration=round(time.perf_counter() - began, 4),
                    client=client,
                )

        return answer


def _name(code: grpc.StatusCode | None) -> str:
    return code.name if code else "CANCELLED"


async def _refuse_unexpected(answering: Awaitable[Any], context: Any, method: str) -> Any:
    """Log an unexpected error and send a refusal instead: gRPC would send the text of the exception."""
    try:
        return await answering
    except grpc.aio.BaseError:
        raise
    except Exception as error:
        log.failure("rpc.failed", error, method=method)
        await refusal_of(error).send(context)
