"""Ports whose values a redactor learns on their way in, so that the screen can mask them (`--redact`).

Each class satisfies the port of its name and returns what the adapter behind it returns.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from app.domain.activity import ActivityEntry
from app.domain.credentials import Credential, Endpoint
from app.domain.gumloop import Team
from app.domain.keyless import Availability, CIIdentities, CIToken
from app.domain.login import EndedThere
from app.domain.organizations import Context, Membership, Organization
from app.domain.ports import ActivityStore, Gateway, Gateways, GumloopAPI, GumloopAPIs
from app.domain.redact import Redactor
from app.domain.server_info import ServerInfo
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft

T = TypeVar("T")
_SLICE = 500
"""Values that are learned before other work gets its turn."""


async def _learn_all(redactor: Redactor, values: Sequence[T]) -> Sequence[T]:
    for start in range(0, len(values), _SLICE):
        redactor.learn(values[start : start + _SLICE])
        await asyncio.sleep(0)
    return values


class LearningGateways:
    """Satisfies `Gateways`."""

    def __init__(self, inner: Gateways, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def open(
        self,
        endpoint: Endpoint,
        credential: Credential | None,
        organization: str = "",
        *,
        read_only: str = "",
    ) -> Gateway:
        """Learn where the calls go, and as whom."""
        self._redactor.learn((endpoint, credential))
        gateway = self._inner.open(endpoint, credential, organization, read_only=read_only)
        return LearningGateway(gateway, self._redactor)

    async def connect(self, endpoint: Endpoint) -> None:
        """Begin to connect."""
        await self._inner.connect(endpoint)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


class LearningGateway:
    """Satisfies `Gateway`."""

    def __init__(self, inner: Gateway, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def _learn(self, value: T) -> T:
        self._redactor.learn(value)
        return value

    async def server_info(self) -> ServerInfo:
        """Learn addresses."""
        return self._learn(await self._inner.server_info())

    async def current(self) -> Context:
        """Learn person and organization."""
        return self._learn(await self._inner.current())

    async def memberships(self) -> Sequence[Membership]:
        """Learn organizations."""
        return await _learn_all(self._redactor, await self._inner.memberships())

    async def select_membership(self, membership_id: str) -> Membership:
        """Learn the organization."""
        return self._learn(await self._inner.select_membership(membership_id))

    async def create_organization(self, name: str) -> Organization:
        """Learn the organization."""
        return self._learn(await self._inner.create_organization(name))

    async def set_threshold(self, organization: str, days: int) -> Organization:
        """Learn the organization."""
        return self._learn(await self._inner.set_threshold(organization, days))

    async def list_tokens(
        self, status: StatusFilter, scope: ScopeFilter = ScopeFilter.ANY, project: str = ""
    ) -> Sequence[APIToken]:
        """Learn names, projects and ids."""
        return await _learn_all(self._redactor, await self._inner.list_tokens(status, scope, project))

    async def probe(self) -> None:
        """Pass on."""
        await self._inner.probe()

    async def create_token(self, draft: TokenDraft) -> CreatedToken:
        """Learn the token, also when its creation fails."""
        self._redactor.learn(draft)
        return self._learn(await self._inner.create_token(draft))

    async def revoke_token(self, token_id: str) -> None:
        """Pass on."""
        await self._inner.revoke_token(token_id)

    async def sign_out(self, *, everywhere: bool = False) -> EndedThere | None:
        """Pass on."""
        return await self._inner.sign_out(everywhere=everywhere)


class LearningGumloopAPIs:
    """Satisfies `GumloopAPIs`."""

    def __init__(self, inner: GumloopAPIs, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def open(self, credential: Credential, team_id: str = "") -> GumloopAPI:
        """Learn where the requests go, and as whom."""
        self._redactor.learn(credential)
        return LearningGumloopAPI(self._inner.open(credential, team_id), self._redactor)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


class LearningGumloopAPI:
    """Satisfies `GumloopAPI`."""

    def __init__(self, inner: GumloopAPI, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    @property
    def team_id(self) -> str:
        """The team that every request is scoped to."""
        return self._inner.team_id

    async def verify(self) -> None:
        """Pass on."""
        await self._inner.verify()

    async def teams(self) -> Sequence[Team]:
        """Learn the teams."""
        return await _learn_all(self._redactor, await self._inner.teams())

    async def organizations(self) -> Sequence[str]:
        """Learn the organizations: plain names."""
        names = await self._inner.organizations()
        self._redactor.learn_names(names)
        return names


class LearningActivity:
    """Satisfies `ActivityStore`."""

    def __init__(self, inner: ActivityStore, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    async def append(self, entry: ActivityEntry) -> None:
        """Learn the entry."""
        self._redactor.learn(entry)
        await self._inner.append(entry)

    async def entries(self) -> Sequence[ActivityEntry]:
        """Learn all entries."""
        return await _learn_all(self._redactor, await self._inner.entries())

    async def operations(self) -> Sequence[ActivityEntry]:
        """Learn the entries of operations."""
        return await _learn_all(self._redactor, await self._inner.operations())


class LearningCIIdentities:
    """Satisfies `CIIdentities`."""

    def __init__(self, inner: CIIdentities, redactor: Redactor) -> None:
        self._inner = inner
        self._redactor = redactor

    def availability(self) -> Availability:
        """Pass on."""
        return self._inner.availability()

    async def token(self) -> CIToken:
        """Learn the project, the issuer and the workflow."""
        token = await self._inner.token()
        self._redactor.learn(token)
        return token
