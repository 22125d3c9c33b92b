"""What Loopin remembers that is not secret, in dictionaries."""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from app.domain.activity import ActivityEntry
from app.domain.errors import LoopinError, UsageError
from app.domain.vendor_login import VendorLogin


class MemoryAccounts:
    """Facts of profiles in a dictionary."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], dict[str, str]] = {}
        self.error: LoopinError | None = None
        self.held: asyncio.Event | None = None
        self.updates = 0

    async def profiles(self, provider: str) -> Sequence[str]:
        """Names."""
        return [profile for name, profile in self.known if name == provider]

    async def remember(self, provider: str, profile: str, facts: Mapping[str, str]) -> None:
        """Keep."""
        self.known[provider, profile] = dict(facts)

    async def update(self, provider: str, profile: str, facts: Mapping[str, str]) -> None:
        """Add, or raise `error`; wait for `held` before."""
        self.updates += 1
        if self.held is not None:
            await self.held.wait()
        if self.error is not None:
            raise self.error
        self.known[provider, profile] = {**self.known.get((provider, profile), {}), **facts}

    async def facts(self, provider: str, profile: str) -> Mapping[str, str]:
        """Tell."""
        return self.known.get((provider, profile), {})

    async def forget(self, provider: str, profile: str) -> None:
        """Drop."""
        self.known.pop((provider, profile), None)


class MemoryVendorLogins:
    """The configuration file of Chainloop's own command line: one login, or none."""

    def __init__(self) -> None:
        self.login: VendorLogin | None = None

    def find(self) -> VendorLogin | None:
        """It."""
        return self.login

    def read(self, path: str = "") -> VendorLogin:
        """It, whatever the path."""
        if self.login is None:
            raise UsageError("there is no file ~/.config/chainloop/config.toml", hint="name the file")
        return self.login


class MemoryActivity:
    """A trail in a list."""

    def __init__(self, *entries: ActivityEntry) -> None:
        self.lines = list(entries)
        self.error: LoopinError | None = None
        self.full: LoopinError | None = None

    async def append(self, entry: ActivityEntry) -> None:
        """Add, or raise `full`."""
        if self.full is not None:
            raise self.full
        self.lines.append(entry)

    async def entries(self) -> Sequence[ActivityEntry]:
        """All."""
        if self.error is not None:
            raise self.error
        return tuple(self.lines)

    async def operations(self) -> Sequence[ActivityEntry]:
        """Those of operations."""
        return tuple(line for line in await self.entries() if line.operation)


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
