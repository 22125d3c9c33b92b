"""A vault that forgets everything with the process: for the demo."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from app.domain.secret import Secret
from app.domain.status import VaultStatus

LABEL = "memory (demo)"


class MemoryVault:
    """Keeps secrets in this process only."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Secret] = {}

    @property
    def label(self) -> str:
        """What it is called."""
        return LABEL

    async def probe(self) -> VaultStatus:
        """Always usable."""
        return VaultStatus(LABEL)

    async def unlock(self) -> None:
        """It has no lock."""

    async def read(self, service: str, account: str) -> Secret | None:
        """Return the entry, or None."""
        return self._entries.get((service, account))

    async def read_all(self, service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
        """Return the entries, in the given order."""
        return tuple([await self.read(service, account) for account in accounts])

    async def write(self, service: str, account: str, secret: Secret) -> None:
        """Create or replace the entry."""
        self._entries[service, account] = secret

    async def delete(self, service: str, account: str) -> None:
        """Remove the entry; one that is not there is fine."""
        self._entries.pop((service, account), None)

    def kept_open(self) -> AbstractContextManager[None]:
        """There is no way to it that could be shut."""
        return nullcontext()
