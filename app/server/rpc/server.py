"""The gRPC listener with every service, health and reflection."""

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
from grpc_reflection.v1alpha import reflection

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
from app.server.database.engine import Database
from app.server.health import is_ready
from app.server.parts import Parts
from app.server.rpc.api_token import APITokenService
from app.server.rpc.calls import Gate
from app.server.rpc.context import ContextService
from app.server.rpc.organization import OrganizationService
from app.server.rpc.status import StatusService
from app.server.rpc.user import UserService
from app.server.tls import Certificate

WORKERS = 16
MAX_REQUEST = 1024 * 1024
MAX_METADATA = 24 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_REQUEST),
    # A list is one message, however long; the client says how much it takes.
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
    # A CI system's token may be 16 KiB long; the usual limit is half of that.
    ("grpc.max_metadata_size", MAX_METADATA),
    ("grpc.absolute_max_metadata_size", MAX_METADATA),
)
_FILES = (api_token_pb2, context_pb2, organization_pb2, status_pb2, user_pb2)


class RpcServer:
    """Listens at once; serves from `start()` to `stop()`."""

    def __init__(self, parts: Parts, host: str, port: int, certificate: Certificate | None = None) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(WORKERS, thread_name_prefix="rpc"),
            interceptors=[Gate(parts.identify, parts.federated, parts.settings.trusted_proxies)],
            options=_OPTIONS,
        )
        self._parts = parts
        self._health = _Health(parts.database)
        try:
            self.port = self._open(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", certificate)
        except RuntimeError as error:
            raise Failed(
                f"the gRPC port {port} on {host} cannot be opened", hint="choose another with --grpc-port"
            ) from error

    def _open(self, address: str, certificate: Certificate | None) -> int:
        if certificate is None:
            return self._server.add_insecure_port(address)
        return self._server.add_secure_port(address, _credentials(certificate))

    def start(self, public_url: str) -> None:
        """Add the services and serve. `public_url` is where the HTTP side is reached."""
        self._add_services(public_url)
        names = [name for file in _FILES for name in _service_names(file.DESCRIPTOR)]
        reflection.enable_server_reflection(
            [*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        for name in ("", *names):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._server.start()

    def stop(self, grace: timedelta) -> None:
        """Take no new calls, answer those that are here, and return when the last one is done."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace.total_seconds()).wait()

    def _add_services(self, public_url: str) -> None:
        parts = self._parts
        services: tuple[tuple[Callable[[Any, grpc.Server], None], object], ...] = (
            (status_pb2_grpc.add_StatusServiceServicer_to_server, StatusService(parts.database, public_url)),
            (
                context_pb2_grpc.add_ContextServiceServicer_to_server,
                ContextService(parts.read_context, parts.read_organization),
            ),
            (
                user_pb2_grpc.add_UserServiceServicer_to_server,
                UserService(parts.list_memberships, parts.select_membership),
            ),
            (
                organization_pb2_grpc.add_OrganizationServiceServicer_to_server,
                OrganizationService(parts.update_organization),
            ),
            (
                api_token_pb2_grpc.add_APITokenServiceServicer_to_server,
                APITokenService(parts.create_token, parts.list_tokens, parts.revoke_token),
            ),
        )
        for add, service in services:
            add(service, self._server)


class _Health(health.HealthServicer):
    """SERVING while the database can be used, as /healthz says it. A watch tells of the stop only."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    def Check(
        self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext
    ) -> health_pb2.HealthCheckResponse:
        """Ask the database as well."""
        answer: health_pb2.HealthCheckResponse = super().Check(request, context)
        serving = health_pb2.HealthCheckResponse.SERVING
        if answer.status == serving and not is_ready(self._database):
            return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)
        return answer


def _credentials(certificate: Certificate) -> grpc.ServerCredentials:
    """Asked for with each handshake, so that a renewed certificate is used at once."""

    def current() -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(certificate.key, certificate.chain)])

    return grpc.dynamic_ssl_server_credentials(current(), current)


def _service_names(file: FileDescriptor) -> list[str]:
    return [service.full_name for service in file.services_by_name.values()]
