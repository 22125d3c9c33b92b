"""What gRPC says of the health, without a database."""

from typing import Any, cast

import pytest
from grpc_health.v1 import health_pb2

from app.server.rpc.servicers import HealthService

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


class FakeReadiness:
    """Answers at once, as the real one does from what the database said a moment ago."""

    def __init__(self, answer: bool) -> None:
        self._answer = answer

    async def ready(self) -> bool:
        return self._answer


@pytest.mark.parametrize(("ready", "status"), [(True, SERVING), (False, NOT_SERVING)])
async def test_it_is_the_readiness_that_http_tells(ready: bool, status: int) -> None:
    """No probe of its own, which would wait behind others for a database that hangs."""
    service = HealthService(cast("Any", FakeReadiness(ready)))
    await service.set("", SERVING)
    answer = await service.Check(health_pb2.HealthCheckRequest(), None)
    assert answer.status == status
