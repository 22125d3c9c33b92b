"""The Chainloop adapter, loaded when a gateway is first opened: reading a stored login needs none."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.adapters.chainloop.client import ChainloopGateway, ChainloopGateways
    from app.domain.credentials import Credential, Endpoint


class LateChainloopGateways:
    """Satisfies `Gateways`."""

    def __init__(self, *, max_receive: int, timeout: float) -> None:
        self._max_receive = max_receive
        self._timeout = timeout

    @cached_property
    def _real(self) -> ChainloopGateways:
        from app.adapters.chainloop.client import ChainloopGateways

        return ChainloopGateways(max_receive=self._max_receive, timeout=self._timeout)

    def open(
        self, endpoint: Endpoint, credential: Credential | None, organization: str = ""
    ) -> ChainloopGateway:
        """Return a gateway; nothing is connected yet."""
        return self._real.open(endpoint, credential, organization)

    async def connect(self, endpoint: Endpoint) -> None:
        """Begin to connect, and send nothing."""
        await self._real.connect(endpoint)

    async def aclose(self) -> None:
        """Close all connections."""
        if "_real" in self.__dict__:
            await self._real.aclose()
