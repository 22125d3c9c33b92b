"""The app on in-memory adapters, for tests of screens: a clock that stands still, a control plane in a
dictionary, a keychain in a dictionary."""

import asyncio
import contextlib
from collections.abc import Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.container import Container
from app.domain.activity import ActivityEntry
from app.domain.credentials import ChainloopTarget, Credential, Endpoint, Method, Provider
from app.domain.errors import AlreadyExists, BrowserUnavailable, LoopinError, NotFound, SessionEnded
from app.domain.login import BrowserPage
from app.domain.organizations import Context, Membership, Organization, Person, Role
from app.domain.secret import Secret
from app.domain.server_info import SIGN_OUT, ServerInfo
from app.domain.status import VaultStatus
from app.domain.tokens import APIToken, CreatedToken, Project, ScopeFilter, StatusFilter, TokenDraft
from app.main import LoopinApp
from app.services.chainloop_session import API_TOKEN_AUDIENCE, USER_AUDIENCE
from app.services.chainloop_vault import ChainloopVault, StoredLogin
from app.settings import Settings
from tests.support.fake_gumloop import FakeGumloop, FreeLocks

NOW = datetime(2026, 3, 14, 12, 4, 31, tzinfo=UTC)
ENDPOINT = Endpoint(Provider.CHAINLOOP, "api.acme.example:443")
ADA = Person("11111111-0000-4000-8000-000000000001", "ada@acme.example", "Ada", "Sample")
USER_TOKEN = Secret("not-a-real-session-of-ada-3c9a")
CI_TOKEN = Secret("not-a-real-token-of-ci-release-77f0")


class FakeClock:
    """Stands still until it is told to go on; `sleep` ends when enough time was given."""

    def __init__(self, now: datetime = NOW) -> None:
        self._start = self._now = now
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The moment."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (self._now - self._start).total_seconds()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced by that much."""
        until = self._now + timedelta(seconds=seconds)
        while self._now < until:
            await self._moved.wait()


class FakeVault:
    """A keychain in a dictionary; `error` is what every call answers when set."""

    def __init__(self, label: str = "GNOME Keyring") -> None:
        self.label = label
        self.entries: dict[tuple[str, str], Secret] = {}
        self.error: LoopinError | None = None
        self.probes = 0

    async def probe(self) -> VaultStatus:
        """The label, and `error`."""
        self.probes += 1
        return VaultStatus(self.label, self.error)

    async def read(self, service: str, account: str) -> Secret | None:
        """The entry."""
        self._check()
        return self.entries.get((service, account))

    async def write(self, service: str, account: str, secret: Secret) -> None:
        """Keep it."""
        self._check()
        self.entries[service, account] = secret

    async def delete(self, service: str, account: str) -> None:
        """Drop it."""
        self._check()
        self.entries.pop((service, account), None)

    def _check(self) -> None:
        if self.error is not None:
            raise self.error


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

    `fail` maps a method's name to the error it raises; `calls` lists what was called. `hold` makes
    every call wait until it is set.
    """

    role: Role = Role.OWNER
    threshold: int = 90
    tokens: list[APIToken] = field(default_factory=_story)
    organizations: tuple[str, ...] = ("acme", "globex")
    current_name: str = "acme"
    capabilities: frozenset[str] = frozenset({SIGN_OUT})
    dashboard: str = ""
    accepted: set[Secret] = field(default_factory=lambda: {USER_TOKEN, CI_TOKEN})
    fail: dict[str, LoopinError] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None

    def organization(self, name: str) -> Organization:
        """The organization as the server tells it."""
        return Organization(f"id-{name}", name, NOW - timedelta(days=500), self.threshold)

    def membership(self, name: str) -> Membership:
        """Ada's place in it."""
        return Membership(f"m-{name}", self.organization(name), self.role, name == self.current_name)


class FakeGateway:
    """The control plane seen with one credential."""

    def __init__(self, plane: FakeControlPlane, credential: Credential | None, organization: str) -> None:
        self._plane = plane
        self._credential = credential
        self._organization = organization

    async def _enter(self, name: str, *, open_to_all: bool = False) -> FakeControlPlane:
        plane = self._plane
        plane.calls.append(name)
        if plane.hold is not None:
            await plane.hold.wait()
        if name in plane.fail:
            raise plane.fail[name]
        if not open_to_all and (self._credential is None or self._credential.secret not in plane.accepted):
            raise SessionEnded("the session has ended", hint="sign in again")
        return plane

    @property
    def _is_token(self) -> bool:
        return self._credential is not None and self._credential.method is Method.API_TOKEN

    async def server_info(self) -> ServerInfo:
        """Where to sign in."""
        plane = await self._enter("server_info", open_to_all=True)
        return ServerInfo(
            "https://login.acme.example/auth/login", "v1.106", plane.dashboard, plane.capabilities
        )

    async def current(self) -> Context:
        """Who we are."""
        plane = await self._enter("current")
        if self._is_token:
            token_id = plane.tokens[1].id
            return Context(Person(token_id, "API-token@chainloop", is_person=False), None)
        return Context(ADA, plane.membership(self._organization or plane.current_name))

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
        return plane.membership(plane.current_name)

    async def set_threshold(self, organization: str, days: int) -> Organization:
        """Set it."""
        plane = await self._enter("set_threshold")
        plane.threshold = days
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
        return CreatedToken(token, Secret(f"not-a-real-token-of-{draft.name}-0042"))

    async def revoke_token(self, token_id: str) -> None:
        """End one."""
        plane = await self._enter("revoke_token")
        for index, token in enumerate(plane.tokens):
            if token.id == token_id and token.revoked_at is None:
                plane.tokens[index] = replace(token, revoked_at=NOW)
                return
        raise NotFound("there is no such token, or it is revoked already")

    async def sign_out(self, *, everywhere: bool = False) -> bool:
        """End the session where the server can."""
        plane = await self._enter("sign_out")
        if SIGN_OUT in plane.capabilities and self._credential is not None:
            plane.accepted.discard(self._credential.secret)
            return True
        return False


class FakeGateways:
    """Opens FakeGateway values."""

    def __init__(self, plane: FakeControlPlane) -> None:
        self._plane = plane

    def open(self, endpoint: Endpoint, credential: Credential | None, organization: str = "") -> FakeGateway:
        """One with this credential."""
        return FakeGateway(self._plane, credential, organization)

    async def aclose(self) -> None:
        """Nothing to close."""


class FakeBrowser:
    """Says that it opened the page; with `error` it does not."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.error: BrowserUnavailable | None = None

    async def open(self, url: str) -> str:
        """Remember the address."""
        if self.error is not None:
            raise self.error
        self.opened.append(url)
        return "firefox"


@dataclass
class FakeCallback:
    """What arrived, and what the browser was shown."""

    params: Mapping[str, str]
    shown: list[BrowserPage] = field(default_factory=list)

    async def answer(self, page: BrowserPage) -> None:
        """Keep the page."""
        self.shown.append(page)


class FakeListener:
    """A listener without a socket: a test puts callbacks into `arrivals`."""

    def __init__(self, port: int, path: str) -> None:
        self.address = f"http://127.0.0.1:{port}{path}"
        self.arrivals: asyncio.Queue[FakeCallback] = asyncio.Queue()
        self.open = False

    async def next(self) -> FakeCallback:
        """The next arrival."""
        return await self.arrivals.get()

    async def __aenter__(self) -> Self:
        self.open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open = False


class FakeListeners:
    """Makes FakeListener values; `busy` maps a port to the error it raises."""

    def __init__(self) -> None:
        self.made: list[FakeListener] = []
        self.busy: dict[int, LoopinError] = {}

    async def listen(self, port: int, path: str) -> FakeListener:
        """Bind nothing."""
        if port in self.busy:
            raise self.busy[port]
        self.made.append(FakeListener(port or 41873, path))
        return self.made[-1]

    async def aclose(self) -> None:
        """Nothing lingers."""


class MemoryAccounts:
    """Facts of profiles in a dictionary."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], dict[str, str]] = {}

    async def profiles(self, provider: str) -> Sequence[str]:
        """Names."""
        return [profile for name, profile in self.known if name == provider]

    async def remember(self, provider: str, profile: str, facts: Mapping[str, str]) -> None:
        """Keep."""
        self.known[provider, profile] = dict(facts)

    async def facts(self, provider: str, profile: str) -> Mapping[str, str]:
        """Tell."""
        return self.known.get((provider, profile), {})

    async def forget(self, provider: str, profile: str) -> None:
        """Drop."""
        self.known.pop((provider, profile), None)


class MemoryActivity:
    """A trail in a list."""

    def __init__(self, *entries: ActivityEntry) -> None:
        self.lines = list(entries)
        self.error: LoopinError | None = None

    async def append(self, entry: ActivityEntry) -> None:
        """Add."""
        self.lines.append(entry)

    async def entries(self) -> Sequence[ActivityEntry]:
        """All."""
        if self.error is not None:
            raise self.error
        return tuple(self.lines)


class MemoryKnown:
    """The ids of the last listing, in a dictionary."""

    def __init__(self) -> None:
        self.ids: dict[tuple[str, str], frozenset[str]] = {}

    async def read(self, endpoint: str, organization: str) -> frozenset[str] | None:
        """Tell."""
        return self.ids.get((endpoint, organization))

    async def write(self, endpoint: str, organization: str, ids: Collection[str]) -> None:
        """Keep."""
        self.ids[endpoint, organization] = frozenset(ids)


class MemoryPreferences:
    """What the person chose, in a dictionary."""

    def __init__(self) -> None:
        self.chosen: dict[str, str] = {}

    async def remember(self, name: str, value: str) -> None:
        """Keep."""
        self.chosen[name] = value


class FakeClipboard:
    """Takes everything, and remembers it."""

    def __init__(self) -> None:
        self.copied: list[str] = []
        self.error: LoopinError | None = None

    async def copy(self, text: str) -> str:
        """Keep it."""
        if self.error is not None:
            raise self.error
        self.copied.append(text)
        return "copied with wl-copy"


@dataclass(frozen=True)
class FakeDemo:
    """A demo whose sweep revokes nothing."""

    email: str = "ada@acme.example"
    password: str = "demo-password-not-real"

    @property
    def samples(self) -> Mapping[Method, Mapping[str, str]]:
        """A key, and a token that the sample control plane takes."""
        user = "11111111-0000-4000-8000-000000000001"
        return {
            Method.API_KEY: {"key": "gum_demo_not_a_real_key", "user": user},
            Method.API_TOKEN: {"token": CI_TOKEN.reveal()},
        }

    async def sweep(self) -> int:
        """Nothing to do."""
        return 0


def claims_of(token: Secret) -> Mapping[str, Any]:
    """What the sample tokens say of themselves."""
    if token == CI_TOKEN:
        return {"aud": [API_TOKEN_AUDIENCE], "jti": "ci", "org_name": "acme", "token_name": "ci-release"}
    if token.reveal().startswith("not-a-real-session"):
        return {"aud": [USER_AUDIENCE], "exp": int((NOW + timedelta(hours=23, minutes=12)).timestamp())}
    return {}


class FakeContainer(Container):
    """The real services on the fakes above; every fake is an attribute that a test can reach."""

    def __init__(self, settings: Settings, *, signed_in: bool) -> None:
        super().__init__(settings)
        self.plane = FakeControlPlane()
        self.fake_vault = FakeVault()
        self.fake_clock = FakeClock()
        self.fake_browser = FakeBrowser()
        self.fake_listeners = FakeListeners()
        self.fake_activity = MemoryActivity()
        self.gumloop = FakeGumloop()
        self.fake_preferences = MemoryPreferences()
        self.fake_clipboard = FakeClipboard()
        self.__dict__.update(
            clock=self.fake_clock,
            vault=self.fake_vault,
            browser=self.fake_browser,
            listeners=self.fake_listeners,
            gateways=FakeGateways(self.plane),
            gumloop_apis=self.gumloop,
            gumloop_oauth=self.gumloop,
            locks=FreeLocks(),
            accounts=MemoryAccounts(),
            activity=self.fake_activity,
            known_tokens=MemoryKnown(),
            preferences=self.fake_preferences,
            clipboard=self.fake_clipboard,
            browser_obstacle="",
            claims=claims_of,
        )
        if signed_in:
            self.store(USER_TOKEN)

    def store(self, secret: Secret, method: Method = Method.BROWSER) -> None:
        """Put a login into the keychain."""
        finish(ChainloopVault(self.fake_vault).write("default", StoredLogin(secret, method, ENDPOINT)))


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits, also inside a running loop."""
    with contextlib.suppress(StopIteration):
        work.send(None)


def settings(
    *, keys: Mapping[str, str] | None = None, environment: Secret | None = None, theme: str = "loopin-dark"
) -> Settings:
    """Client-side settings that touch no folder."""
    return Settings(
        config_dir=Path("/nowhere/config"),
        state_dir=Path("/nowhere/state"),
        theme=theme,
        near_days=14,
        keychain_timeout=1.0,
        request_timeout=1.0,
        chainloop=ChainloopTarget(default=ENDPOINT, environment=environment),
        chainloop_max_recv=2**25,
        keys=dict(keys or {}),
    )


def container(*, signed_in: bool = True, **given: Any) -> FakeContainer:
    """A container on the fakes; `given` goes to `settings`."""
    return FakeContainer(settings(**given), signed_in=signed_in)


def app(
    box: FakeContainer | None = None, *, screen: str = "accounts", demo: FakeDemo | None = None
) -> LoopinApp:
    """The app on the fakes."""
    return LoopinApp(box or container(), screen=screen, demo=demo)
