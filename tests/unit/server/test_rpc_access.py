"""How a call ended, as the access log of the gRPC side has it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from app.server import log
from app.server.rpc.access import AccessLog

PATH = "/controlplane.v1.StatusService/Infoz"


class Context:
    """What is used of a servicer's context."""

    def peer(self) -> str:
        return "ipv4:127.0.0.1:5000"

    def set_trailing_metadata(self, metadata: object) -> None:
        pass

    def code(self) -> None:
        return None


async def answer(behaviour: Any) -> Any:
    async def found(_details: object) -> Any:
        return grpc.stream_unary_rpc_method_handler(behaviour)

    details: Any = SimpleNamespace(method=PATH, invocation_metadata=())
    handler = await AccessLog().intercept_service(found, details)
    return await handler.stream_unary(None, Context())


async def test_a_connection_that_broke_is_the_end_of_a_call_and_no_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """grpc would log what it raised itself as an error of the servicer."""

    async def breaks(_requests: object, _context: object) -> bytes:
        raise grpc.aio.InternalError("Failed grpc_call_start_batch: 10")

    logged: list[tuple[str, object]] = []
    monkeypatch.setattr(log, "event", lambda name, **fields: logged.append((name, fields["status"])))
    with pytest.raises(asyncio.CancelledError):
        await answer(breaks)
    assert logged == [("rpc.request", "CANCELLED")]


async def test_an_answer_is_passed_on() -> None:
    async def answers(_requests: object, _context: object) -> bytes:
        return b"x"

    assert await answer(answers) == b"x"
