"""What stands on a desk, without the desk: clock, keychain, browser, listener, clipboard."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from app.domain.errors import BrowserUnavailable, LoopinError
from app.domain.login import BrowserPage
from app.domain.secret import Secret
from app.domain.status import VaultStatus
from tests.support.sample import NOW


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
    """A keychain in a dictionary; `error` is what every call answers when set. A write waits for `held`."""

    def __init__(self, label: str = "GNOME Keyring") -> None:
        self.label = label
        self.entries: dict[tuple[str, str], Secret] = {}
        self.error: LoopinError | None = None
        self.held: asyncio.Event | None = None
        self.unlocking = False
        self.answered = asyncio.Event()
        self.answered.set()

    async def probe(self) -> VaultStatus:
        """The label, and `error`."""
        return VaultStatus(self.label, self.error)

    async def unlock(self) -> None:
        """Wait until the prompt is `answered`."""
        self.unlocking = True
        await self.answered.wait()
        self._check()

    async def read(self, service: str, account: str) -> Secret | None:
        """The entry."""
        self._check()
        return self.entries.get((service, account))

    async def read_all(self, service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
        """The entries."""
        return tuple([await self.read(service, account) for account in accounts])

    async def write(self, service: str, account: str, secret: Secret) -> None:
        """Keep it."""
        self._check()
        if self.held is not None:
            await self.held.wait()
        self.entries[service, account] = secret

    def kept_open(self) -> AbstractContextManager[None]:
        """Nothing is shut."""
        return nullcontext()

    async def delete(self, service: str, account: str) -> None:
        """Drop it."""
        self._check()
        self.entries.pop((service, account), None)

    def _check(self) -> None:
        if self.error is not None:
            raise self.error


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
