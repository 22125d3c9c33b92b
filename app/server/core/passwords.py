"""Passwords: their rules, and their hashes with argon2id (RFC 9106)."""

import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.domain.errors import UsageError
from app.server.limits import Busy, Limit

MIN_LENGTH, MAX_LENGTH = 12, 1024
# Seconds for a turn; a hash takes a tenth of one.
PATIENCE = 2.0
# How many at once.
HASHES = 2


def check_password(password: str) -> str:
    """Return `password`, or raise UsageError for one that is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise UsageError(
            f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters", hint="four random words will do"
        )
    return password


def hash_password(password: str) -> str:
    """A new hash with a random salt, without the limit of Passwords: for commands."""
    return PasswordHasher().hash(password)


class Passwords:
    """Hashes and verifies. An unknown account costs the same time as a known one.

    Each hash takes 64 MiB, so only a few are computed at once. Raises Busy while many wait for that.
    """

    def __init__(self, at_once: int = HASHES) -> None:
        self._hasher = PasswordHasher()
        self._limit = Limit(at_once, PATIENCE, Busy)
        self._decoy = self._hasher.hash(secrets.token_hex(16))

    def hash(self, password: str) -> str:
        """A new hash with a random salt."""
        with self._limit.hold():
            return self._hasher.hash(password)

    def matches(self, stored: str | None, password: str) -> bool:
        """True when `password` is the one behind `stored`; None stands for an account that is not there."""
        with self._limit.hold():
            try:
                right = self._hasher.verify(stored or self._decoy, password[:MAX_LENGTH])
            except (VerificationError, InvalidHashError):
                return False
        return right and stored is not None

    def needs_rehash(self, stored: str) -> bool:
        """True when `stored` was computed with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)
