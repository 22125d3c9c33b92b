"""The Gumloop half of `loopin status` and the Accounts screen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.credentials import Credential, Provider
from app.domain.errors import LoopinError
from app.domain.status import ProviderStatus
from app.services.gumloop_accounts import GumloopFacts
from app.services.gumloop_session import GumloopSession, organization_of

if TYPE_CHECKING:
    # To look at what is stored here takes none of them.
    from app.domain.organizations import Identity
    from app.domain.ports import GumloopAPI, Vault


class GumloopStatus:
    """Reads the status of the Gumloop profile in use."""

    def __init__(self, session: GumloopSession, vault: Vault) -> None:
        self._session = session
        self._vault = vault

    async def do(self, *, online: bool = True) -> ProviderStatus:
        """Look at the sources; with `online` ask the server too. What fails is told inside."""
        status, credential = await self._offline()
        if not online or credential is None:
            return status
        try:
            organization, used = await self._session.call_with(credential, _ask)
        except LoopinError as error:
            return replace(status, error=error)
        if used is not credential:
            # Asking renewed the session: what is known of it changed.
            status, credential = await self._offline()
            if credential is None:
                return status
        return replace(status, identity=await self._identity(credential, organization))

    async def _offline(self) -> tuple[ProviderStatus, Credential | None]:
        resolution, error = await self._session.inspect()
        credential = resolution.credential
        facts = await self._session.facts(credential) if credential else GumloopFacts()
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


async def _ask(api: GumloopAPI) -> str:
    await api.verify()
    return await organization_of(api)
