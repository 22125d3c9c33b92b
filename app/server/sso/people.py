"""From a person whom the provider vouches for to a session on this server."""

import logging
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.errors import Failed, PermissionDenied
from app.domain.text import clean
from app.server import log
from app.server.clock import Clock
from app.server.database.engine import Database
from app.server.database.models import Membership, Organization, User
from app.server.jwts import Tokens
from app.server.sso.claims import Known
from app.server.sso.models import ExternalIdentity
from app.server.sso.settings import Join
from app.server.usecases import audit
from app.server.usecases.accounts import SignedIn, open_session
from app.server.usecases.places import MEMBERSHIP_SET
from app.server.usecases.recheck import locked

USER_CREATE = "user.create"
_ASK = "ask the operator of this server"


class SignInKnown:
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

    def do(self, known: Known, address: str, life: timedelta | None = None) -> SignedIn:
        """Sign in, for `life` or as long as sessions live here. `address` is where the browser is."""
        try:
            return self._once(known, address, life or self._life)
        except IntegrityError:
            # Two browsers at the very first sign-in: the other one was faster, and what it made is found now.
            return self._once(known, address, life or self._life)

    def refused(self, email: str, why: str, address: str) -> None:
        """Keep in the audit trail that the provider vouched for somebody whom we did not let in."""
        who = audit.Who("person", None, clean(email, 320), address)
        with self._database.write() as session:
            what = audit.What(audit.LOGIN_FAILED, details={"reason": clean(why, 200)})
            audit.record(session, who, [what], self._clock())

    def _once(self, known: Known, address: str, life: timedelta) -> SignedIn:
        with self._database.write() as session:
            user = _tied(session, known) or self._new_here(session, known)
            if user.disabled_at is not None:
                raise PermissionDenied("your account here is switched off", hint=_ASK)
            now = self._clock()
            row = open_session(session, user, address, (now, now + life), {"issuer": known.issuer})
        jwt = self._tokens.for_person(user.id, row.id, row.expires_at, row.created_at)
        return SignedIn(user.email, jwt, row.expires_at)

    def _new_here(self, session: Session, known: Known) -> User:
        user = session.scalar(locked(select(User).where(User.email == known.email)))
        now = self._clock()
        subject = _subject(session, user, known) if user else None
        if user is not None and subject == known.subject:
            # Another browser of the same person tied them between the two reads.
            return user
        if subject is not None:
            raise PermissionDenied(
                f"{known.email} belongs to another account of the identity provider here", hint=_ASK
            )
        user = user or self._make(session, known, now)
        session.add(
            ExternalIdentity(user_id=user.id, issuer=known.issuer, subject=known.subject, created_at=now)
        )
        session.flush()
        return user

    def _make(self, session: Session, known: Known, now: datetime) -> User:
        # An empty hash fits no password.
        user = User(
            email=known.email,
            first_name=known.first_name,
            last_name=known.last_name,
            password_hash="",
            created_at=now,
            updated_at=now,
        )
        session.add(user)
        session.flush()
        who = audit.Who("person", user.id, user.email)
        made = audit.What(
            USER_CREATE, target_id=user.id, target_name=user.email, details={"issuer": known.issuer}
        )
        audit.record(session, who, [made], now)
        if self._join is not None:
            _add_membership(session, user, self._join, now, who)
        return user


def _tied(session: Session, known: Known) -> User | None:
    # Held: whoever is being disabled is disabled before this, or their session ends with it.
    tied = select(ExternalIdentity.user_id).where(
        ExternalIdentity.issuer == known.issuer, ExternalIdentity.subject == known.subject
    )
    return session.scalar(locked(select(User).where(User.id.in_(tied))))


def _subject(session: Session, user: User, known: Known) -> str | None:
    """The account at this issuer that the person is tied to."""
    return session.scalar(
        select(ExternalIdentity.subject).where(
            ExternalIdentity.user_id == user.id, ExternalIdentity.issuer == known.issuer
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
