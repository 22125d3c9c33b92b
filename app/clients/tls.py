"""Whom to trust: the usual authorities, and an extra one.

Both httpx and gRPC get their roots from here, so that one setting means the same for both: the
bundle that SSL_CERT_FILE names, else the one that comes with certifi. gRPC's own
GRPC_DEFAULT_SSL_ROOTS_FILE_PATH is honoured by gRPC alone, while no extra authority is set.
"""

import base64
import binascii
import os
import ssl
from functools import lru_cache
from pathlib import Path

from app.domain.errors import TLSFailed, UsageError
from app.domain.text import clean

_MARK = b"-----BEGIN"
_FORMS = "give the path of a PEM file, PEM text, or base64 of PEM text"


def read_authority(ca: str) -> bytes:
    """Return the PEM text that `ca` is, names or encodes (a path, PEM, base64 of PEM).

    Raise UsageError for a file that cannot be read, TLSFailed when it is none of them.
    """
    text = ca.strip().encode()
    if _MARK not in text:
        text = _decoded(text) or _from_file(ca.strip())
    try:
        ssl.create_default_context(cadata=text.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise _unusable() from None
    return text


def roots(ca: str) -> bytes | None:
    """All trusted authorities as PEM; None when the library's own are right."""
    bundle = os.environ.get("SSL_CERT_FILE", "")
    if not ca and not bundle:
        return None
    return _bundle(bundle) + (b"\n" + read_authority(ca) if ca else b"")


def context(ca: str) -> ssl.SSLContext:
    """The same trust for httpx, which also knows a folder of authorities (SSL_CERT_DIR).

    Without an extra authority every caller gets the same one: reading the usual authorities takes 25 ms.
    Raise TLSFailed when a variable names something that is none.
    """
    bundle, folder = os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", "")
    if not ca:
        return _shared(bundle, folder)
    trust = _usual(bundle, folder)
    trust.load_verify_locations(cadata=read_authority(ca).decode("ascii"))
    return trust


def _usual(bundle: str, folder: str) -> ssl.SSLContext:
    import certifi

    try:
        return (
            ssl.create_default_context(capath=folder)
            if folder and not bundle
            else ssl.create_default_context(cafile=bundle or certifi.where())
        )
    except ssl.SSLError:
        raise TLSFailed("SSL_CERT_FILE holds no certificate", hint="correct it, or unset it") from None
    except OSError as error:
        raise _unreadable(error) from None


_shared = lru_cache(maxsize=1)(_usual)


def _decoded(text: bytes) -> bytes:
    try:
        decoded = base64.b64decode(b"".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        return b""
    return decoded if _MARK in decoded else b""


def _from_file(path: str) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise UsageError(
            f"the extra authority {clean(path, 200)} (--control-plane-ca) cannot be read: {error.strerror}",
            hint=_FORMS,
        ) from None
    except (ValueError, RuntimeError):
        raise _unusable() from None


def _bundle(path: str) -> bytes:
    import certifi

    try:
        return Path(path or certifi.where()).read_bytes()
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> TLSFailed:
    return TLSFailed(f"SSL_CERT_FILE cannot be read: {error.strerror}", hint="correct it, or unset it")


def _unusable() -> TLSFailed:
    return TLSFailed(
        "the extra authority (--control-plane-ca) is not a certificate",
        hint=_FORMS,
    )
