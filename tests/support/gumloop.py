"""A Loopin beside the stub Gumloop server: real clients and listener, a keychain that can break."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.domain.credentials import Endpoint, Method, Provider
from app.domain.errors import BrowserUnavailable, VaultError
from app.domain.gumloop import GumloopLogin
from app.domain.login import LoginStep, SignedIn, StepState
from app.domain.secret import Secret
from app.services.stored_logins import GUMLOOP_SERVICE, GumloopVault
from app.settings import load
from tests.support.gumloop_stub import Gumloop, allow
from tests.support.login_steps import marked_once

FIELDS = ("access_token", "refresh_token", "api_key", "user_id", "base_url")


class BreakingVault(MemoryVault):
    """A keychain that can stop taking changes: `changes` are still taken, then every change fails."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: int | None = None
        self.written: list[str] = []

    async def write(self, service: str, account: str, secret: Secret) -> None:
        self._spend()
        await super().write(service, account, secret)
        self.written.append(account.partition(":")[2])

    async def delete(self, service: str, account: str) -> None:
        self._spend()
        await super().delete(service, account)
        self.written.append(f"-{account.partition(':')[2]}")

    def _spend(self) -> None:
        if self.changes is not None:
            if self.changes == 0:
                raise VaultError("the keychain went away", hint="unlock it")
            self.changes -= 1

    def entries(self, profile: str = "default") -> dict[str, str]:
        """What is stored for the profile, by field."""
        return {
            account.partition(":")[2]: secret.reveal()
            for (service, account), secret in self._entries.items()
            if service == GUMLOOP_SERVICE and account.startswith(f"{profile}:")
        }


class MovableClock:
    """Real time with an offset; with `hurry` waiting takes no time, `meanwhile` happens before each wait."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.hurry = False
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        if self.meanwhile:
            await self.meanwhile()
        await asyncio.sleep(0 if self.hurry else seconds)


class AllowingBrowser:
    """Opens the page as a browser would, allows, and follows the redirect to Loopin's listener.

    `change` may tamper with the callback's address; `page` is what the person saw at the end.
    """

    def __init__(self) -> None:
        self.change: Callable[[str], list[str]] = lambda address: [address]
        self.missing = False
        self.pages: list[str] = []
        self.addresses: list[str] = []
        self._visit: asyncio.Task[None] | None = None

    async def open(self, url: str) -> str:
        if self.missing:
            raise BrowserUnavailable("there is no display", hint="open the address elsewhere")
        self._visit = asyncio.create_task(self._go(url))
        return "test browser"

    async def decide(self, url: str) -> str:
        """What the person does on the page; the address where the server sends the browser."""
        return await allow(url)

    async def _go(self, url: str) -> None:
        for address in self.change(await self.decide(url)):
            async with httpx.AsyncClient(follow_redirects=True) as browser:
                answer = await browser.get(address)
            self.pages.append(answer.text)
            self.addresses.append(str(answer.url))

    async def closed(self) -> None:
        """Wait until the person has seen the last page."""
        if self._visit is not None:
            await self._visit


@dataclass
class Desk:
    """A person at a machine: keychain, browser, clock, and Loopin started as often as needed."""

    folder: Path
    gumloop: Gumloop
    vault: BreakingVault = field(default_factory=BreakingVault)
    browser: AllowingBrowser = field(default_factory=AllowingBrowser)
    clock: MovableClock = field(default_factory=MovableClock)

    @asynccontextmanager
    async def loopin(self, profile: str = "default", **environ: str) -> AsyncIterator[Container]:
        """Start Loopin; `environ` is its environment."""
        settings = load(self.environment(**environ), {"gumloop_profile": profile})
        container = Container(settings, vault=self.vault, browser=self.browser, clock=self.clock)
        try:
            yield container
        finally:
            await container.aclose()
            await self.browser.closed()

    def environment(self, **environ: str) -> Mapping[str, str]:
        """The variables of a run; the base URL is the stub's unless another one is given."""
        usual = {
            "LOOPIN_CONFIG_DIR": str(self.folder / "config"),
            "LOOPIN_STATE_DIR": str(self.folder / "state"),
            "GUMLOOP_BASE_URL": self.gumloop.base_url,
        }
        return usual | environ

    @property
    def endpoint(self) -> Endpoint:
        """The stub's endpoint."""
        return Endpoint(Provider.GUMLOOP, self.gumloop.base_url, insecure=True)

    async def signed_in(self, profile: str = "default") -> GumloopLogin:
        """Store an OAuth login that the server knows, as if signed in earlier."""
        tokens = self.gumloop.issue()
        refresh = tokens.get("refresh_token")
        login = GumloopLogin(
            Method.OAUTH,
            Secret(tokens["access_token"]),
            self.endpoint,
            "",
            Secret(refresh) if refresh else None,
        )
        await GumloopVault(self.vault, self.endpoint).write(profile, login)
        self.vault.written.clear()
        return login

    async def stored(self, profile: str = "default") -> GumloopLogin | None:
        """What the keychain holds."""
        return (await GumloopVault(self.vault, self.endpoint).read(profile)).login


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Reads are asked again at once; how long the pauses would have been."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr("app.adapters.http.retry.asyncio", SimpleNamespace(sleep=sleep))
    return pauses


@pytest.fixture
def desk(tmp_path: Path, gumloop: Gumloop) -> Desk:
    """A person beside the stub server."""
    return Desk(tmp_path, gumloop)


async def follow(steps: AsyncIterator[LoginStep]) -> list[LoginStep]:
    """All steps of a sign-in."""
    return marked_once([step async for step in steps])


def result_of(steps: list[LoginStep]) -> SignedIn:
    """The end of a sign-in that worked."""
    assert steps[-1].error is None, steps[-1].error
    assert steps[-1].result is not None
    return steps[-1].result


def told(steps: list[LoginStep]) -> str:
    """The sentence of a sign-in that failed."""
    assert steps[-1].state is StepState.FAILED, steps[-1]
    assert steps[-1].error is not None
    return steps[-1].error.message
