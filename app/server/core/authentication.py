"""From a bearer token to the principal of a call."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, update

from app.domain.errors import NotSignedIn, SessionEnded
from app.domain.organizations import Role
from app.server.clock import Clock
from app.server.core.principals import (
    REVOKED,
    TOKEN_UNKNOWN,
    ActiveMembership,
    MembershipDetails,
    NotAMember,
    Principal,
    TokenPrincipal,
    UserPrincipal,
    require_active,
)
from app.server.core.token_signing import INVALID, TokenSigner, VerifiedToken
from app.server.persistence.engine import Database
from app.server.persistence.errors import NotWritable
from app.server.persistence.models import APIToken, LoginSession, Membership, Organization, User

RECORD_USE_EVERY = timedelta(minutes=1)


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
    own = and_(Membership.user_id == User.id, membership)
    query: Select[Any, Any, Any] = _FROM_SESSION.outerjoin(Membership, own)
    return query.outerjoin(Organization, Organization.id == Membership.organization_id)


# Built once: to build a query takes as long as to run it.
_IN_NAMED, _IN_CURRENT = _in(Membership.organization_id == _NAMED), _in(Membership.current.is_(True))
_API_TOKEN = (
    select(APIToken, Organization.name)
    .join(Organization, Organization.id == APIToken.organization_id)
    .where(APIToken.id == bindparam("token"))
)


class Authentication:
    """Finds out who a bearer is and which organization the call is about.

    `verify_token` reads no database. Raises NotSignedIn, SessionEnded, or NotAMember.
    """

    def __init__(self, database: Database, signer: TokenSigner, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.verify_token = signer.verify_token

    def load_principal(self, token: VerifiedToken, organization: str, address: str = "") -> Principal:
        """The caller as they are now; the use of an API token is recorded.

        `organization` is the name from the call's metadata; empty means the person's current one. An API
        token has one organization, whatever is named.
        """
        if token.user_id is not None:
            return self._load_user(token, organization, address)
        return self._load_token(token.id, address)

    def _load_user(self, token: VerifiedToken, organization: str, address: str) -> UserPrincipal:
        names = {"organization": organization} if organization else {}
        values = {"session": token.id, "user": token.user_id, "now": self._clock(), **names}
        row = self._database.read_row(_IN_NAMED if organization else _IN_CURRENT, values)
        if row is None:
            raise SessionEnded(INVALID)
        user, membership, owner = row
        active, details = None, None
        if membership is not None and owner is not None:
            active = ActiveMembership(membership.id, owner.id, owner.name, Role(membership.role))
            details = MembershipDetails(membership, owner, user)
        elif organization:
            raise NotAMember(organization)
        return UserPrincipal(user.id, user.email, token.id, active, address, user, details)

    def _load_token(self, token_id: UUID, address: str) -> TokenPrincipal:
        now = self._clock()
        result = self._database.read_row(_API_TOKEN, {"token": token_id})
        if result is None:
            raise NotSignedIn(TOKEN_UNKNOWN)
        row, name = result
        require_active(row.revoked_at, row.expires_at, now)
        if row.last_used_at is None or row.last_used_at <= now - RECORD_USE_EVERY:
            self._record_use(row.id, now)
        return TokenPrincipal(
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

    def _record_use(self, token_id: UUID, now: datetime) -> None:
        # The conditions again: several replicas may have seen the same old time, and a sweep may have been
        # faster than this call. Revoked in between means revoked.
        due = or_(APIToken.last_used_at.is_(None), APIToken.last_used_at <= now - RECORD_USE_EVERY)
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
            # Reads go on. The next use is recorded, and nothing can be swept before: a sweep writes, too.
            with self._database.read() as session:
                revoked = session.scalar(is_revoked)
        if revoked is not None:
            raise SessionEnded(REVOKED)
