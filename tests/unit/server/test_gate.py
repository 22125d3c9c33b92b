"""Which calls get a worker, and when one that was cancelled gives it back."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from app.server.rpc import gate
from app.server.rpc.gate import Gate

PATIENCE = 30.0
METHOD = "/controlplane.v1.ContextService/Current"


class Slow:
    """In the place of `Calls`: each call says that it has a worker, and keeps it until it is let go."""

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Semaphore(0), threading.Event()
        self.count = 0

    def answer(self, *_given: object) -> bytes:
        self.count += 1
        self.begun.release()
        assert self.let_go.wait(PATIENCE)
        return b""


def context_of(bearer: str) -> Any:
    metadata = (("authorization", f"Bearer {bearer}"),)
    return SimpleNamespace(
        invocation_metadata=lambda: metadata,
        peer=lambda: "ipv4:127.0.0.1:5000",
        time_remaining=lambda: PATIENCE,
    )


async def one_message() -> AsyncIterator[bytes]:
    yield b""


async def test_a_cancelled_call_has_its_share_until_its_worker_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one bearer that sends and cancels would have all workers."""
    monkeypatch.setattr(gate, "SHARE", 2)
    calls, pool = Slow(), ThreadPoolExecutor(8)
    handler: Any = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")

    async def found(_details: object) -> Any:
        return handler

    details: Any = SimpleNamespace(method=METHOD, invocation_metadata=())
    wrapped = await Gate(calls, pool).intercept_service(found, details)  # type: ignore[arg-type]  # a stand-in

    def call(bearer: str) -> asyncio.Task[bytes]:
        return asyncio.create_task(wrapped.stream_unary(one_message(), context_of(bearer)))

    greedy = [call("greedy") for _ in range(2)]
    for _ in greedy:
        assert await asyncio.to_thread(calls.begun.acquire, timeout=PATIENCE)
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)
    more = [call("greedy") for _ in range(2)]
    other = call("other")
    assert await asyncio.to_thread(calls.begun.acquire, timeout=PATIENCE)
    assert calls.count == 3
    calls.let_go.set()
    assert await asyncio.gather(other, *more) == [b"", b"", b""]
    assert calls.count == 5
    pool.shutdown()
