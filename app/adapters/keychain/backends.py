"""Which keyring backends may hold a secret, and what to tell a person about the others.

Importing this imports `keyring`.
"""

import platform
from collections.abc import Sequence

import keyring
import keyring.backend
import keyring.errors

from app.adapters.keychain.choosing import spare_ranking
from app.domain.errors import VaultMissing

ALLOWED = {
    "keyring.backends.macOS": "macOS Keychain",
    "keyring.backends.SecretService": "Secret Service",
    "keyring.backends.libsecret": "Secret Service",
    "keyring.backends.kwallet": "KWallet",
    "keyring.backends.Windows": "Windows Credential Locker",
}
_CHAINER = "keyring.backends.chainer"
WITHOUT = "or sign in for one run with GUMLOOP_ACCESS_TOKEN or CHAINLOOP_TOKEN"
UNLOCK = "unlock it (your desktop's password program can), then try again"


def chosen() -> keyring.backend.KeyringBackend:
    """The backend that keyring picked; raise VaultMissing unless it is one that keeps a secret."""
    spare_ranking()
    try:
        backend = keyring.get_keyring()
    # A backend that was asked for by name and finds nothing to work with.
    except (RuntimeError, keyring.errors.KeyringError):
        raise _nothing() from None
    # A PYTHON_KEYRING_BACKEND that names nothing importable fails here, in ways of its own.
    except (ImportError, AttributeError, ValueError, TypeError):
        raise VaultMissing(
            "PYTHON_KEYRING_BACKEND or keyringrc.cfg names a backend that cannot be loaded",
            hint="correct it, or remove it so that the system's keychain is found",
        ) from None
    refused = [member for member in members(backend) if module_of(member) not in ALLOWED]
    if refused:
        raise _refusal(refused[0])
    if not members(backend):
        raise _nothing()
    return backend


def members(backend: keyring.backend.KeyringBackend) -> Sequence[keyring.backend.KeyringBackend]:
    """The backends behind a chainer, at any depth; else the backend itself."""
    if module_of(backend) != _CHAINER:
        return (backend,)
    inside: Sequence[keyring.backend.KeyringBackend] = getattr(backend, "backends", ())
    return tuple(inner for member in inside for inner in members(member))


def label_of(backend: keyring.backend.KeyringBackend) -> str:
    """What the keychain behind `backend` is called; the first, where there are several."""
    return ALLOWED.get(module_of(members(backend)[0]), "keychain")


def module_of(backend: keyring.backend.KeyringBackend) -> str:
    """The module that the backend's class comes from: names of classes can be borrowed."""
    return type(backend).__module__


def _refusal(backend: keyring.backend.KeyringBackend) -> VaultMissing:
    module = module_of(backend)
    if module == "keyring.backends.fail":
        return _nothing()
    if module == "keyring.backends.null":
        return VaultMissing(
            "keyring is switched off (the null backend stores nothing)", hint=f"{_remove()}, {WITHOUT}"
        )
    if module.startswith("keyrings.alt"):
        return VaultMissing(
            "keyring would keep secrets in a plain file (keyrings.alt)",
            hint=f"{_choose()} or uninstall keyrings.alt, {WITHOUT}",
        )
    return VaultMissing(
        f"Loopin does not know the keyring backend {module}.{type(backend).__name__}, and gives it no secret",
        hint=f"{_choose()}, {WITHOUT}",
    )


def _nothing() -> VaultMissing:
    if platform.system() == "Linux":
        fix = "install and unlock gnome-keyring or KWallet, in a session with D-Bus"
    else:
        fix = "unlock the system's keychain"
    return VaultMissing("no keychain was found", hint=f"{fix}, {WITHOUT}")


def _remove() -> str:
    return "unset PYTHON_KEYRING_BACKEND and look into keyringrc.cfg"


def _choose() -> str:
    if platform.system() == "Linux":
        return "set PYTHON_KEYRING_BACKEND=keyring.backends.SecretService.Keyring"
    return _remove()
