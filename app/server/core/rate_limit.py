"""The limit on failed sign-ins, per account and per network, kept in the database for every replica.

A browser in which the account was signed in to before is counted by itself: strangers who guess at a password
cannot use up its tries.

An attempt is written before the password is looked at: a hundred at the same time count as a hundred.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app.domain.errors import RateLimited
from app.server.persistence.models import LoginAttempt
from app.server.request_headers import counted_network

WINDOW = timedelta(minutes=15)
MAX_PER_ACCOUNT = 10
MAX_PER_NETWORK = 40
# 128 bits of the hash of an account, in hex.
_PREFIX_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. What was typed as the account may be a password by mistake, so only its hash is kept."""

    account: str
    address: str
    browser: str = ""

    @property
    def key(self) -> str:
        """The hash under which the account is counted, in a known `browser` apart from all others.

        Both hashes of an account begin alike, so that its failures in every browser can be found.
        """
        if not self.browser:
            return _hash(self.account)
        return (
            _hash(self.account)[:_PREFIX_LENGTH] + _hash(f"{self.account}\0{self.browser}")[_PREFIX_LENGTH:]
        )

    @property
    def network(self) -> str:
        """What is counted of the address."""
        return counted_network(self.address)


def count_attempt(session: Session, attempt: Attempt, now: datetime) -> UUID:
    """Count this try, or raise RateLimited with the seconds until the next one is allowed."""
    _lock_counters(session, attempt.key, attempt.network)
    waits = (
        _seconds_to_wait(session, LoginAttempt.account == attempt.key, MAX_PER_ACCOUNT, now),
        _seconds_to_wait(session, LoginAttempt.address == attempt.network, MAX_PER_NETWORK, now),
    )
    if seconds := max(waits):
        raise RateLimited("too many attempts to sign in", retry_after=seconds)
    row = LoginAttempt(at=now, account=attempt.key, address=attempt.network)
    session.add(row)
    session.flush()
    return row.id


def _lock_counters(session: Session, *keys: str) -> None:
    """Let those that count the same things wait for each other. SQLite's writers do anyway."""
    if session.get_bind().dialect.name == "sqlite":
        return
    # In one order, so that two never wait for each other; gone with the transaction.
    for digest in sorted(hashlib.sha256(key.encode()).digest()[:8] for key in keys):
        number = int.from_bytes(digest, "big", signed=True)
        session.execute(select(func.pg_advisory_xact_lock(number)))


def mark_succeeded(session: Session, attempt: UUID) -> None:
    """The password was right: this try no longer counts."""
    session.execute(update(LoginAttempt).where(LoginAttempt.id == attempt).values(succeeded=True))


def mark_failed(session: Session, attempt: UUID) -> None:
    """The account is unknown: a write like that for a known one, so that both take as long."""
    session.execute(update(LoginAttempt).where(LoginAttempt.id == attempt).values(succeeded=False))


def clear_failures(session: Session, account: str) -> int:
    """Let the account's failures count for it no more, in any browser; return how many there were.

    They go on counting for the networks that they came from. A try that is being decided at this moment is
    left alone: waiting for it could be a deadlock.
    """
    failed = LoginAttempt.account.startswith(_hash(account)[:_PREFIX_LENGTH]) & LoginAttempt.succeeded.is_(
        False
    )
    ids = session.scalars(select(LoginAttempt.id).where(failed).with_for_update(skip_locked=True)).all()
    session.execute(update(LoginAttempt).where(LoginAttempt.id.in_(ids)).values(account=""))
    return len(ids)


def _seconds_to_wait(session: Session, same: ColumnElement[bool], limit: int, now: datetime) -> float:
    counted = (same, LoginAttempt.at > now - WINDOW, LoginAttempt.succeeded.is_(False))
    if (session.scalar(select(func.count()).select_from(LoginAttempt).where(*counted)) or 0) < limit:
        return 0.0
    # The next one is allowed when the newest but `limit` - 1 has left the window.
    newest = select(LoginAttempt.at).where(*counted).order_by(LoginAttempt.at.desc())
    oldest = session.scalar(newest.offset(limit - 1).limit(1)) or now
    return max((oldest + WINDOW - now).total_seconds(), 1.0)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
