"""Writing and removing entries in a keyring backend. Importing this imports `keyring`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyring.backend import KeyringBackend
from keyring.backends import SecretService

from app.adapters.keychain.limits import check_size
from app.adapters.keychain.reading import is_there

if TYPE_CHECKING:
    from app.adapters.keychain.kept import Kept
    from app.adapters.keychain.secret_service import Writer
    from app.domain.secret import Secret


def prepare(backend: KeyringBackend, kept: Kept[Writer]) -> None:
    """Do now what a change would do first, where that can be kept."""
    if type(backend) is SecretService.Keyring:
        from app.adapters.keychain.secret_service import change

        change(backend, kept, lambda writer: writer.exchange_keys())


def put(backend: KeyringBackend, kept: Kept[Writer], service: str, account: str, secret: Secret) -> None:
    """Create or replace the entry; raise VaultDenied for a secret that does not fit."""
    check_size(backend, secret)
    if type(backend) is SecretService.Keyring:
        from app.adapters.keychain.secret_service import change

        change(backend, kept, lambda writer: writer.put(service, account, secret))
    else:
        backend.set_password(service, account, secret.reveal())


def remove(backend: KeyringBackend, kept: Kept[Writer], service: str, account: str) -> None:
    """Remove the entry; one that is not there is fine."""
    if type(backend) is SecretService.Keyring:
        from app.adapters.keychain.secret_service import change

        change(backend, kept, lambda writer: writer.remove(service, account))
    # Backends disagree on what deleting a missing entry raises, so it is looked at first.
    elif is_there(backend, service, account):
        _delete(backend, service, account)


def _delete(backend: KeyringBackend, service: str, account: str) -> None:
    try:
        backend.delete_password(service, account)
    # Another process may have been faster: then it is gone, which is all that is wanted.
    except Exception as error:
        raced = type(error).__name__ in {"PasswordDeleteError", "ItemNotFoundException"}
        if not raced or is_there(backend, service, account):
            raise
