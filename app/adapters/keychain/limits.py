"""What a keychain cannot hold."""

import keyring.backend

from app.adapters.keychain.backends import members, module_of
from app.domain.errors import VaultDenied
from app.domain.secret import Secret

WINDOWS_BYTES = 2560
"""CRED_MAX_CREDENTIAL_BLOB_SIZE; the text is stored as UTF-16."""


def check_size(backend: keyring.backend.KeyringBackend, secret: Secret) -> None:
    """Raise VaultDenied for a secret that Windows would refuse with a number."""
    if not any(module_of(member) == "keyring.backends.Windows" for member in members(backend)):
        return
    size = len(secret.reveal().encode("utf-16-le"))
    if size > WINDOWS_BYTES:
        raise VaultDenied(
            f"Windows Credential Locker holds {WINDOWS_BYTES} bytes an entry, this login needs {size}",
            hint="name the extra authority by its path, or use CHAINLOOP_TOKEN",
        )
