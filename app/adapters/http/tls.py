"""Whom to trust: the usual authorities, and an extra one.

Both httpx and gRPC get their roots from here, so that one setting means the same for both: the
bundle that SSL_CERT_FILE names, else the one that comes with certifi. What a person names is read as PEM or
DER, whatever stands around the certificates, and handed on as plain PEM. gRPC's own
GRPC_DEFAULT_SSL_ROOTS_FILE_PATH is honoured by gRPC alone, while no extra authority is set.
"""

import os
import re
import ssl
from functools import lru_cache
from pathlib import Path

from app.domain import inputs
from app.domain.errors import TLSFailed, UsageError
from app.domain.text import clean

_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:X509 )?CERTIFICATE-----\s*([A-Za-z0-9+/=\s]+?)-----END (?:X509 )?CERTIFICATE-----"
)
_FORMS = "give the path of a PEM or DER file, PEM text, or base64 of it"
_CORRECT = "correct it, or unset it"
BUNDLE, FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"


def read_authority(ca: str) -> bytes:
    """Return as PEM the certificates that `ca` is, names or encodes (a path, PEM, base64 of PEM or DER).

    Raise UsageError for a file that cannot be read, and when it is none of them.
    """
    source = "the extra authority (--control-plane-ca)"
    text = inputs.read_text(ca, source)
    data = inputs.certificate_in(text) or _from_file(text, source)
    if pem := _normalized(data):
        return pem
    what = "a private key" if b"PRIVATE KEY-----" in data else "not a certificate"
    raise UsageError(f"{source} is {what}", hint=_FORMS)


def roots(ca: str) -> bytes | None:
    """All trusted authorities as PEM; None when the library's own are right."""
    bundle = _named(BUNDLE)
    if not ca and not bundle:
        return None
    return _bundle(bundle) + (b"\n" + read_authority(ca) if ca else b"")


def context(ca: str) -> ssl.SSLContext:
    """The same trust for httpx, which also knows a folder of authorities (SSL_CERT_DIR).

    Without an extra authority every caller gets the same one: reading the usual authorities takes 25 ms.
    Raise TLSFailed when a variable names something that is none.
    """
    bundle, folder = _named(BUNDLE), _named(FOLDER)
    if not ca:
        return _shared(bundle, folder)
    trust = _usual(bundle, folder)
    trust.load_verify_locations(cadata=read_authority(ca).decode("ascii"))
    return trust


def _named(variable: str) -> str:
    try:
        path = inputs.read_path(os.environ.get(variable, ""), variable)
    except UsageError as error:
        raise TLSFailed(error.message, hint=_CORRECT) from None
    return str(path) if path else ""


def _usual(bundle: str, folder: str) -> ssl.SSLContext:
    if folder and not bundle:
        try:
            return ssl.create_default_context(capath=folder)
        except OSError as error:
            raise TLSFailed(f"{FOLDER} cannot be read: {error.strerror}", hint=_CORRECT) from None
    if bundle:
        return ssl.create_default_context(cadata=_bundle(bundle).decode("ascii"))
    import certifi

    return ssl.create_default_context(cafile=certifi.where())


_shared = lru_cache(maxsize=1)(_usual)


def _normalized(data: bytes) -> bytes:
    """Return the certificates in `data` as PEM and nothing else; b"" when there is none that can be read."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", "replace").encode()
    found = [b"".join(body.split()) for body in _CERTIFICATE.findall(data)]
    pem = "".join(
        f"-----BEGIN CERTIFICATE-----\n{_wrapped(body)}\n-----END CERTIFICATE-----\n" for body in found
    )
    try:
        if not found and data.startswith(b"\x30"):
            pem = ssl.DER_cert_to_PEM_cert(data)
        ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError):
        return b""
    return pem.encode()


def _wrapped(body: bytes) -> str:
    text = body.decode("ascii")
    return "\n".join(text[start : start + 64] for start in range(0, len(text), 64))


def _from_file(path: str, source: str) -> bytes:
    place = inputs.read_path(path, source)
    try:
        return place.read_bytes() if place else b""
    except OSError as error:
        raise UsageError(
            f"the extra authority {clean(path, 200)} (--control-plane-ca) cannot be read: {error.strerror}",
            hint=_FORMS,
        ) from None
    except ValueError:
        return b""


def _bundle(path: str) -> bytes:
    import certifi

    if not path:
        return Path(certifi.where()).read_bytes()
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise TLSFailed(f"{BUNDLE} cannot be read: {error.strerror}", hint=_CORRECT) from None
    if pem := _normalized(data):
        return pem
    raise TLSFailed(f"{BUNDLE} holds no certificate", hint=_CORRECT)
