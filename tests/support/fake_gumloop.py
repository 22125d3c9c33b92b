"""A Gumloop server in memory: the API and the OAuth endpoints, and locks that nobody else holds."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from app.domain.credentials import Credential, Endpoint
from app.domain.errors import LoopinError
from app.domain.gumloop import AuthorizationRequest, GumloopTokens, IssuerFacts, Team
from app.domain.secret import Secret

STATE = "a-state-of-the-tests"
ACCESS, REFRESH = Secret("not-a-real-access-token-5b1e"), Secret("not-a-real-refresh-token")
RENEWED, SECOND_REFRESH = Secret("not-a-real-renewed-token-9c07"), Secret("not-a-real-second-refresh-token")


class FakeGumloop:
    """Takes every credential; `fail` maps a method's name to the error it raises. It is its own API.

    `held` maps a method's name to what its answer waits for, after it was done; `lost` to the error that
    comes in its place.
    """

    team_id = ""

    def __init__(self) -> None:
        self.fail: dict[str, LoopinError] = {}
        self.calls: list[str] = []
        self.revoked: list[Secret] = []
        self.held: dict[str, asyncio.Event] = {}
        self.lost: dict[str, LoopinError] = {}

    async def _answer(self, name: str) -> None:
        if name in self.held:
            await self.held[name].wait()
        if name in self.lost:
            raise self.lost[name]

    def _enter(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fail:
            raise self.fail[name]

    # ── the API ──

    def open(self, credential: Credential, team_id: str = "") -> Self:
        """Itself."""
        return self

    async def verify(self) -> None:
        """GET models."""
        self._enter("verify")
        await self._answer("verify")

    async def teams(self) -> Sequence[Team]:
        """Two."""
        self._enter("teams")
        return (Team("t-1", "growth"), Team("t-2", "support"))

    async def organizations(self) -> Sequence[str]:
        """One."""
        return ("acme",)

    async def aclose(self) -> None:
        """Nothing to close."""

    # ── OAuth ──

    def authorization(self, endpoint: Endpoint, redirect_uri: str) -> AuthorizationRequest:
        """Always the same request."""
        url = f"https://login.gumloop.example/oauth/authorize?state={STATE}"
        return AuthorizationRequest(url, redirect_uri, STATE, Secret("not-a-real-verifier"))

    async def discover(self, endpoint: Endpoint) -> IssuerFacts:
        """Nothing is published."""
        return IssuerFacts()

    async def serves_api(self, endpoint: Endpoint) -> bool:
        """It does."""
        return True

    async def exchange(self, endpoint: Endpoint, request: AuthorizationRequest, code: str) -> GumloopTokens:
        """Tokens for an hour."""
        self._enter("exchange")
        await self._answer("exchange")
        return GumloopTokens(ACCESS, REFRESH, 3600)

    async def refresh(self, endpoint: Endpoint, refresh_token: Secret) -> GumloopTokens:
        """New tokens; the old ones are spent."""
        self._enter("refresh")
        await self._answer("refresh")
        return GumloopTokens(RENEWED, SECOND_REFRESH, 3600)

    async def revoke(self, endpoint: Endpoint, token: Secret) -> None:
        """Remember it."""
        self._enter("revoke")
        self.revoked.append(token)
        await self._answer("revoke")

    async def person(self, endpoint: Endpoint, facts: IssuerFacts, access_token: Secret) -> str:
        """Ada."""
        return "ada@acme.example"


class FreeLocks:
    """Locks that no other process holds; in this one, one at a time."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Hold it."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            yield
