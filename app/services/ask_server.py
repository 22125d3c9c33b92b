"""What the control plane in use can do, and where its web pages are."""

from app.domain.server_info import ServerInfo
from app.services.chainloop_session import ChainloopSession


class AskServer:
    """Infoz, which anyone may ask."""

    def __init__(self, session: ChainloopSession) -> None:
        self._session = session

    async def do(self) -> ServerInfo:
        """Ask the server of the credential in effect."""
        return await (await self._session.gateway()).server_info()
