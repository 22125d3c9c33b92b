"""Authorization requests that a provider has not answered yet: a row and a cookie, nothing in the process."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.domain.errors import RateLimited, StateMismatch
from app.domain.secret import Secret
from app.server.addresses import counted_network
from app.server.persistence.engine import Database
from app.server.persistence.sign_in_models import PendingSignIn

LIFE = timedelta(minutes=10)
PER_ADDRESS = 60
MAX_STATE = 200


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What ties an answer of the provider to one browser and one request."""

    state: str
    cookie: Secret

    @classmethod
    def create(cls, cookie: Secret) -> "AuthorizationRequest":
        """For a request that is made now."""
        return cls(secrets.token_urlsafe(32), cookie)

    @property
    def key(self) -> str:
        """What the database knows it by."""
        return self._derive("row").hex()

    @property
    def nonce(self) -> str:
        """For the ID token (OpenID Connect Core 1.0 §15.5.2)."""
        return self._derive("nonce").hex()

    @property
    def verifier(self) -> Secret:
        """For PKCE: 64 characters (RFC 7636 §4.1)."""
        return Secret(self._derive("verifier").hex())

    def _derive(self, purpose: str) -> bytes:
        text = f"{purpose} {self.state}".encode("utf-8", "replace")
        return hmac.digest(self.cookie.reveal().encode(), text, hashlib.sha256)


class Pending:
    """Begins and ends what a browser has under way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, authorization: AuthorizationRequest, place: str, address: str) -> None:
        """Remember where the browser wants to go. Raises RateLimited for too many from one network."""
        network = counted_network(address)
        mine = select(func.count()).select_from(PendingSignIn).where(PendingSignIn.address == network)
        with self._database.write() as session:
            now = self._database.now(session)
            forget_old(session, now)
            if (session.scalar(mine) or 0) >= PER_ADDRESS:
                raise RateLimited("too many sign-ins were begun", retry_after=LIFE.total_seconds())
            session.add(PendingSignIn(key=authorization.key, place=place, address=network, created_at=now))

    def take(self, cookie: Secret | None, state: str) -> tuple[AuthorizationRequest, str]:
        """The request and the place, once. Raises StateMismatch for another browser, or too late."""
        authorization = AuthorizationRequest(state[:MAX_STATE], cookie) if cookie else None
        place = self._remove(authorization) if authorization else None
        if authorization is None or place is None:
            raise StateMismatch(
                "this sign-in was not begun in this browser, was finished already, or took over 10 minutes",
                hint="start it again",
            )
        return authorization, place

    def _remove(self, authorization: AuthorizationRequest) -> str | None:
        row = (
            delete(PendingSignIn).where(PendingSignIn.key == authorization.key).returning(PendingSignIn.place)
        )
        with self._database.write() as session:
            alive = PendingSignIn.created_at > self._database.now(session) - LIFE
            return session.scalar(row.where(alive))


def forget_old(session: Session, now: datetime) -> None:
    """Drop what nobody can come back to."""
    session.execute(delete(PendingSignIn).where(PendingSignIn.created_at <= now - LIFE))
