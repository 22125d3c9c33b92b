"""Password hashes that cost a test nothing: the real ones take 64 MiB and four threads each."""

from functools import partial

import argon2

from app.server.core import passwords

REAL = argon2.PasswordHasher


def make_cheap() -> None:
    """Let the account server hash with the smallest argon2id parameters."""
    cheap = partial(REAL, time_cost=1, memory_cost=8, parallelism=1)
    passwords.PasswordHasher = cheap  # type: ignore[attr-defined, assignment]
