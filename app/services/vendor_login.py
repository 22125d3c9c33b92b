"""Which login of Chainloop's own command line lies here, and which is a copy of one in the keychain."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from app.domain.errors import LoopinError
from app.services.chainloop_vault import ChainloopVault

if TYPE_CHECKING:
    from app.domain.credentials import Credential
    from app.domain.ports import Clock, Vault
    from app.domain.vendor_login import VendorLogin, VendorLogins
    from app.services.chainloop_accounts import ChainloopMemory


class VendorCopies:
    """Compares the vendor's file with the keychain. Nothing is written, and no server is asked."""

    def __init__(self, logins: VendorLogins, memory: ChainloopMemory, vault: Vault, clock: Clock) -> None:
        self._logins = logins
        self._memory = memory
        self._vault = ChainloopVault(vault)
        self._clock = clock

    async def not_taken_over(self, profile: str, *, keychain: bool = True) -> VendorLogin | None:
        """The login in the vendor's usual file; None once it has ended, and when the keychain has it.

        Looked at in the keychain are `profile` and those that were taken over from this file. One that has
        just failed (`keychain` False) is not asked again: it may take its whole patience once more.
        """
        login = await asyncio.to_thread(self._logins.find)
        if login is None or (login.expires_at is not None and login.expires_at <= self._clock.now()):
            return None
        names = (profile, *await self._memory.taken_over_from(login.path)) if keychain else ()
        for name in dict.fromkeys(names):
            with suppress(LoopinError):
                stored = await self._vault.read(name)
                if stored is not None and stored.secret == login.secret:
                    return None
        return login

    async def copy_of(self, credential: Credential) -> str:
        """The file that a stored login was taken over from, as long as it still holds it; else empty."""
        path = await self._memory.copy_in(credential.profile)
        if not path:
            return ""
        with suppress(LoopinError):
            login = await asyncio.to_thread(self._logins.read, path)
            if login.secret == credential.secret:
                return path
        return ""
