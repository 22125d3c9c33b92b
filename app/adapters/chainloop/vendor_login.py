"""The login in the configuration file of Chainloop's own command line: read, never written."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.domain import inputs
from app.domain.claims import expiry_of, method_of
from app.domain.credentials import Endpoint, Provider
from app.domain.errors import UsageError
from app.domain.text import clean
from app.domain.vendor_login import VendorLogin
from app.settings import read_vendor_file, value_at

if TYPE_CHECKING:
    from app.domain.ports import Claims

_NAME = "name the file with --config FILE, or sign in with: loopin chainloop auth login"
_TRUE, _FALSE = frozenset({"1", "t", "true"}), frozenset({"", "0", "f", "false"})


def default_path() -> Path | None:
    """The file that the vendor's program uses unless another is named; None where no home folder is known."""
    import platformdirs

    try:
        path = platformdirs.user_config_path("chainloop", appauthor=False) / "config.toml"
    except (RuntimeError, OSError, KeyError):
        return None
    return path if path.is_absolute() else None


class VendorLoginFile:
    """Reads logins from such files. `default` is the usual one, None where there is none to look at."""

    def __init__(self, claims: Claims, default: Path | None) -> None:
        self._claims = claims
        self._default = default

    def find(self) -> VendorLogin | None:
        """The login in the usual file; None for no file, no login, and what cannot be read."""
        # Most people have no such file, and need no reader.
        if self._default is None or not os.path.isfile(self._default):
            return None
        try:
            return self.read()
        except UsageError:
            return None

    def read(self, path: str = "") -> VendorLogin:
        """The login in the file `path`, empty for the usual one; raise UsageError."""
        place = inputs.read_path(path, "--config") if path else self._default
        if place is None:
            raise UsageError("the Chainloop command line has no configuration file here", hint=_NAME)
        shown = inputs.with_tilde(place)
        tables = read_vendor_file(place, shown, _NAME)
        try:
            token = inputs.read_secret(_text(tables, "auth.token"), "auth.token")
        except UsageError as error:
            raise UsageError(f"{shown} holds no login: {error.message}", hint=_NAME) from None
        if token is None:
            raise UsageError(f"{shown} holds no login: auth.token is not set", hint=_NAME)
        claims = self._claims(token)
        endpoint, problem = _server(tables)
        return VendorLogin(
            shown,
            token,
            endpoint,
            method_of(claims),
            expiry_of(claims),
            clean(_organization(tables), 100),
            problem,
            readable_by_others(place),
        )


def readable_by_others(path: Path) -> bool:
    """True when somebody else may read the file, and may go through every folder above it."""
    if os.name != "posix":
        return False
    try:
        real = path.resolve()
        mode, folders = real.stat().st_mode, [folder.stat().st_mode for folder in real.parents]
    except (OSError, RuntimeError):
        return False
    reading = ((stat.S_IRGRP, stat.S_IXGRP), (stat.S_IROTH, stat.S_IXOTH))
    return any(mode & read and all(folder & enter for folder in folders) for read, enter in reading)


def _text(tables: Mapping[str, Any], key: str) -> str:
    value = value_at(tables, key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"{key} is not text")
    return value


def _organization(tables: Mapping[str, Any]) -> str:
    value = value_at(tables, "organization")
    return value.strip() if isinstance(value, str) else ""


def _server(tables: Mapping[str, Any]) -> tuple[Endpoint | None, str]:
    """The server of the login, or why the file does not tell it."""
    try:
        return _endpoint(tables), ""
    except UsageError as error:
        return None, error.message


def _endpoint(tables: Mapping[str, Any]) -> Endpoint:
    address = inputs.read_address(_text(tables, "control-plane.api"), "control-plane.API")
    if address is None:
        raise UsageError("control-plane.API is not set")
    insecure = _insecure(tables)
    if address.insecure not in {None, insecure}:
        raise UsageError("control-plane.API and api-insecure do not agree about TLS")
    return Endpoint(Provider.CHAINLOOP, address.text, insecure, _authority(tables))


def _insecure(tables: Mapping[str, Any]) -> bool:
    text = str(value_at(tables, "api-insecure") or "").strip().lower()
    if text not in _TRUE | _FALSE:
        raise UsageError("api-insecure is neither true nor false")
    return text in _TRUE


def _authority(tables: Mapping[str, Any]) -> str:
    """A path becomes absolute: it is stored with the login, and used from any folder."""
    text = inputs.read_text(_text(tables, "control-plane.api-ca"), "control-plane.api-ca")
    if not text or inputs.certificate_in(text):
        return text
    return str(inputs.read_path(text, "control-plane.api-ca"))
