"""Bearer values, and secrets that are compared (RFC 6750 §2.1)."""

import hashlib
import secrets

_CHALLENGE = 'Bearer realm="loopin"'


def bearer_in(authorization: str) -> str:
    """The value in an Authorization header; empty where it holds none."""
    scheme, _, value = authorization.partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def challenge(authorization: str) -> str:
    """The WWW-Authenticate field of a 401: an error only where a token was sent (RFC 6750 §3, §3.1)."""
    return f'{_CHALLENGE}, error="invalid_token"' if bearer_in(authorization) else _CHALLENGE


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are equal. Hashed first: then neither length nor content can be timed."""
    return secrets.compare_digest(_hashed(given), _hashed(wanted))


def _hashed(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "replace")).digest()
