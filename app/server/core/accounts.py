"""People, as the operator of the server manages them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.errors import AlreadyExists, NotFound, UsageError
from app.domain.text import clean
from app.server.clock import Clock
from app.server.core import audit, rate_limit
from app.server.core.access import Ended, end_grants, end_keys, end_sessions, own_key
from app.server.core.passwords import MAX_LENGTH, Passwords
from app.server.core.recheck import locked
from app.server.persistence.engine import Database
from app.server.persistence.models import APIToken, Membership, Organization, User

MIN_PASSWORD = 12
MAX_EMAIL, MAX_NAME = 320, 200
USER_ADD, USER_DISABLE, USER_ENABLE = "user.add", "user.disable", "user.enable"
USER_RESET, USER_UNLOCK = "user.reset_password", "user.unlock"


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who is added."""

    email: str
    first_name: str = ""
    last_name: str = ""

    def check(self) -> "NewPerson":
        """Return self with the address in lower case, or raise UsageError."""
        email = self.email.strip().lower()
        local, _, host = email.rpartition("@")
        if not local or not host or len(email) > MAX_EMAIL or any(c.isspace() for c in email):
            raise UsageError(f"{self.email[:80]!r} is not an e-mail address", hint="write ada@acme.example")
        if clean(email) != email or max(len(self.first_name), len(self.last_name)) > MAX_NAME:
            raise UsageError("that name cannot be stored", hint=f"use up to {MAX_NAME} plain characters")
        return NewPerson(email, clean(self.first_name.strip()), clean(self.last_name.strip()))


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One person and the places they have, as (organization, role).

    `tokens` is how many of the API tokens that work they created; these outlive their access.
    """

    id: UUID
    email: str
    name: str
    created_at: datetime
    disabled_at: datetime | None
    places: Sequence[tuple[str, str]]
    tokens: int = 0


def check_password(password: str) -> str:
    """Return `password`, or raise UsageError for one that is too short or too long."""
    if not MIN_PASSWORD <= len(password) <= MAX_LENGTH:
        raise UsageError(
            f"a password has {MIN_PASSWORD} to {MAX_LENGTH} characters", hint="four random words will do"
        )
    return password


class AddUser:
    """Add a person, who belongs to no organization yet. Raises UsageError, AlreadyExists."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    def do(self, by: audit.Who, person: NewPerson, password: str) -> UUID:
        """Return the new person's id."""
        person = person.check()
        hashed = self._passwords.hash(check_password(password))
        try:
            with self._database.write() as session:
                now = self._clock()
                row = User(
                    email=person.email,
                    first_name=person.first_name,
                    last_name=person.last_name,
                    password_hash=hashed,
                    created_at=now,
                    updated_at=now,
                )
                session.add(row)
                session.flush()
                what = audit.What(USER_ADD, target_id=row.id, target_name=row.email)
                audit.record(session, by, [what], now)
        except IntegrityError as error:
            raise AlreadyExists(f"{person.email} is here already") from error
        return row.id


class ListUsers:
    """Everybody, by e-mail address."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self) -> list[PersonRow]:
        """List them."""
        with self._database.read() as session:
            return person_rows(session, self._clock())


class Unlock:
    """Let a person try again after too many wrong passwords, whoever typed them. Raises NotFound."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, email: str) -> int:
        """Return how many failures no longer count."""
        with self._database.write() as session:
            user = find(session, email)
            cleared = rate_limit.clear(session, user.email)
            details = {"failures": cleared}
            what = audit.What(USER_UNLOCK, target_id=user.id, target_name=user.email, details=details)
            audit.record(session, by, [what], self._clock())
        return cleared


class SetAccess:
    """Keep a person out, or let them in again. Raises NotFound.

    Whoever is kept out is signed out everywhere in the same moment: their sessions, the programs they
    allowed and their own keys end. API tokens belong to the organization and stay valid.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, email: str, allowed: bool) -> Ended:
        """Return what ended."""
        return self._database.transact(lambda session: self._set(session, by, email, allowed))

    def _set(self, session: Session, by: audit.Who, email: str, allowed: bool) -> Ended:
        user = find(session, email)
        now = self._clock()
        if allowed:
            user.disabled_at = None
        else:
            user.disabled_at = user.disabled_at or now
        user.updated_at = now
        ended = Ended() if allowed else _end(session, user.id, now)
        action = USER_ENABLE if allowed else USER_DISABLE
        audit.record(session, by, [_about(action, user, ended)], now)
        return ended


class ResetPassword:
    """Give a person a new password and end every session that began with the old one. Raises NotFound."""

    def __init__(self, database: Database, passwords: Passwords, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    def do(self, by: audit.Who, email: str, password: str) -> Ended:
        """Return what ended."""
        hashed = self._passwords.hash(check_password(password))
        return self._database.transact(lambda session: self._reset(session, by, email, hashed))

    def _reset(self, session: Session, by: audit.Who, email: str, hashed: str) -> Ended:
        user = find(session, email)
        now = self._clock()
        user.password_hash, user.updated_at = hashed, now
        ended = _end(session, user.id, now)
        rate_limit.clear(session, user.email)
        audit.record(session, by, [_about(USER_RESET, user, ended)], now)
        return ended


def person_rows(session: Session, now: datetime, only: UUID | None = None) -> list[PersonRow]:
    """Everybody, or one person."""
    places: dict[UUID, list[tuple[str, str]]] = {}
    joined = select(Membership.user_id, Organization.name, Membership.role)
    joined = joined.join(Organization, Organization.id == Membership.organization_id)
    counted = select(APIToken.created_by, func.count()).where(*lives_on(now)).group_by(APIToken.created_by)
    people = select(User).order_by(User.email)
    if only is not None:
        joined, people = joined.where(Membership.user_id == only), people.where(User.id == only)
        counted = counted.where(APIToken.created_by == only)
    for user_id, name, role in session.execute(joined.order_by(Organization.name)):
        places.setdefault(user_id, []).append((name, role))
    tokens = dict(session.execute(counted).all())
    return [
        PersonRow(
            user.id,
            user.email,
            f"{user.first_name} {user.last_name}".strip(),
            user.created_at,
            user.disabled_at,
            places.get(user.id, ()),
            tokens.get(user.id, 0),
        )
        for user in session.scalars(people)
    ]


def find(session: Session, email: str, hold: bool = True) -> User:
    """The person with this address, held until the transaction ends unless told not to; raise NotFound."""
    query = select(User).where(User.email == email.strip().lower())
    user = session.scalar(locked(query, write=True) if hold else query)
    if user is None:
        raise NotFound(f"nobody here is called {email[:80]}", hint="see: loopin server user list")
    return user


def _about(action: str, user: User, ended: Ended) -> audit.What:
    return audit.What(action, target_id=user.id, target_name=user.email, details=ended.counts)


def _end(session: Session, user_id: UUID, now: datetime) -> Ended:
    alive = select(func.count()).where(*lives_on(now), APIToken.created_by == user_id)
    return Ended(
        len(end_sessions(session, user_id, now)),
        len(end_grants(session, user_id, now)),
        end_keys(session, now, own_key(user_id)),
        session.scalar(alive) or 0,
    )


def lives_on(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Of API tokens, those that work."""
    return APIToken.revoked_at.is_(None), or_(APIToken.expires_at.is_(None), APIToken.expires_at > now)
