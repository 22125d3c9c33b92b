"""The person whom a provider vouches for: what it must say of them, and their account here."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.errors import BadReply, Failed, PermissionDenied
from app.domain.text import clean
from app.server import log
from app.server.clock import Clock
from app.server.core import audit
from app.server.core.memberships import MEMBERSHIP_SET
from app.server.core.recheck import locked
from app.server.core.sign_in import SignedIn, open_session
from app.server.core.token_signing import Tokens
from app.server.persistence.engine import Database
from app.server.persistence.models import Membership, Organization, User
from app.server.persistence.sign_in_models import ExternalIdentity
from app.server.provider_settings import Join, ProviderSettings

MAX_SUBJECT, MAX_EMAIL, MAX_NAME = 255, 320, 200
_ASK = "ask the operator of this server"
USER_CREATE = "user.create"


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


class SignInVerified:
    """Find the person, or make one at the first sign-in, and open a session like that of a password.

    People are found by issuer and subject. Somebody new to the provider's records here is tied to the
    account with the same verified e-mail address, if there is one that nobody else is tied to. Raises
    PermissionDenied for a disabled account or an address that belongs to somebody else.
    """

    def __init__(
        self, database: Database, tokens: Tokens, clock: Clock, life: timedelta, join: Join | None
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._life = life
        self._join = join

    def do(self, identity: VerifiedIdentity, address: str, life: timedelta | None = None) -> SignedIn:
        """Sign in, for `life` or as long as sessions live here. `address` is where the browser is."""
        try:
            return self._once(identity, address, life or self._life)
        except IntegrityError:
            # Two browsers at the very first sign-in: the other one was faster, and what it made is found now.
            return self._once(identity, address, life or self._life)

    def refused(self, email: str, why: str, address: str) -> None:
        """Keep in the audit trail that the provider vouched for somebody whom we did not let in."""
        who = audit.Who("person", None, clean(email, 320), address)
        with self._database.write() as session:
            what = audit.What(audit.LOGIN_FAILED, details={"reason": clean(why, 200)})
            audit.record(session, who, [what], self._clock())

    def _once(self, identity: VerifiedIdentity, address: str, life: timedelta) -> SignedIn:
        with self._database.write() as session:
            user = _tied(session, identity) or self._new_here(session, identity)
            if user.disabled_at is not None:
                raise PermissionDenied("your account here is switched off", hint=_ASK)
            now = self._clock()
            row = open_session(session, user, address, (now, now + life), {"issuer": identity.issuer})
        jwt = self._tokens.for_person(user.id, row.id, row.expires_at, row.created_at)
        return SignedIn(user.email, jwt, row.expires_at)

    def _new_here(self, session: Session, identity: VerifiedIdentity) -> User:
        user = session.scalar(locked(select(User).where(User.email == identity.email)))
        now = self._clock()
        subject = _subject(session, user, identity) if user else None
        if user is not None and subject == identity.subject:
            # Another browser of the same person tied them between the two reads.
            return user
        if subject is not None:
            raise PermissionDenied(
                f"{identity.email} belongs to another account of the identity provider here", hint=_ASK
            )
        user = user or self._make(session, identity, now)
        session.add(
            ExternalIdentity(
                user_id=user.id, issuer=identity.issuer, subject=identity.subject, created_at=now
            )
        )
        session.flush()
        return user

    def _make(self, session: Session, identity: VerifiedIdentity, now: datetime) -> User:
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
        who = audit.Who("person", user.id, user.email)
        made = audit.What(
            USER_CREATE, target_id=user.id, target_name=user.email, details={"issuer": identity.issuer}
        )
        audit.record(session, who, [made], now)
        if self._join is not None:
            _add_membership(session, user, self._join, now, who)
        return user


def _tied(session: Session, identity: VerifiedIdentity) -> User | None:
    # Held: whoever is being disabled is disabled before this, or their session ends with it.
    tied = select(ExternalIdentity.user_id).where(
        ExternalIdentity.issuer == identity.issuer, ExternalIdentity.subject == identity.subject
    )
    return session.scalar(locked(select(User).where(User.id.in_(tied))))


def _subject(session: Session, user: User, identity: VerifiedIdentity) -> str | None:
    """The account at this issuer that the person is tied to."""
    return session.scalar(
        select(ExternalIdentity.subject).where(
            ExternalIdentity.user_id == user.id, ExternalIdentity.issuer == identity.issuer
        )
    )


def _add_membership(session: Session, user: User, join: Join, now: datetime, who: audit.Who) -> None:
    organization = session.scalar(select(Organization).where(Organization.name == join.organization))
    if organization is None:
        log.event("sso.no_organization", logging.WARNING, organization=join.organization)
        raise Failed(
            f"new people belong to the organization {join.organization} here, which does not exist", hint=_ASK
        )
    row = Membership(
        user_id=user.id,
        organization_id=organization.id,
        role=join.role.value,
        current=True,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    session.flush()
    details = {"role": row.role, "before": ""}
    audit.record(
        session, who, [audit.What(MEMBERSHIP_SET, organization.id, user.id, user.email, details)], now
    )
