"""The Gumloop adapters, loaded when a server is first spoken to: httpx takes longer than reading a login."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.adapters.gumloop.client import HttpGumloopAPI, HttpGumloopAPIs
    from app.adapters.gumloop.oauth import AuthlibGumloopOAuth
    from app.domain.credentials import Credential, Endpoint
    from app.domain.gumloop import AuthorizationRequest, GumloopTokens, IssuerFacts
    from app.domain.secret import Secret


class LateGumloopAPIs:
    """Satisfies `GumloopAPIs`."""

    def __init__(self, *, timeout: float, agent: str) -> None:
        self._timeout = timeout
        self._agent = agent

    @cached_property
    def _real(self) -> HttpGumloopAPIs:
        from app.adapters.gumloop.client import HttpGumloopAPIs

        return HttpGumloopAPIs(timeout=self._timeout, agent=self._agent)

    def open(self, credential: Credential, team_id: str = "") -> HttpGumloopAPI:
        """The API with `credential`."""
        return self._real.open(credential, team_id)

    async def aclose(self) -> None:
        """Close what was opened."""
        if "_real" in self.__dict__:
            await self._real.aclose()


class LateGumloopOAuth:
    """Satisfies `GumloopOAuth`."""

    def __init__(self, *, timeout: float, agent: str) -> None:
        self._timeout = timeout
        self._agent = agent

    @cached_property
    def _real(self) -> AuthlibGumloopOAuth:
        from app.adapters.gumloop.oauth import AuthlibGumloopOAuth

        return AuthlibGumloopOAuth(timeout=self._timeout, agent=self._agent)

    def authorization(self, endpoint: Endpoint, redirect_uri: str) -> AuthorizationRequest:
        """Make a fresh request."""
        return self._real.authorization(endpoint, redirect_uri)

    async def discover(self, endpoint: Endpoint) -> IssuerFacts:
        """What the server publishes about itself."""
        return await self._real.discover(endpoint)

    async def serves_api(self, endpoint: Endpoint) -> bool:
        """False when the base URL leads to no API."""
        return await self._real.serves_api(endpoint)

    async def exchange(self, endpoint: Endpoint, request: AuthorizationRequest, code: str) -> GumloopTokens:
        """Turn a code into tokens."""
        return await self._real.exchange(endpoint, request, code)

    async def refresh(self, endpoint: Endpoint, refresh_token: Secret) -> GumloopTokens:
        """Get new tokens."""
        return await self._real.refresh(endpoint, refresh_token)

    async def revoke(self, endpoint: Endpoint, token: Secret) -> None:
        """End the token at the server."""
        await self._real.revoke(endpoint, token)

    async def person(self, endpoint: Endpoint, facts: IssuerFacts, access_token: Secret) -> str:
        """Who signed in."""
        return await self._real.person(endpoint, facts, access_token)
