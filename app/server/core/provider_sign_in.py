"""Sign-in through an identity provider: requests that are pending, and the account of who comes back."""

import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.errors import BadReply, Failed, PermissionDenied, RateLimited, StateMismatch
from app.domain.secret import Secret
from app.domain.text import clean
from app.server import log
from app.server.clock import Clock
from app.server.core import audit
from app.server.core.memberships import MEMBERSHIP_SET
from app.server.core.organizations import add_current_membership
from app.server.core.principals import with_lock
from app.server.core.sessions import NewSession, describe_session, open_session
from app.server.core.token_signing import TokenSigner
from app.server.persistence.engine import Database
from app.server.persistence.models import ExternalIdentity, Organization, PendingSignIn, User
from app.server.request_headers import counted_network
from app.server.settings import Join, ProviderSettings

MAX_SUBJECT, MAX_EMAIL, MAX_NAME = 255, 320, 200
PENDING_LIFE = timedelta(minutes=10)
MAX_PENDING_PER_NETWORK = 60
MAX_STATE = 200
USER_CREATE = "user.create"
_ASK = "ask the operator of this server"


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


class PendingSignIns:
    """Requests that a provider has not answered yet: a row and a cookie, nothing in the process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, authorization: AuthorizationRequest, place: str, address: str) -> None:
        """Remember where the browser wants to go. Raises RateLimited for too many from one network."""
        network = counted_network(address)
        pending = select(func.count()).select_from(PendingSignIn).where(PendingSignIn.address == network)
        with self._database.write() as session:
            now = self._database.now(session)
            session.execute(delete(PendingSignIn).where(PendingSignIn.created_at <= now - PENDING_LIFE))
            if (session.scalar(pending) or 0) >= MAX_PENDING_PER_NETWORK:
                raise RateLimited("too many sign-ins were begun", retry_after=PENDING_LIFE.total_seconds())
            session.add(PendingSignIn(key=authorization.key, place=place, address=network, created_at=now))

    def redeem(self, cookie: Secret | None, state: str) -> tuple[AuthorizationRequest, str]:
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
        removed = (
            delete(PendingSignIn).where(PendingSignIn.key == authorization.key).returning(PendingSignIn.place)
        )
        with self._database.write() as session:
            is_pending = PendingSignIn.created_at > self._database.now(session) - PENDING_LIFE
            return session.scalar(removed.where(is_pending))


@dataclass(frozen=True, slots=True)
class VerifiedIdentity:
    """A person whom the provider vouches for. `email` is in lower case and was verified by it."""

    issuer: str
    subject: str
    email: str
    first_name: str = ""
    last_name: str = ""


def subject_of(claims: Mapping[str, Any], host: str) -> str:
    """The identifier that the provider never reassigns (OpenID Connect Core 1.0 §2)."""
    subject = claims.get("sub")
    if isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT and "\x00" not in subject:
        return subject
    raise BadReply(f"{host} does not say who you are (sub)", hint=_ASK)


def read_identity(claims: Mapping[str, Any], settings: ProviderSettings) -> VerifiedIdentity:
    """Read the claims, or raise PermissionDenied or BadReply with the reason."""
    issuer, domains, host = settings.issuer, settings.domains, settings.host
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise PermissionDenied(
            f"{host} did not tell us your e-mail address", hint=f"{_ASK}: we ask for `email`"
        )
    email = email.strip().lower()
    if not _is_address(email):
        raise PermissionDenied(f"{host} gave {clean(email, 80)!r}, which is no e-mail address", hint=_ASK)
    if not _is_verified(claims, settings):
        raise PermissionDenied(
            f"{host} has not verified that {clean(email, 120)} is yours",
            hint="confirm the address there, then sign in again",
        )
    if domains and email.rpartition("@")[2] not in domains:
        raise PermissionDenied(
            f"addresses of {clean(email.rpartition('@')[2], 120)} are not let in here",
            hint=f"sign in at {host} with another account, or {_ASK}",
        )
    first, last = _name(claims, "given_name"), _name(claims, "family_name")
    return VerifiedIdentity(
        issuer, subject_of(claims, host), email, first or (_name(claims, "name") if not last else ""), last
    )


def _is_verified(claims: Mapping[str, Any], settings: ProviderSettings) -> bool:
    if "email_verified" not in claims:
        return settings.trust_emails
    # Some providers write the word instead of the truth value.
    return claims["email_verified"] is True or claims["email_verified"] == "true"


def _is_address(email: str) -> bool:
    name, _, domain = email.rpartition("@")
    plain = email.isprintable() and " " not in email and len(email) <= MAX_EMAIL
    return plain and bool(name) and bool(domain) and "@" not in name


def _name(claims: Mapping[str, Any], key: str) -> str:
    value = claims.get(key)
    return clean(value, MAX_NAME) if isinstance(value, str) else ""


class ProviderSignIn:
    """Finds the person, or creates one at the first sign-in, and opens a session like that of a password.

    People are found by issuer and subject. Somebody new to the provider's records here is linked to the
    account with the same verified e-mail address, if there is one that nobody else is linked to. Raises
    PermissionDenied for a disabled account or an address that belongs to somebody else.
    """

    def __init__(
        self, database: Database, signer: TokenSigner, clock: Clock, life: timedelta, join: Join | None
    ) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock
        self._life = life
        self._join = join

    def sign_in(self, identity: VerifiedIdentity, address: str, life: timedelta | None = None) -> NewSession:
        """Sign in, for `life` or as long as sessions live here. `address` is where the browser is."""
        try:
            return self._sign_in_once(identity, address, life or self._life)
        except IntegrityError:
            # Two browsers at the very first sign-in: what the faster one created is found now.
            return self._sign_in_once(identity, address, life or self._life)

    def record_refusal(self, email: str, reason: str, address: str) -> None:
        """Record in the audit trail that a person whom the provider verified was refused."""
        actor = audit.Actor("person", None, clean(email, 320), address)
        with self._database.write() as session:
            event = audit.Event(audit.LOGIN_FAILED, details={"reason": clean(reason, 200)})
            audit.record(session, actor, self._clock(), event)

    def _sign_in_once(self, identity: VerifiedIdentity, address: str, life: timedelta) -> NewSession:
        with self._database.write() as session:
            user = _find_linked(session, identity) or self._link(session, identity)
            if user.disabled_at is not None:
                raise PermissionDenied("your account here is switched off", hint=_ASK)
            row = open_session(session, user, address, self._clock(), life, {"issuer": identity.issuer})
        return describe_session(self._signer, user, row)

    def _link(self, session: Session, identity: VerifiedIdentity) -> User:
        user = session.scalar(with_lock(select(User).where(User.email == identity.email)))
        now = self._clock()
        subject = _linked_subject(session, user, identity) if user else None
        if user is not None and subject == identity.subject:
            # Another browser of the same person linked them between the two reads.
            return user
        if subject is not None:
            raise PermissionDenied(
                f"{identity.email} belongs to another account of the identity provider here", hint=_ASK
            )
        user = user or self._create_user(session, identity, now)
        session.add(
            ExternalIdentity(
                user_id=user.id, issuer=identity.issuer, subject=identity.subject, created_at=now
            )
        )
        session.flush()
        return user

    def _create_user(self, session: Session, identity: VerifiedIdentity, now: datetime) -> User:
        # An empty hash fits no password.
        user = User(
            email=identity.email,
            first_name=identity.first_name,
            last_name=identity.last_name,
            password_hash="",
            created_at=now,
            updated_at=now,
        )
        session.add(user)
        session.flush()
        actor = audit.Actor.person(user, "")
        event = audit.Event(
            USER_CREATE, target_id=user.id, target_name=user.email, details={"issuer": identity.issuer}
        )
        audit.record(session, actor, now, event)
        if self._join is not None:
            _add_membership(session, user, self._join, now, actor)
        return user


def _find_linked(session: Session, identity: VerifiedIdentity) -> User | None:
    # Locked: whoever is being disabled is disabled before this, or their session ends with it.
    linked = select(ExternalIdentity.user_id).where(
        ExternalIdentity.issuer == identity.issuer, ExternalIdentity.subject == identity.subject
    )
    return session.scalar(with_lock(select(User).where(User.id.in_(linked))))


def _linked_subject(session: Session, user: User, identity: VerifiedIdentity) -> str | None:
    """The account at this issuer that the person is linked to."""
    return session.scalar(
        select(ExternalIdentity.subject).where(
            ExternalIdentity.user_id == user.id, ExternalIdentity.issuer == identity.issuer
        )
    )


def _add_membership(session: Session, user: User, join: Join, now: datetime, actor: audit.Actor) -> None:
    organization = session.scalar(select(Organization).where(Organization.name == join.organization))
    if organization is None:
        log.event("sso.no_organization", logging.WARNING, organization=join.organization)
        raise Failed(
            f"new people belong to the organization {join.organization} here, which does not exist", hint=_ASK
        )
    add_current_membership(session, user.id, organization.id, join.role, now)
    details = {"role": join.role.value, "before": ""}
    event = audit.Event(MEMBERSHIP_SET, organization.id, user.id, user.email, details)
    audit.record(session, actor, now, event)
