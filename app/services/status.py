"""What `loopin status` and the Accounts screen show: per provider, which credential is in effect and why."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from app.domain.claims import expiry_of
from app.domain.credentials import Provider, Source
from app.domain.errors import LoopinError
from app.domain.status import ProviderStatus
from app.services.chainloop_session import ChainloopSession

if TYPE_CHECKING:
    from app.domain.credentials import Resolution
    from app.domain.ports import Vault
    from app.services.vendor_login import VendorCopies


class ReadStatus(Protocol):
    """Reads the status of one provider."""

    async def do(self, *, online: bool = True) -> ProviderStatus:
        """Look at the sources; with `online` ask the server too. What fails is told inside."""


class ChainloopStatus:
    """The Chainloop half."""

    def __init__(self, session: ChainloopSession, vault: Vault, copies: VendorCopies | None = None) -> None:
        self._session = session
        self._vault = vault
        self._copies = copies

    async def do(self, *, online: bool = True) -> ProviderStatus:
        """Look at the sources; with `online` ask the server too. What fails is told inside."""
        resolution, error = await self._session.inspect()
        status = await self._with_copies(await self._offline(resolution, error), resolution)
        return await self._ask(status, resolution) if online and status.signed_in else status

    async def _offline(self, resolution: Resolution, error: LoopinError | None) -> ProviderStatus:
        credential = resolution.credential
        return ProviderStatus(
            Provider.CHAINLOOP,
            self._session.target.profile,
            credential is not None,
            credential.method if credential else None,
            credential.source if credential else None,
            resolution.endpoint.address,
            resolution.candidates,
            resolution.all_warnings,
            expires_at=expiry_of(self._session.claims(credential)) if credential else None,
            stored_in=self._vault.label if resolution.stored else "",
            error=error,
        )

    async def _with_copies(self, status: ProviderStatus, resolution: Resolution) -> ProviderStatus:
        if self._copies is None:
            return status
        works = status.error is None and resolution.keychain is None
        stored = resolution.credential if status.source is Source.KEYCHAIN else None
        return replace(
            status,
            vendor_login=await self._copies.not_taken_over(status.profile, keychain=works),
            copy_in=await self._copies.copy_of(stored) if stored else "",
        )

    async def _ask(self, status: ProviderStatus, resolution: Resolution) -> ProviderStatus:
        try:
            context, identity = await self._session.identify(resolution.credential)
        except LoopinError as error:
            return replace(status, error=error)
        expires_at = identity.expires_at or status.expires_at
        return replace(status, identity=identity, context=context, expires_at=expires_at)

    async def probe(self, status: ProviderStatus) -> ProviderStatus:
        """Return `status` with what hinders its organization: in a suspended one `do` finds no error."""
        if status.context is None or status.error is not None:
            return status
        try:
            await self._session.probe(status.context)
        except LoopinError as error:
            return replace(status, error=error)
        return status


class Overview:
    """Both providers at once."""

    def __init__(self, gumloop: ReadStatus, chainloop: ChainloopStatus) -> None:
        self._gumloop, self._chainloop = gumloop, chainloop

    async def do(self, *, online: bool = True) -> tuple[ProviderStatus, ...]:
        """One status a provider, in the order in which the screen shows them."""
        gumloop, chainloop = self._gumloop.do(online=online), self._chainloop.do(online=online)
        return tuple(await asyncio.gather(gumloop, chainloop))

    async def probe(self, statuses: Sequence[ProviderStatus]) -> tuple[ProviderStatus, ...]:
        """Return the statuses of `do`, with what hinders the organization in use; it takes one more call."""
        gumloop, chainloop = statuses
        return gumloop, await self._chainloop.probe(chainloop)
