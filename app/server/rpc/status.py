"""StatusService: what this server is and whether it is well. No sign-in is needed."""

import app
from app.domain.errors import Unreachable
from app.domain.server_info import KEYLESS, SIGN_OUT, TOKEN_PERMISSIONS
from app.proto.controlplane.v1 import status_pb2, status_pb2_grpc
from app.server.rpc.health import HealthService
from app.server.rpc.interceptor import Context
from app.server.settings import ServerSettings

CAPABILITIES = (TOKEN_PERMISSIONS, SIGN_OUT, KEYLESS)


class StatusService(status_pb2_grpc.StatusServiceServicer):
    """`public_url` is where browsers reach the HTTP side."""

    def __init__(self, health: HealthService, settings: ServerSettings, public_url: str) -> None:
        self._health = health
        self._settings = settings
        self._public_url = public_url

    async def Infoz(self, request: status_pb2.InfozRequest, context: Context) -> status_pb2.InfozResponse:
        """Name the sign-in page, the version and what this server can do beyond the vendor's."""
        return status_pb2.InfozResponse(
            login_url=f"{self._public_url}/auth/login",
            version=app.__version__,
            restricted_org_creation=not self._settings.organization_creation,
            ui_dashboard_url=self._settings.dashboard_url,
            capabilities=CAPABILITIES,
        )

    async def Statusz(
        self, request: status_pb2.StatuszRequest, context: Context
    ) -> status_pb2.StatuszResponse:
        """Answer when alive; with `readiness`, only while requests can be served and should come here."""
        if request.readiness and not await self._health.is_ready():
            raise Unreachable("the server is not ready")
        return status_pb2.StatuszResponse()
