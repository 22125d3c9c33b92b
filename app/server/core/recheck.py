"""Who acts is read again in the transaction that writes: what ended since the request arrived counts.

Locks are taken in one order everywhere, so that no two transactions wait for each other: user, membership,
session, API token, organization, project or team; several of one kind by ascending id. On PostgreSQL they
are FOR SHARE, FOR NO KEY UPDATE on a row that the transaction writes, or FOR UPDATE on one that it removes.
SQLite has one writer at a time, from `BEGIN IMMEDIATE` on.

The sweep alone holds an organization before its tokens: of two transactions that wait for each other then,
PostgreSQL ends one, which is tried again.

The time of a change is read after the locks: events are dated in the order in which they happened.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import GenerativeSelect

from app.domain.errors import NotSignedIn, SessionEnded
from app.domain.organizations import Role
from app.server.clock import Clock
from app.server.core.principals import Actor, NotAMember, PersonActor, Place, TokenActor
from app.server.core.token_signing import EXPIRED, INVALID
from app.server.persistence.models import APIToken, LoginSession, Membership, User

REVOKED = "API token revoked"
TOKEN_UNKNOWN = "API token not found"

AnyActor = TypeVar("AnyActor", bound=Actor)
_Query = TypeVar("_Query", bound=GenerativeSelect)
# The rows of a person in one round trip. PostgreSQL takes the locks in the order of `of`.
_PERSON = (
    select(User.email, Membership.role, LoginSession.expires_at)
    .join(Membership, Membership.user_id == User.id)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        User.id == bindparam("user"),
        User.disabled_at.is_(None),
        Membership.id == bindparam("membership"),
        LoginSession.id == bindparam("session"),
        LoginSession.ended_at.is_(None),
    )
    .with_for_update(read=True, of=(User, Membership, LoginSession))
)


def locked(query: _Query, write: bool = False) -> _Query:
    """`query` with the lock of a row that is read, or with `write` of one that is written."""
    return query.with_for_update(key_share=True) if write else query.with_for_update(read=True)


def to_remove(query: _Query) -> _Query:
    """`query` with the lock of a row that is removed: nothing that belongs to it is added meanwhile."""
    return query.with_for_update()


def lock_user(session: Session, user_id: UUID, write: bool = False) -> User:
    """The person, held until the transaction ends. Raises SessionEnded for one who may not sign in."""
    query = select(User).where(User.id == user_id, User.disabled_at.is_(None))
    user: User | None = session.scalar(locked(query, write).execution_options(populate_existing=True))
    if user is None:
        raise SessionEnded(INVALID)
    return user


def lock_session(
    session: Session, user_id: UUID, session_id: UUID, now: Clock, write: bool = False
) -> LoginSession:
    """The person's session, held until the transaction ends. Raises SessionEnded for one that is over."""
    query = select(LoginSession).where(
        LoginSession.id == session_id, LoginSession.user_id == user_id, LoginSession.ended_at.is_(None)
    )
    fresh = locked(query, write).execution_options(populate_existing=True)
    row: LoginSession | None = session.scalar(fresh)
    if row is None or row.expires_at <= now():
        raise SessionEnded(INVALID)
    return row


def recheck_session(
    session: Session, user_id: UUID, session_id: UUID, clock: Clock, *, writes_user: bool = False
) -> User:
    """The person of a session that is valid, both held until the transaction ends. Raises SessionEnded."""
    user = lock_user(session, user_id, writes_user)
    lock_session(session, user_id, session_id, clock)
    return user


def recheck(
    session: Session, actor: AnyActor, clock: Clock, *, writes_user: bool = False, target: UUID | None = None
) -> AnyActor:
    """`actor` as it is now, with its rows held until the transaction ends.

    `writes_user` says that the transaction writes the person's row or memberships, `target` which API token
    it writes. Raises SessionEnded, NotSignedIn, or NotAMember.
    """
    found: Any = actor
    if isinstance(actor, PersonActor):
        found = _person(session, actor, clock, writes_user)
    elif isinstance(actor, TokenActor):
        found = _token(session, actor, clock, target)
    checked: AnyActor = found
    return checked


def check_alive(revoked_at: datetime | None, expires_at: datetime | None, now: datetime) -> None:
    """Raise SessionEnded for an API token that was revoked or has expired."""
    if revoked_at is not None:
        raise SessionEnded(REVOKED)
    if expires_at is not None and expires_at <= now:
        raise SessionEnded(EXPIRED)


def _person(session: Session, actor: PersonActor, clock: Clock, write: bool) -> PersonActor:
    if actor.place is not None and not write:
        values = {"user": actor.id, "membership": actor.place.membership_id, "session": actor.session_id}
        row = session.execute(_PERSON, values).one_or_none()
        if row is not None and row[2] > clock():
            return replace(actor, email=row[0], place=replace(actor.place, role=Role(row[1])))
    # Row by row, which tells what is missing.
    user = lock_user(session, actor.id, write)
    place = _place(session, actor, write) if actor.place else None
    lock_session(session, actor.id, actor.session_id, clock)
    return replace(actor, email=user.email, place=place)


def _place(session: Session, actor: PersonActor, write: bool) -> Place:
    assert actor.place is not None
    was = actor.place
    query = select(Membership.role).where(Membership.id == was.membership_id, Membership.user_id == actor.id)
    role = session.scalar(locked(query, write))
    if role is None:
        raise NotAMember(was.organization_name)
    return replace(was, role=Role(role))


def _token(session: Session, actor: TokenActor, clock: Clock, target: UUID | None) -> TokenActor:
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    found = False
    # Of two tokens that revoke each other, both begin with the same row.
    for row_id in sorted({actor.id, target or actor.id}):
        query = select(APIToken.revoked_at, APIToken.expires_at).where(APIToken.id == row_id)
        row = session.execute(locked(query, write=row_id == target)).one_or_none()
        if row is not None and row_id == actor.id:
            found, (revoked_at, expires_at) = True, row
    if not found:
        raise NotSignedIn(TOKEN_UNKNOWN)
    check_alive(revoked_at, expires_at, clock())
    return actor
