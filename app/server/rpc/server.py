"""The gRPC listener with every service, health and reflection."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

# Before grpc: its C core writes to file descriptor 2, which may be somebody's screen.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from app.domain.errors import Failed
from app.proto.controlplane.v1 import (
    api_token_pb2,
    api_token_pb2_grpc,
    context_pb2,
    context_pb2_grpc,
    organization_pb2,
    organization_pb2_grpc,
    status_pb2,
    status_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from app.server import limits
from app.server.core.services import Services
from app.server.limits import FairExecutor
from app.server.rpc.interceptor import Interceptor
from app.server.rpc.servicers import (
    APITokenService,
    ContextService,
    HealthService,
    OrganizationService,
    StatusService,
    UserService,
)
from app.server.tls import Certificate

WORKERS = 16
MAX_REQUEST = 128 * 1024
MAX_METADATA = 24 * 1024
# At once on one connection, and how many connections there may be.
MAX_CALLS, MAX_CONNECTIONS = 20, 1000
_FAREWELL = 0.1
_REFLECTION = "grpc.reflection.v1.ServerReflection"
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_REQUEST),
    # A list is one message, however long; the client says how much it takes.
    ("grpc.max_send_message_length", -1),
    # A CI system's token may be 16 KiB long; the usual limit is half of that.
    ("grpc.max_metadata_size", MAX_METADATA),
    ("grpc.absolute_max_metadata_size", MAX_METADATA),
    ("grpc.max_concurrent_streams", MAX_CALLS),
    # Whoever connects and says nothing, or is gone without a word, is let go.
    ("grpc.server_handshake_timeout_ms", 5_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.max_connection_idle_ms", 60_000),
    # A call whose message does not arrive ends with its connection. Clients open the next one unnoticed.
    ("grpc.max_connection_age_ms", 120_000),
    ("grpc.max_connection_age_grace_ms", 60_000),
)
_FILES = (api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2)


class RpcServer:
    """Listens from `open()` on, and serves from `start()` to `stop()`, on the event loop that calls them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pool = ThreadPoolExecutor(services.settings.share(WORKERS), thread_name_prefix="rpc")
        self._health = HealthService(services.readiness)
        self.port = 0

    async def open(self, host: str, port: int, certificate: Certificate | None = None) -> None:
        """Take the port, or raise Failed."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self.port = self._open(address, certificate)
        except RuntimeError as error:
            raise Failed(
                f"the gRPC port {port} on {host} cannot be opened", hint="choose another with --grpc-port"
            ) from error

    async def start(self, public_url: str) -> None:
        """Add the services and serve. `public_url` is where the HTTP side is reached."""
        self._add_services(public_url)
        names = [name for file in _FILES for name in _service_names(file.DESCRIPTOR)]
        self._add_reflection([*names, health.SERVICE_NAME])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        for name in ("", *names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def leave(self) -> None:
        """Tell those who ask for the health, or watch it, to go elsewhere; serve all the same."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: timedelta) -> None:
        """Take no new calls, answer those that are here, and return when the last one is done."""
        await self._health.enter_graceful_shutdown()
        # Those who watch the health are told first.
        asyncio.get_running_loop().call_later(_FAREWELL, self._interceptor.end_streams)
        await self._server.stop(grace.total_seconds())
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _open(self, address: str, certificate: Certificate | None) -> int:
        services = self._services
        settings = services.settings
        executor = FairExecutor(self._pool, settings.share)
        self._interceptor = Interceptor(
            services.authentication, services.job_verifier, executor, settings.trusted_proxies
        )
        most = min(settings.share(MAX_CONNECTIONS), limits.half_of_descriptors())
        here = (
            ("grpc.max_allowed_incoming_connections", most),
            ("grpc.so_reuseport", int(settings.workers > 1)),
        )
        self._server = grpc.aio.server(interceptors=[self._interceptor], options=(*_OPTIONS, *here))
        if certificate is None:
            return self._server.add_insecure_port(address)
        return self._server.add_secure_port(address, _credentials(certificate))

    def _add_reflection(self, names: list[str]) -> None:
        """As v1alpha and as v1, which differ in the name of their package alone."""
        names = [*names, reflection.SERVICE_NAME, _REFLECTION]
        reflection.enable_server_reflection(names, self._server)
        handler = grpc.stream_stream_rpc_method_handler(
            reflection.aio.ReflectionServicer(names).ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        handlers = grpc.method_handlers_generic_handler(_REFLECTION, {"ServerReflectionInfo": handler})
        self._server.add_generic_rpc_handlers((handlers,))

    def _add_services(self, public_url: str) -> None:
        services, run = self._services, self._interceptor.run
        status = StatusService(services.readiness, services.settings, public_url)
        servicers: tuple[tuple[Callable[[Any, Any], None], object], ...] = (
            (status_pb2_grpc.add_StatusServiceServicer_to_server, status),
            (
                context_pb2_grpc.add_ContextServiceServicer_to_server,
                ContextService(run, services.organizations),
            ),
            (user_pb2_grpc.add_UserServiceServicer_to_server, UserService(run, services.organizations)),
            (
                organization_pb2_grpc.add_OrganizationServiceServicer_to_server,
                OrganizationService(run, services.organizations),
            ),
            (
                api_token_pb2_grpc.add_APITokenServiceServicer_to_server,
                APITokenService(run, services.api_tokens),
            ),
        )
        for add, servicer in servicers:
            add(servicer, self._server)


def _credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """Asked for with each handshake, so that a renewed certificate is used at once."""

    def current() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(certificate.key, certificate.chain)])

    return grpc.dynamic_ssl_server_credentials(current(), current)


def _service_names(file: FileDescriptor) -> list[str]:
    return [service.full_name for service in file.services_by_name.values()]
