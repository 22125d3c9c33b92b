"""What surrounds a call, on a gRPC server in this process and without a database."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from ipaddress import IPv4Network
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest

from app.domain.errors import NotFound, NotSignedIn
from app.server import log
from app.server.core.principals import Principal
from app.server.deadline import DeadlineExceeded, current_deadline
from app.server.limits import FairExecutor
from app.server.request_headers import Network
from app.server.rpc.interceptor import Interceptor

PATIENCE = 30.0
SERVICE, METHOD = "controlplane.v1.Sample", "/controlplane.v1.Sample/Call"
SIGNED_IN = (("authorization", "Bearer good"),)
Log = list[tuple[str, dict[str, Any]]]


class FakeAuthentication:
    """Knows one bearer."""

    def verify_token(self, bearer: str) -> str:
        if bearer != "good":
            raise NotSignedIn("who is it?")
        return bearer

    def load_principal(self, token: str, organization: str, address: str) -> tuple[str, str, str]:
        return token, organization, address


class Sample:
    """One method, which runs `use_case` in a worker."""

    def __init__(self, use_case: Callable[[Principal], Any], proxies: tuple[Network, ...] = ()) -> None:
        self.use_case = use_case
        self.proxies = proxies

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[Callable[..., Any]]:
        """Yield what calls it."""
        pool = ThreadPoolExecutor(2)
        interceptor = Interceptor(
            cast("Any", FakeAuthentication()),
            cast("Any", None),
            FairExecutor(pool),
            self.proxies,
        )
        server = grpc.aio.server(interceptors=[interceptor])

        async def call(request: str, _context: object) -> str:
            return f"{request}: {await interceptor.run(self.use_case)}"

        handler = grpc.unary_unary_rpc_method_handler(
            call, request_deserializer=bytes.decode, response_serializer=str.encode
        )
        generic = grpc.method_handlers_generic_handler(SERVICE, {"Call": handler})
        server.add_generic_rpc_handlers((generic,))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        options = [("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            unary: Any = channel.unary_unary

            def call_it(
                data: bytes = b"x", metadata: Any = SIGNED_IN, path: str = METHOD, **more: Any
            ) -> Any:
                return unary(path)(data, metadata=metadata, **{"timeout": PATIENCE, **more})

            yield call_it
        await server.stop(0)
        # Not on the event loop, which has to deliver a cancellation to the worker.
        await asyncio.to_thread(pool.shutdown)


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Log:
    lines: Log = []
    monkeypatch.setattr(log, "event", lambda name, *_level, **fields: lines.append((name, fields)))
    monkeypatch.setattr(log, "failure", lambda name, error, **fields: lines.append((name, {"error": error})))
    return lines


async def refusal(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code().name, refused.value.details() or ""


async def test_a_use_case_gets_who_calls_and_about_what() -> None:
    async with Sample(lambda actor: actor).serve() as call:
        metadata = (*SIGNED_IN, ("chainloop-organization", "acme"))
        assert await call(metadata=metadata) == b"x: ('good', 'acme', '127.0.0.1')"


@pytest.mark.parametrize("path", [METHOD, "/controlplane.v1.Sample/Nope", "/nope"])
@pytest.mark.parametrize("name", ["authorization", "chainloop-organization"])
async def test_what_decides_comes_once(name: str, path: str) -> None:
    async with Sample(str).serve() as call:
        twice = ((name, "Bearer good"), (name, "Bearer good"))
        metadata = twice if name == "authorization" else (*SIGNED_IN, *twice)
        assert await refusal(call(metadata=metadata, path=path)) == (
            "INVALID_ARGUMENT",
            f"the call names more than one {name}",
        )


async def test_other_keys_and_bytes_may_come_twice() -> None:
    async with Sample(str).serve() as call:
        pairs = (("x-note", "a"), ("x-note", "b"), ("trace-bin", b"x"), ("trace-bin", b"y"))
        assert await call(metadata=(*SIGNED_IN, *pairs))


@pytest.mark.parametrize("path", [METHOD, "/controlplane.v1.Sample/Nope", "/nope"])
async def test_whoever_is_not_signed_in_hears_that_first(path: str) -> None:
    """Before anybody reads the request."""
    async with Sample(str).serve() as call:
        assert await refusal(call(data=b"\xff", metadata=(), path=path)) == ("UNAUTHENTICATED", "who is it?")


async def test_an_error_of_the_domain_is_a_status(logged: Log) -> None:
    def missing(_actor: Principal) -> None:
        raise NotFound("there is none")

    async with Sample(missing).serve() as call:
        assert await refusal(call()) == ("NOT_FOUND", "there is none")
    assert [fields["status"] for name, fields in logged if name == "rpc.request"] == ["NOT_FOUND"]


async def test_an_unexpected_error_is_logged_and_not_sent(logged: Log) -> None:
    def fails(_actor: Principal) -> None:
        raise ValueError("secret-not-real")

    async with Sample(fails).serve() as call:
        assert await refusal(call()) == ("INTERNAL", "internal error")
    assert [name for name, _ in logged] == ["rpc.arrived", "rpc.failed", "rpc.request"]


async def test_the_log_has_the_address_behind_every_trusted_proxy(logged: Log) -> None:
    async with Sample(str, (IPv4Network("127.0.0.0/8"), IPv4Network("10.0.0.0/8"))).serve() as call:
        await call(metadata=(*SIGNED_IN, ("x-forwarded-for", "192.0.2.1, 10.0.0.1, 10.0.0.2")))
    assert logged[-1][1]["client"] == "192.0.2.1"


@pytest.mark.parametrize("ending", ["deadline", "cancel"])
async def test_the_end_of_a_call_reaches_the_worker(ending: str) -> None:
    begun, over, ended = threading.Event(), threading.Event(), threading.Event()
    noticed = []

    def work(_actor: Principal) -> None:
        until = current_deadline()
        begun.set()
        give_up = time.monotonic() + PATIENCE
        while until.left(1.0) > 0 and time.monotonic() < give_up:
            over.wait(0.01)
        try:
            until.check()
        except DeadlineExceeded:
            noticed.append(ending)
        ended.set()

    async with Sample(work).serve() as call:
        # Without a deadline of its own only the cancellation can end the work.
        calling = call(timeout=0.5 if ending == "deadline" else None)
        running = asyncio.ensure_future(calling)
        assert await asyncio.to_thread(begun.wait, PATIENCE)
        if ending == "cancel":
            calling.cancel()
        await asyncio.gather(running, return_exceptions=True)
    # The pool has been shut down: its work is done.
    assert noticed == [ending]


async def one_message() -> AsyncIterator[bytes]:
    yield b""


async def test_a_connection_that_broke_is_the_end_of_a_call_and_no_failure(logged: Log) -> None:
    """grpc would log what it raised itself as an error of the servicer."""

    async def breaks(_requests: object, _context: object) -> bytes:
        raise grpc.aio.InternalError("Failed grpc_call_start_batch: 10")

    async def found(_details: object) -> Any:
        return grpc.unary_unary_rpc_method_handler(breaks, request_deserializer=bytes)

    context = SimpleNamespace(
        peer=lambda: "ipv4:127.0.0.1:5000",
        invocation_metadata=lambda: (),
        set_trailing_metadata=lambda _metadata: None,
    )
    interceptor = Interceptor(cast("Any", FakeAuthentication()), cast("Any", None), cast("Any", None))
    handler = await interceptor.intercept_service(found, cast("Any", SimpleNamespace(method="/x.Y/Z")))
    with pytest.raises(asyncio.CancelledError):
        await handler.stream_unary(one_message(), context)
    assert logged[-1][0] == "rpc.request"
    assert logged[-1][1]["status"] == "CANCELLED"
