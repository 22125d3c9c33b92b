"""What a keychain that cannot be used says to a person: what happened, and the next step.

What a library raised is never quoted: its text may hold the secret.
"""

import sys

from app.domain.errors import VaultDenied, VaultError, VaultLocked, VaultMissing, VaultSilent

UNLOCK = "unlock it (your desktop's password program can), then try again"
WITHOUT = "or sign in for one run with GUMLOOP_ACCESS_TOKEN or CHAINLOOP_TOKEN"


def locked(label: str) -> VaultLocked:
    """It is locked, and no prompt was shown."""
    return VaultLocked(f"{label} is locked", hint=UNLOCK)


def not_unlocked(label: str) -> VaultLocked:
    """A person was asked to unlock it, and did not."""
    return VaultLocked(f"{label} is locked, and was not unlocked", hint=f"{UNLOCK}, {WITHOUT}")


def denied(label: str) -> VaultDenied:
    """It does not let Loopin in."""
    return VaultDenied(f"{label} refused", hint=f"allow Loopin to use it, {WITHOUT}")


def too_large(limit: int, size: int) -> VaultDenied:
    """The secret does not fit into an entry of Windows."""
    return VaultDenied(
        f"Windows Credential Locker holds {limit} bytes an entry, this login needs {size}",
        hint="name the extra authority by its path, or use CHAINLOOP_TOKEN",
    )


def not_found() -> VaultMissing:
    """This machine, or this session, has none."""
    if sys.platform == "linux":
        fix = "install and unlock gnome-keyring or KWallet, in a session with D-Bus"
    else:
        fix = "unlock the system's keychain"
    return VaultMissing("no keychain was found", hint=f"{fix}, {WITHOUT}")


def not_running() -> VaultMissing:
    """Nobody answers on D-Bus any more."""
    return VaultMissing(
        "no keychain service answers on D-Bus",
        hint=f"start gnome-keyring or KWallet in a session with D-Bus, {WITHOUT}",
    )


def no_default_collection(label: str) -> VaultMissing:
    """The Secret Service has nowhere to store an entry."""
    return VaultMissing(
        f"{label} has no default keyring yet",
        hint=f"make one with your desktop's password program, for example Seahorse, {WITHOUT}",
    )


def silent(label: str, seconds: float) -> VaultSilent:
    """It did not answer in time."""
    return VaultSilent(
        f"{label} did not answer within {seconds:g} s",
        hint="answer its prompt if it shows one, or restart it; "
        "GUMLOOP_ACCESS_TOKEN and CHAINLOOP_TOKEN work without it",
    )


def not_loadable() -> VaultMissing:
    """Somebody chose a backend of keyring that does not exist."""
    return VaultMissing(
        "PYTHON_KEYRING_BACKEND or keyringrc.cfg names a backend that cannot be loaded",
        hint="correct it, or remove it so that the system's keychain is found",
    )


def not_trusted(module: str, name: str) -> VaultMissing:
    """The backend of keyring that would be used is not known to keep a secret."""
    if module == "keyring.backends.fail":
        return not_found()
    if module == "keyring.backends.null":
        return VaultMissing(
            "keyring is switched off (the null backend stores nothing)", hint=f"{_REMOVE}, {WITHOUT}"
        )
    choose = _CHOOSE if sys.platform == "linux" else _REMOVE
    if module.startswith("keyrings.alt"):
        return VaultMissing(
            "keyring would keep secrets in a plain file (keyrings.alt)",
            hint=f"{choose} or uninstall keyrings.alt, {WITHOUT}",
        )
    return VaultMissing(
        f"Loopin does not know the keyring backend {module}.{name}, and gives it no secret",
        hint=f"{choose}, {WITHOUT}",
    )


def translate(error: Exception, label: str) -> VaultError:
    """What no library has a class for."""
    if isinstance(error, PermissionError):
        return denied(label)
    # A bus that is gone.
    if isinstance(error, OSError | EOFError):
        return not_running()
    return VaultError(
        f"{label} failed ({type(error).__name__})",
        hint=f"look whether it works with: python -m keyring, {WITHOUT}",
    )


_REMOVE = "unset PYTHON_KEYRING_BACKEND and look into keyringrc.cfg"
_CHOOSE = "set PYTHON_KEYRING_BACKEND=keyring.backends.SecretService.Keyring"
