"""A gRPC proxy before a real control plane, which refuses, delays or swallows single calls."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

PATIENCE = 60.0


class Between:
    """Passes calls on to the real server, unless its rules have something to say.

    `before` and `after` get the method, how often it was called so far (from 1) and the call's context,
    before the call is passed on and before its answer is: they may abort it, or `hold` it.
    """

    def __init__(self, upstream: str) -> None:
        self.address = ""
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, int, Any], None] = lambda method, count, context: None
        self.after: Callable[[str, int, Any], None] = lambda method, count, context: None
        self._channel = grpc.insecure_channel(upstream, options=[("grpc.enable_http_proxy", 0)])
        self._lock = threading.Lock()
        self._held = threading.Semaphore(0)
        self._gone = threading.Semaphore(0)
        self._go_on = threading.Event()

    def hold(self, context: Any) -> None:
        """Let a call wait until `go_on`; a call whose caller has gone by then is dropped."""
        if not context.add_callback(self._gone.release):
            self._gone.release()
        self._held.release()
        self._go_on.wait(PATIENCE)
        if not context.is_active():
            context.abort(grpc.StatusCode.CANCELLED, "nobody is there any more")

    def until_held(self, count: int) -> None:
        """Wait until `count` calls are held."""
        for _ in range(count):
            assert self._held.acquire(timeout=PATIENCE), "the call never came"

    def until_gone(self, count: int) -> None:
        """Wait until the callers of `count` held calls are gone."""
        for _ in range(count):
            assert self._gone.acquire(timeout=PATIENCE), "the caller never went"

    def go_on(self) -> None:
        """Drop what is held, and from now on pass everything."""
        self.before = self.after = lambda method, count, context: None
        self._go_on.set()

    def pass_on(self, path: str, request: bytes, context: Any) -> bytes:
        """Do one call."""
        method = path.rpartition("/")[2]
        with self._lock:
            self.calls[method] += 1
            count = self.calls[method]
        self.before(method, count, context)
        metadata = [(key, value) for key, value in context.invocation_metadata() if key != "user-agent"]
        call: Any = self._channel.unary_unary(path)
        try:
            answer: bytes = call(request, metadata=metadata, timeout=PATIENCE)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        self.after(method, count, context)
        return answer

    def close(self) -> None:
        """Close the way to the server."""
        self._go_on.set()
        self._channel.close()


class _Handler(grpc.GenericRpcHandler):
    def __init__(self, between: Between) -> None:
        self._between = between

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        path = handler_call_details.method
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._between.pass_on(path, request, context)
        )
        return handler


@contextmanager
def between(upstream: str) -> Iterator[Between]:
    """A proxy before `upstream` (host:port, plain text), on a free port."""
    proxy = Between(upstream)
    with ThreadPoolExecutor(16) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((_Handler(proxy),))
        proxy.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            yield proxy
        finally:
            proxy.close()
            server.stop(0).wait(5)
