"""Signing in with a password, and ending sessions."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotSignedIn, PermissionDenied
from app.server.clock import Clock
from app.server.core import audit, rate_limit
from app.server.core.access import Ended, end_grants, end_sessions
from app.server.core.passwords import Passwords
from app.server.core.recheck import locked
from app.server.core.token_signing import INVALID, PERSON_AUDIENCE, Tokens
from app.server.limits import Busy
from app.server.persistence.engine import Database
from app.server.persistence.models import LoginSession, User

WRONG = "the e-mail address or the password is not right"
PASSWORDS_OFF = "nobody signs in with a password here"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A fresh session: who, its JWT and its end. The JWT exists here and with the person, nowhere else."""

    email: str
    jwt: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"SignedIn(email={self.email!r}, jwt=…)"


class SignIn:
    """Turn an e-mail address and a password into a session.

    Raises NotSignedIn when either is wrong (not saying which), RateLimited after too many tries, and
    PermissionDenied where passwords are switched `off`.
    """

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        tokens: Tokens,
        clock: Clock,
        life: timedelta,
        off: bool = False,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._clock = clock
        self._life = life
        self._off = off

    def do(
        self, email: str, password: str, address: str, browser: str = "", life: timedelta | None = None
    ) -> SignedIn:
        """Check and sign in, for `life` or as long as sessions live here.

        `address` is where the request came from. `browser` is the name of one in which this account was
        signed in to before; empty for any other.
        """
        if self._off:
            raise PermissionDenied(PASSWORDS_OFF)
        account = account_of(email)
        with self._database.write() as session:
            attempt = rate_limit.begin(
                session, rate_limit.Attempt(account, address, browser), self._database.now(session)
            )
            user = session.scalar(select(User).where(User.email == account, User.disabled_at.is_(None)))
        # Outside a transaction: the hash takes long, and nobody should wait for it.
        try:
            matched = self._passwords.matches(user.password_hash if user else None, password)
        except Busy:
            # Nobody looked at the password: the try does not count.
            with self._database.write() as session:
                rate_limit.succeed(session, attempt)
            raise
        if not matched or user is None:
            self._record_failure(user, attempt, address)
            raise NotSignedIn(WRONG)
        return self._open(user, attempt, password, address, life or self._life)

    def _record_failure(self, user: User | None, attempt: UUID, address: str) -> None:
        with self._database.write() as session:
            if user is None:
                rate_limit.fail(session, attempt)
                return
            who = audit.Who("person", user.id, user.email, address)
            audit.record(session, who, [audit.What(audit.LOGIN_FAILED)], self._clock())

    def _open(self, user: User, attempt: UUID, password: str, address: str, life: timedelta) -> SignedIn:
        verified = user.password_hash
        fresh = ""
        # A hash of old parameters is renewed at the next sign-in where there is no room now.
        with suppress(Busy):
            fresh = self._passwords.hash(password) if self._passwords.is_dated(verified) else ""
        with self._database.write() as session:
            # Whose password was reset, or who was disabled, while the hash was worked out stays out.
            same = select(User).where(
                User.id == user.id, User.password_hash == verified, User.disabled_at.is_(None)
            )
            current = session.scalar(locked(same, write=bool(fresh)))
            if current is None:
                raise NotSignedIn(WRONG)
            if fresh:
                current.password_hash = fresh
            rate_limit.succeed(session, attempt)
            now = self._clock()
            row = open_session(session, current, address, (now, now + life))
        jwt = self._tokens.for_person(user.id, row.id, row.expires_at, row.created_at)
        return SignedIn(user.email, jwt, row.expires_at)


def account_of(email: str) -> str:
    """The account that somebody means who types this."""
    return email.strip().lower()[:320]


class SignOut:
    """End the session of a person's JWT; everywhere, all sessions and what the person allowed programs.

    API keys stay valid. Raises NotSignedIn for any other bearer.
    """

    def __init__(self, database: Database, tokens: Tokens, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock

    def do(self, bearer: str, everywhere: bool, address: str) -> Ended:
        """Return what ended."""
        verified = self._tokens.verify(bearer)
        if verified.audience != PERSON_AUDIENCE:
            raise NotSignedIn(INVALID)
        user_id = verified.user_id
        if user_id is None:
            raise NotSignedIn(INVALID)
        return self._database.transact(
            lambda session: self._end(session, user_id, verified.id, everywhere, address)
        )

    def _end(
        self, session: Session, user_id: UUID, session_id: UUID, everywhere: bool, address: str
    ) -> Ended:
        # Held for writing: what is begun with one of the sessions meanwhile is begun before or refused.
        user = session.scalar(locked(select(User).where(User.id == user_id), write=everywhere))
        own = select(LoginSession.id).where(
            LoginSession.id == session_id, LoginSession.user_id == user_id, LoginSession.ended_at.is_(None)
        )
        # Two that end the same session take turns, so that one of them ended it.
        if user is None or session.scalar(locked(own, write=True)) is None:
            raise NotSignedIn(INVALID)
        now = self._clock()
        ended = Ended(
            len(end_sessions(session, user_id, now, only=None if everywhere else session_id)),
            len(end_grants(session, user_id, now)) if everywhere else 0,
        )
        details = {"everywhere": everywhere, "sessions": ended.sessions, "grants": ended.grants}
        what = audit.What(audit.LOGOUT, target_id=session_id, details=details)
        audit.record(session, audit.Who("person", user_id, user.email, address), [what], now)
        return ended


def open_session(
    session: Session,
    user: User,
    address: str,
    life: tuple[datetime, datetime],
    details: dict[str, str] | None = None,
) -> LoginSession:
    """Begin a session that lives from the first to the second moment, and say so in the audit trail."""
    began, ends = life
    row = LoginSession(user_id=user.id, address=address[:64], created_at=began, expires_at=ends)
    session.add(row)
    session.flush()
    who = audit.Who("person", user.id, user.email, address)
    audit.record(session, who, [audit.What(audit.LOGIN, target_id=row.id, details=details)], began)
    return row
