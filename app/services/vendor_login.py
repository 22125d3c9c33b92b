"""The login of Chainloop's own command line, compared with those in the keychain."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from app.domain.errors import LoopinError
from app.services.stored_logins import ChainloopVault

if TYPE_CHECKING:
    from app.domain.credentials import Credential
    from app.domain.ports import Clock, Vault
    from app.domain.vendor_login import VendorLogin, VendorLogins
    from app.services.accounts import ChainloopAccounts


class VendorCopies:
    """Compares the vendor's file with the keychain. Nothing is written or sent."""

    def __init__(self, logins: VendorLogins, accounts: ChainloopAccounts, vault: Vault, clock: Clock) -> None:
        self._logins = logins
        self._accounts = accounts
        self._vault = ChainloopVault(vault)
        self._clock = clock

    async def find_unimported(self, profile: str, *, keychain: bool = True) -> VendorLogin | None:
        """Return the login in the vendor's usual file; None once it has ended, or is in the keychain.

        The keychain is searched for `profile` and those that were imported from this file. With `keychain`
        false it is not asked: it has just failed, and might take its whole timeout once more.
        """
        login = await asyncio.to_thread(self._logins.find)
        if login is None or (login.expires_at is not None and login.expires_at <= self._clock.now()):
            return None
        names = (profile, *await self._accounts.imported_from(login.path)) if keychain else ()
        for name in dict.fromkeys(names):
            with suppress(LoopinError):
                stored = await self._vault.read(name)
                if stored is not None and stored.secret == login.secret:
                    return None
        return login

    async def copy_of(self, credential: Credential) -> str:
        """Return the file that a stored login was imported from, while it still has it; else empty."""
        path = await self._accounts.copy_in(credential.profile)
        if not path:
            return ""
        with suppress(LoopinError):
            login = await asyncio.to_thread(self._logins.read, path)
            if login.secret == credential.secret:
                return path
        return ""
