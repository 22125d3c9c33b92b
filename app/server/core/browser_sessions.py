"""Browsers that are signed in to the server's own pages. The secret is in a cookie, its hash here."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.server.clock import Clock
from app.server.core import audit, opaque_tokens
from app.server.core.issued import Person
from app.server.core.recheck import locked
from app.server.core.sign_in import SignedIn
from app.server.core.token_signing import Tokens
from app.server.persistence.engine import Database
from app.server.persistence.models import LoginSession, User
from app.server.persistence.oauth_models import BrowserSession

PREFIX = "web_"


@dataclass(frozen=True, slots=True)
class SignedInBrowser:
    """Who is signed in, and with which session. `has_password` is False for a provider's person."""

    person: Person
    session_id: UUID
    has_password: bool = True


class BrowserSessions:
    """Keeps, finds and ends them; signing out everywhere ends them too."""

    def __init__(self, database: Database, tokens: Tokens, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock

    def keep(self, done: SignedIn) -> str:
        """Return a new secret for a session that was just begun; it opens nothing if that is gone already."""
        # The JWT goes no further than here; the browser gets a secret of its own.
        secret, session_id = opaque_tokens.fresh(PREFIX), self._tokens.verify(done.jwt).id
        with self._database.write() as session:
            begun = locked(select(LoginSession.id).where(LoginSession.id == session_id))
            if session.scalar(begun) is not None:
                session.add(BrowserSession(secret_hash=opaque_tokens.digest(secret), session_id=session_id))
        return secret

    def find(self, secret: str) -> SignedInBrowser | None:
        """Who that browser is signed in as, if it still is."""
        with self._database.read() as session:
            row = session.execute(
                select(User, LoginSession.id)
                .join(LoginSession, LoginSession.user_id == User.id)
                .join(BrowserSession, BrowserSession.session_id == LoginSession.id)
                .where(
                    BrowserSession.secret_hash == opaque_tokens.digest(secret),
                    LoginSession.ended_at.is_(None),
                    LoginSession.expires_at > self._clock(),
                    User.disabled_at.is_(None),
                )
            ).one_or_none()
        return SignedInBrowser(Person.of(row[0]), row[1], bool(row[0].password_hash)) if row else None

    def end(self, secret: str, address: str) -> None:
        """Sign that browser out; nothing happens when it is not signed in."""
        browser = self.find(secret)
        if browser is None:
            return
        with self._database.write() as session:
            own = select(LoginSession).where(LoginSession.id == browser.session_id)
            row = session.scalar(locked(own.where(LoginSession.ended_at.is_(None)), write=True))
            if row is None:
                return
            row.ended_at = now = self._clock()
            who = audit.Who("person", browser.person.id, browser.person.email, address)
            audit.record(session, who, [audit.What(audit.LOGOUT, target_id=browser.session_id)], now)
