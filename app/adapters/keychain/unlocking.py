"""Asks a person to unlock the keychain. Importing this imports `keyring`."""

import threading
from collections.abc import Callable
from typing import Protocol

from keyring.backend import KeyringBackend

from app.adapters.keychain.backends import ALLOWED, UNLOCK, WITHOUT, members, module_of
from app.domain.errors import VaultLocked

APPLICATION = "loopin"


class Wallet(Protocol):
    """What is used of keyring's back end for KWallet, which has no types."""

    def connected(self, service: str) -> bool: ...


def unlock(
    backend: KeyringBackend, named: Callable[[str], None], patience: float, given_up: threading.Event
) -> None:
    """Return when the keychain of `backend` is unlocked; raise VaultLocked when it stays locked.

    Waits `patience` seconds, until `given_up` is set. A keychain that asks by itself when it is used has
    nothing to be asked.
    """
    first = members(backend)[0]
    module = module_of(first)
    if ALLOWED[module] == "Secret Service":
        from app.adapters.keychain import secret_service

        secret_service.unlock(first, named, patience, given_up)
    elif ALLOWED[module] == "KWallet":
        _open_wallet(first)  # type: ignore[arg-type]  # keyring's back ends have no types


def _open_wallet(backend: Wallet) -> None:
    """KWallet shows its own prompt, and gives it half a minute."""
    if not backend.connected(APPLICATION):
        raise VaultLocked("KWallet is locked", hint=f"{UNLOCK}, {WITHOUT}")
