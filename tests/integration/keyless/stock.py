"""A control plane that is not ours: it accepts a CI identity for attestations and shows it no context."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc

from app.proto.controlplane.v1 import context_pb2, context_pb2_grpc, status_pb2, status_pb2_grpc


class _Status(status_pb2_grpc.StatusServiceServicer):
    def Infoz(
        self, request: status_pb2.InfozRequest, context: grpc.ServicerContext
    ) -> status_pb2.InfozResponse:
        return status_pb2.InfozResponse(login_url="https://login.example", version="v1.106.0")


class _Context(context_pb2_grpc.ContextServiceServicer):
    def Current(
        self, request: context_pb2.ContextServiceCurrentRequest, context: grpc.ServicerContext
    ) -> context_pb2.ContextServiceCurrentResponse:
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "operation not allowed")
        raise AssertionError


@contextmanager
def stock_control_plane() -> Iterator[str]:
    """Its address."""
    server = grpc.server(ThreadPoolExecutor(2))
    # Generated code carries no types.
    services: list[tuple[Callable[..., None], object]] = [
        (status_pb2_grpc.add_StatusServiceServicer_to_server, _Status()),
        (context_pb2_grpc.add_ContextServiceServicer_to_server, _Context()),
    ]
    for add, service in services:
        add(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
