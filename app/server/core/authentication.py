"""From a bearer token to the one who calls."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, update

from app.domain.errors import NotSignedIn, SessionEnded
from app.domain.organizations import Role
from app.server.clock import Clock
from app.server.core.principals import Actor, Belonging, NotAMember, PersonActor, Place, TokenActor
from app.server.core.recheck import REVOKED, TOKEN_UNKNOWN, check_alive
from app.server.core.token_signing import INVALID, Tokens, Verified
from app.server.persistence.engine import Database
from app.server.persistence.errors import NotWritable
from app.server.persistence.models import APIToken, LoginSession, Membership, Organization, User

STAMP_EVERY = timedelta(minutes=1)


_FROM_SESSION = (
    select(User, Membership, Organization)
    .join(LoginSession, LoginSession.user_id == User.id)
    .where(
        LoginSession.id == bindparam("session"),
        User.id == bindparam("user"),
        LoginSession.ended_at.is_(None),
        LoginSession.expires_at > bindparam("now"),
        User.disabled_at.is_(None),
    )
)
_NAMED = select(Organization.id).where(Organization.name == bindparam("organization")).scalar_subquery()


def _in(membership: ColumnElement[bool]) -> Select[User, Membership | None, Organization | None]:
    mine = and_(Membership.user_id == User.id, membership)
    query: Select[Any, Any, Any] = _FROM_SESSION.outerjoin(Membership, mine)
    return query.outerjoin(Organization, Organization.id == Membership.organization_id)


# Made once: to put a query together takes as long as to run it.
_IN_NAMED, _IN_CURRENT = _in(Membership.organization_id == _NAMED), _in(Membership.current.is_(True))
_API_TOKEN = (
    select(APIToken, Organization.name)
    .join(Organization, Organization.id == APIToken.organization_id)
    .where(APIToken.id == bindparam("token"))
)


class Identify:
    """Find out who a bearer is and which organization the call is about.

    `verify` reads no database. Raises NotSignedIn, SessionEnded, or NotAMember.
    """

    def __init__(self, database: Database, tokens: Tokens, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.verify = tokens.verify

    def load(self, token: Verified, organization: str, address: str = "") -> Actor:
        """The caller as they are now; a call with an API token is stamped on it.

        `organization` is the name from the call's metadata; empty means the person's current one. An API
        token has one organization, whatever is named.
        """
        if token.user_id is not None:
            return self._person(token, organization, address)
        return self._token(token.id, address)

    def _person(self, token: Verified, organization: str, address: str) -> PersonActor:
        names = {"organization": organization} if organization else {}
        values = {"session": token.id, "user": token.user_id, "now": self._clock(), **names}
        row = self._database.read_row(_IN_NAMED if organization else _IN_CURRENT, values)
        if row is None:
            raise SessionEnded(INVALID)
        user, membership, owner = row
        place, belonging = None, None
        if membership is not None and owner is not None:
            place = Place(membership.id, owner.id, owner.name, Role(membership.role))
            belonging = Belonging(membership, owner, user)
        elif organization:
            raise NotAMember(organization)
        return PersonActor(user.id, user.email, token.id, place, address, user, belonging)

    def _token(self, token_id: UUID, address: str) -> TokenActor:
        now = self._clock()
        found = self._database.read_row(_API_TOKEN, {"token": token_id})
        if found is None:
            raise NotSignedIn(TOKEN_UNKNOWN)
        row, name = found
        check_alive(row.revoked_at, row.expires_at, now)
        if row.last_used_at is None or row.last_used_at <= now - STAMP_EVERY:
            self._stamp(row.id, now)
        return TokenActor(
            row.id,
            row.name,
            row.organization_id,
            name,
            row.project_id,
            frozenset(row.permissions),
            row.created_at,
            row.expires_at,
            address,
        )

    def _stamp(self, token_id: UUID, now: datetime) -> None:
        # The conditions again: several replicas may have seen the same old stamp, and a sweep may have been
        # faster than this call. Revoked in between means revoked.
        due = or_(APIToken.last_used_at.is_(None), APIToken.last_used_at <= now - STAMP_EVERY)
        is_revoked = select(APIToken.revoked_at).where(APIToken.id == token_id)
        try:
            with self._database.write() as session:
                session.execute(
                    update(APIToken)
                    .where(APIToken.id == token_id, APIToken.revoked_at.is_(None), due)
                    .values(last_used_at=now)
                )
                revoked = session.scalar(is_revoked)
        except NotWritable:
            # Reads go on. The next use is stamped, and nothing can be swept before: a sweep writes, too.
            with self._database.read() as session:
                revoked = session.scalar(is_revoked)
        if revoked is not None:
            raise SessionEnded(REVOKED)
