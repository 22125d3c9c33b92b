"""grpc.health.v1: SERVING while the database can be used, as /readyz says it."""

from typing import Any

from grpc_health.v1 import health, health_pb2

from app.server.core.health import Readiness

_SERVING = health_pb2.HealthCheckResponse.SERVING


class HealthService(health.aio.HealthServicer):
    """Check asks the database as well. A watch tells of the stop only."""

    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self._readiness = readiness

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Any) -> Any:
        """NOT_FOUND for a service that there is none of."""
        answer = await super().Check(request, context)
        if answer.status == _SERVING and not await self.is_ready():
            return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)
        return answer

    async def is_ready(self) -> bool:
        """Whether requests can be served, and should come here."""
        return await self._readiness.ready()
