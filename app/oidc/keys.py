"""Picks the key that a token names, and only one that may sign with the token's algorithm (RFC 8725 §3.1)."""

from collections.abc import Iterable, Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import base64_to_int

# What each algorithm takes: the key type and the members that make the public key (RFC 7518 §6).
_NEEDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "RS256": ("RSA", ("n", "e")),
    "ES256": ("EC", ("crv", "x", "y")),
}
ALGORITHMS = tuple(_NEEDS)
MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
PublicKey = RSAKey | ECKey


def find(keys: Iterable[Mapping[str, Any]], algorithm: str, kid: str | None) -> PublicKey | None:
    """The one usable key of that id; without an id, the only usable key there is."""
    fitting = [key for key in keys if _fits(key, algorithm) and (kid is None or key.get("kid") == kid)]
    if not fitting or (kid is None and len(fitting) > 1):
        return None
    return _imported(fitting[0], algorithm)


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    kind, members = _NEEDS[algorithm]
    right_type = key.get("kty") == kind and key.get("alg", algorithm) == algorithm
    return right_type and key.get("use", "sig") == "sig" and all(isinstance(key.get(m), str) for m in members)


def _imported(key: Mapping[str, Any], algorithm: str) -> PublicKey | None:
    kind, members = _NEEDS[algorithm]
    public = {"kty": kind} | {member: str(key[member]) for member in members}
    try:
        return _rsa(public) if kind == "RSA" else _ec(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _rsa(public: dict[str, str]) -> RSAKey | None:
    # Four characters are three octets: a huge number is refused before anybody calculates with it.
    if len(public["n"]) > MAX_RSA_BITS // 6 + 4 or len(public["e"]) > 8:
        return None
    # The size before the import, which would warn about a short key on standard error.
    if not MIN_RSA_BITS <= base64_to_int(public["n"]).bit_length() <= MAX_RSA_BITS:
        return None
    return RSAKey.import_key(dict(public))


def _ec(public: dict[str, str]) -> ECKey | None:
    if public["crv"] != "P-256":
        return None
    return ECKey.import_key(dict(public))
