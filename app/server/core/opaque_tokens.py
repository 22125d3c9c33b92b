"""Opaque secrets: how they are made, and the hash under which they are stored."""

import hashlib
import hmac
import secrets

from app.server.core.key_ring import Ring

CODE_PREFIX, ACCESS_PREFIX, REFRESH_PREFIX, KEY_PREFIX = "oac_", "oat_", "ort_", "gum_"
_PURPOSE = "oauth refresh successor"


def fresh(prefix: str) -> str:
    """256 random bits behind a prefix that tells what it is."""
    return prefix + secrets.token_urlsafe(32)


def digest(value: str) -> str:
    """SHA-256 in hex: enough for values that nobody can guess."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()


class Successors:
    """The refresh token that follows another.

    It is worked out from its predecessor and a key of the server, so that a repeated request can be given
    the same one although only hashes are stored. Every key of the ring is tried for an old one.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    @property
    def _keys(self) -> tuple[bytes, ...]:
        # Worked out each time: keys may be rotated while we run.
        return self._ring.derive(_PURPOSE)

    def make(self, token: str) -> str:
        """The successor of `token` under today's key."""
        return _derive(self._keys[0], token)

    def find(self, token: str, successor_hash: str | None) -> str | None:
        """The successor of `token` that has this hash, or None when its key is gone."""
        made = (_derive(key, token) for key in self._keys)
        return next((value for value in made if digest(value) == successor_hash), None)


def _derive(key: bytes, token: str) -> str:
    return REFRESH_PREFIX + hmac.digest(key, token.encode("utf-8", "replace"), hashlib.sha256).hex()
