"""The status of the providers: which credential is in effect, and from which source."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.claims import expiry_of
from app.domain.credentials import Credential, Provider, Source
from app.domain.errors import LoopinError
from app.domain.status import ProviderStatus
from app.services.accounts import GumloopAccount
from app.services.gumloop_session import GumloopSession, organization_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    # Nothing of these is needed to read what is stored here.
    from app.domain.credentials import Resolution
    from app.domain.organizations import Identity
    from app.domain.ports import GumloopAPI, Vault
    from app.services.chainloop_session import ChainloopSession
    from app.services.vendor_login import VendorCopies


class ChainloopStatus:
    """Reads the status of the Chainloop profile in use."""

    def __init__(self, session: ChainloopSession, vault: Vault, copies: VendorCopies | None = None) -> None:
        self._session = session
        self._vault = vault
        self._copies = copies

    async def read_status(self, *, online: bool = True) -> ProviderStatus:
        """Read the sources; with `online` ask the server too. Errors are returned, not raised."""
        resolution, error = await self._session.inspect()
        status = await self._with_copies(await self._read_sources(resolution, error), resolution)
        return await self._ask_server(status, resolution) if online and status.signed_in else status

    async def _read_sources(self, resolution: Resolution, error: LoopinError | None) -> ProviderStatus:
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
            vendor_login=await self._copies.find_unimported(status.profile, keychain=works),
            copy_in=await self._copies.copy_of(stored) if stored else "",
        )

    async def _ask_server(self, status: ProviderStatus, resolution: Resolution) -> ProviderStatus:
        try:
            context, identity = await self._session.identify(resolution.credential)
        except LoopinError as error:
            return replace(status, error=error)
        expires_at = identity.expires_at or status.expires_at
        return replace(status, identity=identity, context=context, expires_at=expires_at)

    async def probe_organization(self, status: ProviderStatus) -> ProviderStatus:
        """Return `status` with the error of a suspended organization, which `read_status` does not find."""
        if status.context is None or status.error is not None:
            return status
        try:
            await self._session.probe(status.context)
        except LoopinError as error:
            return replace(status, error=error)
        return status


class GumloopStatus:
    """Reads the status of the Gumloop profile in use."""

    def __init__(self, session: GumloopSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def read_status(self, *, online: bool = True) -> ProviderStatus:
        """Read the sources; with `online` ask the server too. Errors are returned, not raised."""
        status, credential = await self._read_sources()
        if not online or credential is None:
            return status
        try:
            organization, used = await self._session.call_with(credential, _verify)
        except LoopinError as error:
            return replace(status, error=error)
        if used is not credential:
            # The session was renewed: its expiry is another one.
            status, credential = await self._read_sources()
            if credential is None:
                return status
        return replace(status, identity=await self._identity(credential, organization))

    async def _read_sources(self) -> tuple[ProviderStatus, Credential | None]:
        resolution, error = await self._session.inspect()
        credential = resolution.credential
        facts = await self._session.facts(credential) if credential else GumloopAccount()
        team = await self._session.team_id(credential) if credential else self._session.target.team_id
        status = ProviderStatus(
            Provider.GUMLOOP,
            self._session.target.profile,
            credential is not None,
            credential.method if credential else None,
            credential.source if credential else None,
            resolution.endpoint.address,
            resolution.candidates,
            resolution.all_warnings,
            team_id=team,
            expires_at=facts.expires_at,
            stored_in=self._vault.label if resolution.stored else "",
            error=error,
            renews=bool(credential and credential.refresh_token),
            team_name=facts.team_name if team == facts.team_id else "",
        )
        return status, credential

    async def _identity(self, credential: Credential, organization: str) -> Identity:
        from app.domain.organizations import Identity

        facts = await self._session.facts(credential)
        return Identity(
            name=credential.user_id or facts.identity,
            organization=organization or facts.organization,
            role=None,
            method=credential.method.title,
            expires_at=facts.expires_at,
        )


async def _verify(api: GumloopAPI) -> str:
    await api.verify()
    return await organization_of(api)


class StatusService:
    """Both providers at once."""

    def __init__(self, gumloop: GumloopStatus, chainloop: ChainloopStatus) -> None:
        self._gumloop, self._chainloop = gumloop, chainloop

    async def read_statuses(self, *, online: bool = True) -> tuple[ProviderStatus, ...]:
        """Return one status a provider, in the order in which the screen shows them."""
        gumloop, chainloop = (
            self._gumloop.read_status(online=online),
            self._chainloop.read_status(online=online),
        )
        return tuple(await asyncio.gather(gumloop, chainloop))

    async def probe_organization(self, statuses: Sequence[ProviderStatus]) -> tuple[ProviderStatus, ...]:
        """Return the statuses with the error of a suspended organization; it takes one more call."""
        gumloop, chainloop = statuses
        return gumloop, await self._chainloop.probe_organization(chainloop)
