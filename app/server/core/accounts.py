"""People and their access, as the operator of the server manages them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain.errors import AlreadyExists, NotFound, UsageError
from app.domain.text import clean
from app.server.clock import Clock, utc_now
from app.server.core import access, audit, rate_limit
from app.server.core.access import AllowedProgram, CreatedToken, EndedAccess, KeyDetails
from app.server.core.passwords import check_password, hash_password
from app.server.core.principals import with_lock
from app.server.persistence.engine import Database
from app.server.persistence.models import APIToken, LoginSession, Membership, Organization, User

MAX_EMAIL, MAX_NAME = 320, 200
USER_ADD, USER_DISABLE, USER_ENABLE = "user.add", "user.disable", "user.enable"
USER_RESET, USER_UNLOCK = "user.reset_password", "user.unlock"


@dataclass(frozen=True, slots=True)
class NewUser:
    """Who is added."""

    email: str
    first_name: str = ""
    last_name: str = ""

    def check(self) -> "NewUser":
        """Return self with the address in lower case, or raise UsageError."""
        email = self.email.strip().lower()
        local, _, host = email.rpartition("@")
        if not local or not host or len(email) > MAX_EMAIL or any(c.isspace() for c in email):
            raise UsageError(f"{self.email[:80]!r} is not an e-mail address", hint="write ada@acme.example")
        if clean(email) != email or max(len(self.first_name), len(self.last_name)) > MAX_NAME:
            raise UsageError("that name cannot be stored", hint=f"use up to {MAX_NAME} plain characters")
        return NewUser(email, clean(self.first_name.strip()), clean(self.last_name.strip()))


@dataclass(frozen=True, slots=True)
class UserSummary:
    """One person and their memberships, as (organization, role).

    `tokens` is how many of the API tokens that work they created; these outlive their access.
    """

    id: UUID
    email: str
    name: str
    created_at: datetime
    disabled_at: datetime | None
    memberships: Sequence[tuple[str, str]]
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class UserDetails:
    """A person with their active access.

    Without `has_password` they sign in through the identity provider only.
    """

    summary: UserSummary
    has_password: bool
    sessions: Sequence[LoginSession]
    grants: Sequence[AllowedProgram]
    keys: Sequence[KeyDetails]
    tokens: Sequence[CreatedToken]


class Accounts:
    """Users, as the operator manages them. Raises NotFound for an unknown e-mail address."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def add_user(self, by: audit.Actor, user: NewUser, password: str) -> UUID:
        """Add a person, who belongs to no organization yet. Raises UsageError, AlreadyExists."""
        user = user.check()
        password_hash = hash_password(check_password(password))
        try:
            with self._database.write() as session:
                now = self._clock()
                row = User(
                    email=user.email,
                    first_name=user.first_name,
                    last_name=user.last_name,
                    password_hash=password_hash,
                    created_at=now,
                    updated_at=now,
                )
                session.add(row)
                session.flush()
                audit.record(session, by, now, _event(USER_ADD, row))
        except IntegrityError as error:
            raise AlreadyExists(f"{user.email} is here already") from error
        return row.id

    def list_users(self) -> Sequence[UserSummary]:
        """Everybody, by e-mail address."""
        with self._database.read() as session:
            return _read_summaries(session, self._clock())

    def read_user(self, email: str) -> UserDetails:
        """One person with their active access; what has expired is left out."""
        with self._database.read() as session:
            user, now = find_user(session, email, lock=False), self._clock()
            [summary] = _read_summaries(session, now, user.id)
            return UserDetails(
                summary,
                bool(user.password_hash),
                access.read_sessions(session, user.id, now),
                access.read_grants(session, user.id, now),
                access.read_keys(session, user.id),
                access.read_created_tokens(session, user.id, now),
            )

    def disable_user(self, by: audit.Actor, email: str) -> EndedAccess:
        """Keep a person out; return what ended."""

        def disable(session: Session) -> EndedAccess:
            user, now = find_user(session, email), self._clock()
            user.disabled_at, user.updated_at = user.disabled_at or now, now
            ended = access.end_all_access(session, user.id, now)
            audit.record(session, by, now, _event(USER_DISABLE, user, ended))
            return ended

        return self._database.transact(disable)

    def enable_user(self, by: audit.Actor, email: str) -> EndedAccess:
        """Let a person in again; nothing ends."""

        def enable(session: Session) -> EndedAccess:
            user, now = find_user(session, email), self._clock()
            user.disabled_at, user.updated_at = None, now
            audit.record(session, by, now, _event(USER_ENABLE, user, EndedAccess()))
            return EndedAccess()

        return self._database.transact(enable)

    def reset_password(self, by: audit.Actor, email: str, password: str) -> EndedAccess:
        """Give a person a new password; return what ended. Raises UsageError."""
        password_hash = hash_password(check_password(password))

        def reset(session: Session) -> EndedAccess:
            user, now = find_user(session, email), self._clock()
            user.password_hash, user.updated_at = password_hash, now
            ended = access.end_all_access(session, user.id, now)
            rate_limit.clear_failures(session, user.email)
            audit.record(session, by, now, _event(USER_RESET, user, ended))
            return ended

        return self._database.transact(reset)

    def unlock_user(self, by: audit.Actor, email: str) -> int:
        """Let a person try again after too many wrong passwords; return how many failures no longer count."""
        with self._database.write() as session:
            user = find_user(session, email)
            cleared = rate_limit.clear_failures(session, user.email)
            details = {"failures": cleared}
            event = audit.Event(USER_UNLOCK, target_id=user.id, target_name=user.email, details=details)
            audit.record(session, by, self._clock(), event)
        return cleared

    def end_sessions(self, by: audit.Actor, email: str, only: UUID | None = None) -> EndedAccess:
        """End sessions, or `only` one; browsers and programs that used them are signed out."""
        return EndedAccess(sessions=self._end(by, email, only, access.end_and_list_sessions))

    def end_grants(self, by: audit.Actor, email: str, only: UUID | None = None) -> EndedAccess:
        """End what the person allowed programs, with all of their tokens."""
        return EndedAccess(grants=self._end(by, email, only, access.end_and_list_grants))

    def delete_keys(self, by: audit.Actor, email: str, only: UUID | None = None) -> EndedAccess:
        """Delete the person's own API key, and those that they created for teams."""
        return EndedAccess(keys=self._end(by, email, only, access.end_and_list_keys))

    def _end(
        self,
        by: audit.Actor,
        email: str,
        only: UUID | None,
        end_and_list: Callable[[Session, User, datetime, UUID | None], list[audit.Event]],
    ) -> int:
        def end(session: Session) -> int:
            user, now = find_user(session, email), self._clock()
            events = end_and_list(session, user, now, only)
            if only is not None and not events:
                raise NotFound(f"{user.email} has none with the ID {only}", hint="leave it out to list them")
            audit.record(session, by, now, *events)
            return len(events)

        return self._database.transact(end)


def find_user(session: Session, email: str, lock: bool = True) -> User:
    """The person with this address, locked for writing unless `lock` is False; raise NotFound."""
    query = select(User).where(User.email == email.strip().lower())
    user = session.scalar(with_lock(query, write=True) if lock else query)
    if user is None:
        raise NotFound(f"nobody here is called {email[:80]}", hint="see: loopin server user list")
    return user


def _read_summaries(session: Session, now: datetime, only: UUID | None = None) -> list[UserSummary]:
    """Everybody, or one person."""
    users = select(User).order_by(User.email)
    joined = select(Membership.user_id, Organization.name, Membership.role)
    joined = joined.join(Organization, Organization.id == Membership.organization_id)
    counted = select(APIToken.created_by, func.count()).where(*access.is_active_token(now))
    if only is not None:
        users, joined = users.where(User.id == only), joined.where(Membership.user_id == only)
        counted = counted.where(APIToken.created_by == only)
    memberships: dict[UUID, list[tuple[str, str]]] = {}
    for user_id, name, role in session.execute(joined.order_by(Organization.name)):
        memberships.setdefault(user_id, []).append((name, role))
    tokens = dict(session.execute(counted.group_by(APIToken.created_by)).all())
    return [
        UserSummary(
            user.id,
            user.email,
            f"{user.first_name} {user.last_name}".strip(),
            user.created_at,
            user.disabled_at,
            memberships.get(user.id, ()),
            tokens.get(user.id, 0),
        )
        for user in session.scalars(users)
    ]


def _event(action: str, user: User, ended: EndedAccess | None = None) -> audit.Event:
    return audit.Event(
        action, target_id=user.id, target_name=user.email, details=ended.counts if ended else None
    )
