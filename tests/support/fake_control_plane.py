"""A control plane in a dictionary, seen through the gateway port."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from app.domain.credentials import Credential, Endpoint, Method, Provider
from app.domain.errors import AlreadyExists, LoopinError, NotFound, SessionEnded
from app.domain.login import EndedThere
from app.domain.organizations import (
    CASBackend,
    Context,
    Membership,
    Organization,
    OrganizationSettings,
    Person,
    Role,
)
from app.domain.ports import Loader
from app.domain.read_only import require_writable
from app.domain.secret import Secret
from app.domain.server_info import SIGN_OUT, ServerInfo
from app.domain.tokens import APIToken, CreatedToken, Project, ScopeFilter, StatusFilter, TokenDraft
from tests.support.sample import ADA, CI_TOKEN, NOW, USER_TOKEN

T = TypeVar("T")


def loader(adapter: T) -> Loader[T]:
    """Load `adapter`, which is there already."""

    async def load() -> T:
        return adapter

    return load


def _story() -> list[APIToken]:
    """A few tokens of every kind; tests that need others bring their own."""
    organization = ("0rg", "acme")

    def token(
        number: int, name: str, created: float, used: float | None, expires: float | None, **more: Any
    ) -> APIToken:
        """Ages and uses in days before NOW, expiry in days after."""
        return APIToken(
            f"70000000-0000-4000-8000-{number:012d}",
            name,
            more.get("description", ""),
            *organization,
            NOW - timedelta(days=created),
            None if expires is None else NOW + timedelta(days=expires),
            more.get("revoked"),
            None if used is None else NOW - timedelta(days=used),
            more.get("project"),
            ("organization:read",),
        )

    web, ml = Project("p-web", "web"), Project("p-ml", "ml")
    return [
        token(1, "ci-legacy", 412, None, None, description="old Jenkins, rack 4"),
        token(2, "ci-release", 200, 0.002, 120, description="GitHub Actions of acme/web"),
        token(3, "nightly-scan", 300, 94, None, project=web),
        token(4, "train-gpu", 90, 2, 6, project=ml, description="GPU pool"),
        token(5, "backup", 180, 83, None),
        token(6, "demo-2025", 400, 200, -30),
        token(7, "web-preview", 60, 1, 30, project=web),
        token(8, "leaked-key", 100, 3, 90, revoked=NOW - timedelta(hours=2)),
    ]


@dataclass
class FakeControlPlane:
    """A control plane in memory, with the rules that screens depend on.

    `fail` maps a method's name, or the id of a token to be revoked, to the error it raises; `calls` lists
    what was called. `hold` makes every call wait until it is set; `held` maps a method's name to what its
    answer waits for, after it was done; `lost` to the error that comes in its place.
    """

    role: Role = Role.OWNER
    threshold: int = 90
    tokens: list[APIToken] = field(default_factory=_story)
    organizations: tuple[str, ...] = ("acme", "globex")
    current_name: str = "acme"
    capabilities: frozenset[str] = frozenset({SIGN_OUT})
    login_url: str = "https://login.acme.example/auth/login"
    dashboard: str = ""
    restricted: bool = False
    accepted: set[Secret] = field(default_factory=lambda: {USER_TOKEN, CI_TOKEN})
    fail: dict[str, LoopinError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    lost: dict[str, LoopinError] = field(default_factory=dict)
    settings: OrganizationSettings = field(default_factory=OrganizationSettings)
    cas_backend: CASBackend | None = None

    async def answer(self, name: str) -> None:
        """Wait where the answer of this method is held; raise what comes in the place of one that is lost."""
        if name in self.held:
            await self.held[name].wait()
        if name in self.lost:
            raise self.lost[name]

    def organization(self, name: str) -> Organization:
        """The organization as the server tells it."""
        return Organization(f"id-{name}", name, NOW - timedelta(days=500), self.threshold, self.settings)

    def membership(self, name: str) -> Membership:
        """Ada's place in it."""
        current = name == self.current_name
        return Membership(f"m-{name}", self.organization(name), self.role, current, person=ADA)


_READS = {"server_info", "current", "memberships", "list_tokens"}


class FakeGateway:
    """The control plane seen with one credential."""

    def __init__(
        self, plane: FakeControlPlane, credential: Credential | None, organization: str, read_only: str
    ) -> None:
        self._plane = plane
        self._credential = credential
        self._organization = organization
        self._read_only = read_only

    async def _enter(self, name: str, *, open_to_all: bool = False) -> FakeControlPlane:
        plane = self._plane
        if name not in _READS:
            require_writable(self._read_only)
        plane.calls.append(name)
        if plane.hold is not None:
            await plane.hold.wait()
        if name in plane.fail:
            raise plane.fail[name]
        if not open_to_all and (self._credential is None or self._credential.secret not in plane.accepted):
            raise SessionEnded("the session has ended", hint="sign in again", provider=Provider.CHAINLOOP)
        return plane

    @property
    def _is_token(self) -> bool:
        return self._credential is not None and self._credential.method is Method.API_TOKEN

    async def server_info(self) -> ServerInfo:
        """Where to sign in."""
        plane = await self._enter("server_info", open_to_all=True)
        return ServerInfo(
            plane.login_url,
            "v1.106",
            plane.dashboard,
            plane.capabilities,
            plane.restricted,
        )

    async def current(self) -> Context:
        """Who we are."""
        plane = await self._enter("current")
        if self._is_token:
            token_id = plane.tokens[1].id
            return Context(Person(token_id, "API-token@chainloop"), None, plane.cas_backend)
        name = self._organization or plane.current_name
        return Context(ADA, plane.membership(name) if name else None, plane.cas_backend)

    async def probe(self) -> None:
        """Whether the organization is served: `fail["probe"]`."""
        if "probe" in self._plane.fail:
            raise self._plane.fail["probe"]

    async def memberships(self) -> Sequence[Membership]:
        """Ada's organizations."""
        plane = await self._enter("memberships")
        if self._is_token:
            raise NotFound("logged in user not found")
        return [plane.membership(name) for name in plane.organizations]

    async def select_membership(self, membership_id: str) -> Membership:
        """Switch."""
        plane = await self._enter("select_membership")
        plane.current_name = membership_id.removeprefix("m-")
        await plane.answer("select_membership")
        return plane.membership(plane.current_name)

    async def create_organization(self, name: str) -> Organization:
        """Make one, which becomes the current one."""
        plane = await self._enter("create_organization")
        if name in plane.organizations:
            raise AlreadyExists("duplicated: name already taken", hint="choose another name")
        plane.organizations, plane.current_name = (*plane.organizations, name), name
        await plane.answer("create_organization")
        return plane.organization(name)

    async def set_threshold(self, organization: str, days: int) -> Organization:
        """Set it."""
        plane = await self._enter("set_threshold")
        plane.threshold = days
        await plane.answer("set_threshold")
        return plane.organization(organization)

    async def list_tokens(
        self, status: StatusFilter, scope: ScopeFilter = ScopeFilter.ANY, project: str = ""
    ) -> Sequence[APIToken]:
        """What is there, by status."""
        plane = await self._enter("list_tokens")
        wanted = {StatusFilter.ALL: (True, False), StatusFilter.ACTIVE: (False,)}.get(status, (True,))
        return [token for token in plane.tokens if (token.revoked_at is not None) in wanted]

    async def create_token(self, draft: TokenDraft) -> CreatedToken:
        """Make one; names are unique among unrevoked tokens."""
        plane = await self._enter("create_token")
        if any(token.name == draft.name and token.revoked_at is None for token in plane.tokens):
            raise AlreadyExists("this name is taken", hint="choose another name")
        token = APIToken(
            f"70000000-0000-4000-8000-{len(plane.tokens) + 900:012d}",
            draft.name,
            draft.description,
            "0rg",
            plane.current_name,
            NOW,
            NOW + draft.expires_in if draft.expires_in else None,
            project=Project(f"p-{draft.project}", draft.project) if draft.project else None,
            permissions=draft.permissions,
        )
        plane.tokens.append(token)
        await plane.answer("create_token")
        return CreatedToken(token, Secret(f"not-a-real-token-of-{draft.name}-0042"))

    async def revoke_token(self, token_id: str) -> None:
        """End one."""
        plane = await self._enter("revoke_token")
        if token_id in plane.fail:
            raise plane.fail[token_id]
        for index, token in enumerate(plane.tokens):
            if token.id == token_id and token.revoked_at is None:
                plane.tokens[index] = replace(token, revoked_at=NOW)
                await plane.answer("revoke_token")
                return
        raise NotFound("there is no such token, or it is revoked already")

    async def sign_out(self, *, everywhere: bool = False) -> EndedThere | None:
        """End the session where the server can."""
        plane = await self._enter("sign_out")
        if SIGN_OUT in plane.capabilities and self._credential is not None:
            plane.accepted.discard(self._credential.secret)
            await plane.answer("sign_out")
            return EndedThere()
        return None


class FakeGateways:
    """Opens FakeGateway values."""

    def __init__(self, plane: FakeControlPlane) -> None:
        self._plane = plane

    def open(
        self,
        endpoint: Endpoint,
        credential: Credential | None,
        organization: str = "",
        *,
        read_only: str = "",
    ) -> FakeGateway:
        """One with this credential."""
        return FakeGateway(self._plane, credential, organization, read_only)

    async def connect(self, endpoint: Endpoint) -> None:
        """There is nothing to connect to."""

    async def aclose(self) -> None:
        """Nothing to close."""
