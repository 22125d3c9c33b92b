"""Between what keychains raise and our errors. Importing this imports `keyring`."""

import keyring.errors

from app.adapters.keychain.backends import UNLOCK, WITHOUT
from app.domain.errors import VaultDenied, VaultError, VaultLocked, VaultMissing

_NO_SERVICE = ("ServiceUnknown", "NameHasNoOwner", "Spawn", "Disconnected", "NoServer", "NoReply")
_NO_ACCESS = ("AccessDenied", "AuthFailed")


def translate(error: Exception, label: str) -> VaultError:
    """The domain error. The original's text is dropped: it may quote the secret."""
    if isinstance(error, keyring.errors.KeyringLocked) or _named(error, "Locked", "PromptDismissed"):
        return VaultLocked(
            f"the {label} is locked" if label == "keychain" else f"{label} is locked",
            hint=UNLOCK,
        )
    dbus = str(getattr(error, "name", "") or "")
    if any(word in dbus for word in _NO_SERVICE) or _is_missing(error):
        return VaultMissing(
            "no keychain service answers on D-Bus",
            hint=f"start gnome-keyring or KWallet in a session with D-Bus, {WITHOUT}",
        )
    if isinstance(error, PermissionError | keyring.errors.PasswordSetError) or any(
        word in dbus for word in _NO_ACCESS
    ):
        return VaultDenied(f"{label} refused", hint=f"allow Loopin to use it, {WITHOUT}")
    return VaultError(
        f"{label} failed ({type(error).__name__})",
        hint=f"look whether it works with: python -m keyring, {WITHOUT}",
    )


def _named(error: Exception, *words: str) -> bool:
    """Classes of optional libraries are known by name, so that they need not be importable."""
    return any(word in kind.__name__ for kind in type(error).__mro__ for word in words)


def _is_missing(error: Exception) -> bool:
    """A dead bus shows as an OSError, EOFError or one of its library's own errors."""
    if isinstance(error, keyring.errors.NoKeyringError | keyring.errors.InitError):
        return True
    return _named(error, "NotAvailable") or (
        isinstance(error, OSError | EOFError) and not isinstance(error, PermissionError)
    )
