"""The way in: calls arrive without holding a worker, and only whole ones get one.

A worker that waited for the rest of a request would be lost to all others; so would one for each stream that
stays open. Both wait on the event loop, where they cost next to nothing.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Any

import grpc

from app.server import deadline, log
from app.server.deadline import Deadline
from app.server.limits import Busy, FairShare
from app.server.rpc.calls import FORWARDED_KEY, ORGANIZATION_KEY, PREFIX, Call, Calls, address_of, read
from app.server.rpc.refusal import Refusal, refusal_of

# Seconds for a request to arrive, and for a reflection stream to be of use.
ARRIVAL, STREAM_LIFE = 10.0, 60.0
# How many calls may wait for a worker, each with up to 128 KiB, and how many streams may be open.
MAX_WAITING, MAX_STREAMS = 400, 100
# How many workers one bearer may have at once, and how many calls with those that wait.
SHARE, MAX_OF_ONE = 6, 60
# Of two values one reader takes the first and another the last.
_ONCE = frozenset({"authorization", ORGANIZATION_KEY})
_EXHAUSTED, _LATE = grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED


class Gate(grpc.aio.ServerInterceptor):
    """Lets every call wait until it is whole, then hands it to a worker of `pool`."""

    def __init__(self, calls: Calls, pool: Executor) -> None:
        self._calls = calls
        self._pool = pool
        self._streams = 0
        self._shares = FairShare(SHARE, MAX_OF_ONE, MAX_WAITING)
        self._ending = asyncio.Event()

    def end_streams(self) -> None:
        """End what would stay open for ever, so that a stop need not wait for it."""
        self._ending.set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap every handler in one that reads a stream of raw bytes, which is the same on the wire."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return self._unserved(method)
        if handler.unary_stream or handler.stream_stream:
            return self._stream(handler)
        if method.startswith(PREFIX):
            log.event("rpc.arrived", logging.DEBUG, method=method)
            return grpc.stream_unary_rpc_method_handler(self._work(handler, method))
        return grpc.stream_unary_rpc_method_handler(
            _plain(handler), response_serializer=handler.response_serializer
        )

    def _work(self, handler: Any, method: str) -> Any:
        async def answer(requests: AsyncIterator[bytes], context: Any) -> bytes:
            try:
                data = await _whole(requests)
                return await self._in_pool(context, self._calls.answer, _call(method, context), handler, data)
            except Refusal as refusal:
                await refusal.send(context)

        return answer

    def _unserved(self, method: str) -> Any:
        async def answer(requests: AsyncIterator[bytes], context: Any) -> bytes:
            try:
                return await self._in_pool(context, self._calls.refuse, _call(method, context))
            except Refusal as refusal:
                await refusal.send(context)

        return grpc.stream_unary_rpc_method_handler(answer)

    async def _in_pool(self, context: Any, work: Callable[..., bytes], *given: Any) -> bytes:
        principal, until = _principal(context), Deadline(context.time_remaining())
        try:
            await self._shares.enter(principal)
        except Busy as error:
            raise refusal_of(error) from None
        # The worker's end makes room, not the call's: who cancels has no more workers than who waits.
        leave = partial(self._leave, asyncio.get_running_loop(), principal)
        try:
            with deadline.applies(until):
                # With the context: what the worker logs carries the id of the request.
                job = self._pool.submit(copy_context().run, work, *given)
        except BaseException:
            leave()
            raise
        job.add_done_callback(leave)
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            # The caller has gone, or its time is over: the worker takes back what it is about to change.
            until.cancel()
            raise

    def _leave(self, loop: asyncio.AbstractEventLoop, principal: str, _job: object = None) -> None:
        # Without a loop the server has stopped, and nobody waits for room.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._shares.leave, principal)

    def _stream(self, handler: Any) -> Any:
        async def serve(requests: AsyncIterator[bytes], context: Any) -> None:
            if self._streams >= MAX_STREAMS:
                await Refusal(_EXHAUSTED, "too many streams are open, try again later").send(context)
            self._streams += 1
            try:
                await self._until_the_end(_talk(handler, requests, context))
            except Refusal as refusal:
                await refusal.send(context)
            finally:
                self._streams -= 1

        return grpc.stream_stream_rpc_method_handler(serve, response_serializer=handler.response_serializer)

    async def _until_the_end(self, talk: Coroutine[Any, Any, None]) -> None:
        talking, ending = asyncio.create_task(talk), asyncio.create_task(self._ending.wait())
        try:
            await asyncio.wait((talking, ending), return_when=asyncio.FIRST_COMPLETED)
            if not talking.done():
                raise Refusal(grpc.StatusCode.UNAVAILABLE, "the server ends, ask another")
            talking.result()
        finally:
            talking.cancel()
            ending.cancel()


def _plain(handler: Any) -> Any:
    """Another library's call that waits for nothing."""

    async def answer(requests: AsyncIterator[bytes], context: Any) -> Any:
        try:
            return await handler.unary_unary(read(handler, await _whole(requests)), context)
        except Refusal as refusal:
            await refusal.send(context)

    return answer


async def _talk(handler: Any, requests: AsyncIterator[bytes], context: Any) -> None:
    if handler.unary_stream:
        await handler.unary_stream(read(handler, await _whole(requests)), context)
        return
    try:
        async with asyncio.timeout(STREAM_LIFE):
            async for answer in handler.stream_stream(_each(handler, requests), context):
                await context.write(answer)
    except TimeoutError:
        raise Refusal(_LATE, f"such a stream lives {STREAM_LIFE:g} seconds, open another") from None


async def _each(handler: Any, requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for data in requests:
        yield read(handler, data)


async def _whole(requests: AsyncIterator[bytes]) -> bytes:
    """The one message of a call. Raises Refusal when it does not come in time, or is not one."""
    try:
        async with asyncio.timeout(ARRIVAL):
            found = await anext(requests, None)
            more = await anext(requests, None) if found is not None else None
    except TimeoutError:
        raise Refusal(_LATE, f"the request did not arrive within {ARRIVAL:g} seconds") from None
    if found is None or more is not None:
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "this call takes one message")
    return found


def _principal(context: Any) -> str:
    """Whose call it is, before anybody has looked at the bearer; without one, where it comes from."""
    pairs = context.invocation_metadata() or ()
    bearer = next((str(value) for key, value in pairs if key == "authorization"), "")
    return hashlib.sha256((bearer or address_of(context.peer())).encode("utf-8", "replace")).hexdigest()


def _call(method: str, context: Any) -> Call:
    metadata: dict[str, str] = {}
    for key, value in context.invocation_metadata() or ():
        if not isinstance(value, str):
            continue
        if key in metadata and key in _ONCE:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, f"the call names more than one {key}")
        # Each proxy may add a line of its own.
        listed = key == FORWARDED_KEY and key in metadata
        metadata[key] = f"{metadata[key]},{value}" if listed else value
    return Call(method, metadata, context.peer())
