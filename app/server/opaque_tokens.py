"""Opaque secrets: how they are created, and the hash under which they are stored."""

import hashlib
import secrets

CODE_PREFIX, ACCESS_PREFIX, REFRESH_PREFIX, KEY_PREFIX = "oac_", "oat_", "ort_", "gum_"


def new_secret(prefix: str) -> str:
    """256 random bits behind a prefix that tells what it is."""
    return prefix + secrets.token_urlsafe(32)


def hash_secret(value: str) -> str:
    """SHA-256 in hex: enough for values that nobody can guess."""
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
