"""The limit on failed sign-ins, per account and per address, kept in the database for every replica.

A browser in which the account was signed in to before is counted by itself: strangers who guess at a password
cannot use up its tries.

An attempt is written before the password is looked at: a hundred at the same time count as a hundred.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from app.domain.errors import RateLimited
from app.server.database.models import LoginAttempt

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 10
PER_ADDRESS = 40


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. What was typed as the account may be a password by mistake, so only its hash is kept."""

    account: str
    address: str
    browser: str = ""

    @property
    def key(self) -> str:
        """The hash under which the account is counted, in a known `browser` apart from all others."""
        counted = f"{self.account}\0{self.browser}" if self.browser else self.account
        return hashlib.sha256(counted.encode()).hexdigest()


def begin(session: Session, attempt: Attempt, now: datetime) -> UUID:
    """Count this try, or raise RateLimited with the seconds until there is room again."""
    _take_turns(session, attempt.key, attempt.address)
    waits = (
        _wait(session, LoginAttempt.account == attempt.key, PER_ACCOUNT, now),
        _wait(session, LoginAttempt.address == attempt.address, PER_ADDRESS, now),
    )
    if seconds := max(waits):
        raise RateLimited("too many attempts to sign in", retry_after=seconds)
    row = LoginAttempt(at=now, account=attempt.key, address=attempt.address)
    session.add(row)
    session.flush()
    return row.id


def _take_turns(session: Session, *keys: str) -> None:
    """Let those that count the same things do so one after the other. SQLite's writers do anyway."""
    if session.get_bind().dialect.name == "sqlite":
        return
    # In one order, so that two never wait for each other; gone with the transaction.
    for digest in sorted(hashlib.sha256(key.encode()).digest()[:8] for key in keys):
        number = int.from_bytes(digest, "big", signed=True)
        session.execute(select(func.pg_advisory_xact_lock(number)))


def succeed(session: Session, attempt: UUID) -> None:
    """The password was right: this try no longer counts."""
    session.execute(update(LoginAttempt).where(LoginAttempt.id == attempt).values(succeeded=True))


def fail(session: Session, attempt: UUID) -> None:
    """Nobody is called so: a write like the one for somebody who is here, so that both take as long."""
    session.execute(update(LoginAttempt).where(LoginAttempt.id == attempt).values(succeeded=False))


def forget_old(session: Session, now: datetime) -> None:
    """Drop what no limit asks for any more."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.at < now - 2 * WINDOW))


def _wait(session: Session, same: ColumnElement[bool], limit: int, now: datetime) -> float:
    counted = (same, LoginAttempt.at > now - WINDOW, LoginAttempt.succeeded.is_(False))
    if (session.scalar(select(func.count()).select_from(LoginAttempt).where(*counted)) or 0) < limit:
        return 0.0
    # There is room again when the newest but `limit` - 1 has left the window.
    newest = select(LoginAttempt.at).where(*counted).order_by(LoginAttempt.at.desc())
    oldest = session.scalar(newest.offset(limit - 1).limit(1)) or now
    return max((oldest + WINDOW - now).total_seconds(), 1.0)
