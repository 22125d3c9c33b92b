"""Sessions of people: signing in with a password, signing out, and the browsers that are signed in."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.domain.errors import NotSignedIn, PermissionDenied
from app.server.clock import Clock
from app.server.core import audit, rate_limit
from app.server.core.access import EndedAccess, end_grants, end_sessions
from app.server.core.passwords import Passwords, check_password
from app.server.core.principals import Person, SignedInBrowser, lock_signed_in_user, with_lock
from app.server.core.token_signing import INVALID, PERSON_AUDIENCE, TokenSigner
from app.server.limits import Busy
from app.server.opaque_tokens import hash_secret, new_secret
from app.server.persistence.engine import Database
from app.server.persistence.models import BrowserSession, LoginSession, User

WRONG_CREDENTIALS = "the e-mail address or the password is not right"
PASSWORDS_OFF = "nobody signs in with a password here"
PASSWORD_CHANGE = "user.change_password"
NO_PASSWORD = "there is no password to change"
_BROWSER_PREFIX = "web_"


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that was just begun: who, its JWT and its end.

    The JWT exists here and with the person, nowhere else.
    """

    email: str
    jwt: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"NewSession(email={self.email!r}, jwt=…)"


class Sessions:
    """Begins and ends sessions. `life` is how long one lives unless the sign-in says otherwise.

    With `passwords_off` nobody signs in with one.
    """

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        signer: TokenSigner,
        clock: Clock,
        life: timedelta,
        passwords_off: bool = False,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._signer = signer
        self._clock = clock
        self._life = life
        self._passwords_off = passwords_off

    def sign_in(
        self, email: str, password: str, address: str, browser: str = "", life: timedelta | None = None
    ) -> NewSession:
        """Turn an e-mail address and a password into a session.

        `address` is where the request came from. `browser` is the name of one in which this account was
        signed in to before; empty for any other. Raises NotSignedIn when e-mail address or password is wrong
        (not saying which), RateLimited after too many tries, and PermissionDenied where passwords are off.
        """
        if self._passwords_off:
            raise PermissionDenied(PASSWORDS_OFF)
        account = account_of(email)
        with self._database.write() as session:
            attempt = rate_limit.count_attempt(
                session, rate_limit.Attempt(account, address, browser), self._database.now(session)
            )
            user = session.scalar(select(User).where(User.email == account, User.disabled_at.is_(None)))
        # Outside a transaction: the hash takes long, and nobody should wait for it.
        with self._uncounted_when_busy(attempt):
            matched = self._passwords.matches(user.password_hash if user else None, password)
        if not matched or user is None:
            self._record_failure(user, attempt, address)
            raise NotSignedIn(WRONG_CREDENTIALS)
        return self._begin(user, attempt, password, address, life or self._life)

    def sign_out(self, bearer: str, everywhere: bool, address: str) -> EndedAccess:
        """End the session of a person's JWT; everywhere, all sessions and what the person allowed programs.

        API keys stay valid. Raises NotSignedIn for any other bearer.
        """
        token = self._signer.verify_token(bearer)
        user_id = token.user_id
        if token.audience != PERSON_AUDIENCE or user_id is None:
            raise NotSignedIn(INVALID)

        def end(session: Session) -> EndedAccess:
            # Locked for writing: what is begun with one of the sessions meanwhile is begun before or refused.
            user = session.scalar(with_lock(select(User).where(User.id == user_id), write=everywhere))
            own = select(LoginSession.id).where(
                LoginSession.id == token.id, LoginSession.user_id == user_id, LoginSession.ended_at.is_(None)
            )
            # Two that end the same session take turns, so that one of them ended it.
            if user is None or session.scalar(with_lock(own, write=True)) is None:
                raise NotSignedIn(INVALID)
            now = self._clock()
            ended = EndedAccess(
                len(end_sessions(session, user_id, now, only=None if everywhere else token.id)),
                len(end_grants(session, user_id, now)) if everywhere else 0,
            )
            details = {"everywhere": everywhere, "sessions": ended.sessions, "grants": ended.grants}
            event = audit.Event(audit.LOGOUT, target_id=token.id, details=details)
            audit.record(session, audit.Actor.person(user, address), now, event)
            return ended

        return self._database.transact(end)

    def change_password(
        self, browser: SignedInBrowser, old: str, new: str, address: str, known: str = ""
    ) -> tuple[EndedAccess, str]:
        """Replace the password, and end all else that it opened: other sessions and programs.

        Return what ended, and a new secret for the browser: the one it had opens nothing any more. API keys
        stay valid. `known` is the name of a browser in which this account was signed in to before.

        Raises NotSignedIn for a wrong password, RateLimited after too many, counted together with those of
        sign-ins; PermissionDenied for somebody without a password, or where passwords are off; UsageError for
        a new one that is too short; SessionEnded.
        """
        check_password(new)
        with self._database.write() as session:
            user = lock_signed_in_user(session, browser, self._clock)
            if self._passwords_off or not user.password_hash:
                raise PermissionDenied(NO_PASSWORD)
            verified = user.password_hash
            attempt = rate_limit.count_attempt(
                session, rate_limit.Attempt(user.email, address, known), self._database.now(session)
            )
        # Outside a transaction: the hashes take long, and nobody should wait for them.
        with self._uncounted_when_busy(attempt):
            password_hash = self._passwords.hash(new) if self._passwords.matches(verified, old) else ""
        if not password_hash:
            with self._database.write() as session:
                event = audit.Event(audit.LOGIN_FAILED, details={"for": PASSWORD_CHANGE})
                audit.record(session, audit.Actor.person(browser.person, address), self._clock(), event)
            raise NotSignedIn(WRONG_CREDENTIALS)
        secret = new_secret(_BROWSER_PREFIX)

        def change(session: Session) -> EndedAccess:
            user = lock_signed_in_user(session, browser, self._clock, writes_user=True)
            same = select(User.id).where(User.id == user.id, User.password_hash == verified)
            if session.scalar(same) is None:
                raise NotSignedIn(WRONG_CREDENTIALS)
            rate_limit.mark_succeeded(session, attempt)
            now, here = self._clock(), browser.session_id
            user.password_hash, user.updated_at = password_hash, now
            ended = EndedAccess(
                len(end_sessions(session, user.id, now, other_than=here)),
                len(end_grants(session, user.id, now)),
            )
            # Whoever has the cookie of this browser, too, is out (OWASP: renew the session ID).
            session.execute(delete(BrowserSession).where(BrowserSession.session_id == here))
            session.add(BrowserSession(secret_hash=hash_secret(secret), session_id=here))
            event = audit.Event(
                PASSWORD_CHANGE, target_id=user.id, target_name=user.email, details=ended.counts
            )
            audit.record(session, audit.Actor.person(user, address), now, event)
            return ended

        return self._database.transact(change), secret

    def _begin(self, user: User, attempt: UUID, password: str, address: str, life: timedelta) -> NewSession:
        verified = user.password_hash
        new_hash = ""
        # A hash of old parameters is renewed at the next sign-in where the server is busy now.
        with suppress(Busy):
            new_hash = self._passwords.hash(password) if self._passwords.needs_rehash(verified) else ""
        with self._database.write() as session:
            # Whose password was reset, or who was disabled, while the hash was computed stays out.
            same = select(User).where(
                User.id == user.id, User.password_hash == verified, User.disabled_at.is_(None)
            )
            current = session.scalar(with_lock(same, write=bool(new_hash)))
            if current is None:
                raise NotSignedIn(WRONG_CREDENTIALS)
            if new_hash:
                current.password_hash = new_hash
            rate_limit.mark_succeeded(session, attempt)
            row = open_session(session, current, address, self._clock(), life)
        return describe_session(self._signer, user, row)

    def _record_failure(self, user: User | None, attempt: UUID, address: str) -> None:
        with self._database.write() as session:
            if user is None:
                rate_limit.mark_failed(session, attempt)
                return
            event = audit.Event(audit.LOGIN_FAILED)
            audit.record(session, audit.Actor.person(user, address), self._clock(), event)

    @contextmanager
    def _uncounted_when_busy(self, attempt: UUID) -> Iterator[None]:
        """Do not count the try where Busy is raised: the password was not checked."""
        try:
            yield
        except Busy:
            with self._database.write() as session:
                rate_limit.mark_succeeded(session, attempt)
            raise


class BrowserSessions:
    """Browsers that are signed in to the server's own pages; signing out everywhere ends them too.

    The secret is in a cookie, its hash in the database.
    """

    def __init__(self, database: Database, signer: TokenSigner, clock: Clock) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock

    def create(self, new: NewSession) -> str:
        """Return a secret for a new session; it is invalid if that has been removed already."""
        # The JWT goes no further than here; the browser gets a secret of its own.
        secret, session_id = new_secret(_BROWSER_PREFIX), self._signer.verify_token(new.jwt).id
        with self._database.write() as session:
            begun = with_lock(select(LoginSession.id).where(LoginSession.id == session_id))
            if session.scalar(begun) is not None:
                session.add(BrowserSession(secret_hash=hash_secret(secret), session_id=session_id))
        return secret

    def find(self, secret: str) -> SignedInBrowser | None:
        """Who that browser is signed in as, if it still is."""
        query = (
            select(User, LoginSession.id)
            .join(LoginSession, LoginSession.user_id == User.id)
            .join(BrowserSession, BrowserSession.session_id == LoginSession.id)
            .where(
                BrowserSession.secret_hash == hash_secret(secret),
                LoginSession.ended_at.is_(None),
                LoginSession.expires_at > self._clock(),
                User.disabled_at.is_(None),
            )
        )
        with self._database.read() as session:
            row = session.execute(query).one_or_none()
        return SignedInBrowser(Person.of(row[0]), row[1], bool(row[0].password_hash)) if row else None

    def end(self, secret: str, address: str) -> None:
        """Sign that browser out; nothing happens when it is not signed in."""
        browser = self.find(secret)
        if browser is None:
            return
        with self._database.write() as session:
            own = select(LoginSession).where(LoginSession.id == browser.session_id)
            row = session.scalar(with_lock(own.where(LoginSession.ended_at.is_(None)), write=True))
            if row is None:
                return
            row.ended_at = now = self._clock()
            event = audit.Event(audit.LOGOUT, target_id=browser.session_id)
            audit.record(session, audit.Actor.person(browser.person, address), now, event)


def account_of(email: str) -> str:
    """The account for what was typed as e-mail address."""
    return email.strip().lower()[:320]


def open_session(
    session: Session,
    user: User,
    address: str,
    now: datetime,
    life: timedelta,
    details: dict[str, str] | None = None,
) -> LoginSession:
    """Begin a session, and record it in the audit trail."""
    row = LoginSession(user_id=user.id, address=address[:64], created_at=now, expires_at=now + life)
    session.add(row)
    session.flush()
    event = audit.Event(audit.LOGIN, target_id=row.id, details=details)
    audit.record(session, audit.Actor.person(user, address), now, event)
    return row


def describe_session(signer: TokenSigner, user: User, row: LoginSession) -> NewSession:
    """A session that was just begun, with its JWT."""
    jwt = signer.sign_session_token(user.id, row.id, row.expires_at, row.created_at)
    return NewSession(user.email, jwt, row.expires_at)
