"""From a bearer token to the one who calls."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotSignedIn, SessionEnded
from app.domain.organizations import Role
from app.server.clock import Clock
from app.server.database.engine import Database
from app.server.database.models import APIToken, LoginSession, Membership, Organization, User
from app.server.database.trouble import NotWritable
from app.server.jwts import INVALID, PERSON_AUDIENCE, Tokens, Verified
from app.server.usecases.actors import Actor, NotAMember, PersonActor, Place, TokenActor
from app.server.usecases.recheck import REVOKED, TOKEN_UNKNOWN, check_alive

STAMP_EVERY = timedelta(minutes=1)


class Identify:
    """Find out who a bearer is and which organization the call is about.

    `organization` is the name from the call's metadata; empty means the person's current one. An API token
    has one organization, whatever is named. Raises NotSignedIn, SessionEnded, or NotAMember.
    """

    def __init__(self, database: Database, tokens: Tokens, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock

    def do(self, bearer: str, organization: str, address: str = "") -> Actor:
        """Identify the caller; a call with an API token is stamped on it."""
        verified = self._tokens.verify(bearer)
        if verified.audience == PERSON_AUDIENCE:
            return self._person(verified, organization, address)
        return self._token(verified.id, address)

    def _person(self, verified: Verified, organization: str, address: str) -> PersonActor:
        now = self._clock()
        with self._database.read() as session:
            user = session.scalar(
                select(User)
                .join(LoginSession, LoginSession.user_id == User.id)
                .where(
                    LoginSession.id == verified.id,
                    LoginSession.ended_at.is_(None),
                    LoginSession.expires_at > now,
                    User.disabled_at.is_(None),
                )
            )
            if user is None or user.id != verified.user_id:
                raise SessionEnded(INVALID)
            place = _place(session, user.id, organization)
        return PersonActor(user.id, user.email, verified.id, place, address)

    def _token(self, token_id: UUID, address: str) -> TokenActor:
        now = self._clock()
        with self._database.read() as session:
            found = session.execute(
                select(APIToken, Organization.name)
                .join(Organization, Organization.id == APIToken.organization_id)
                .where(APIToken.id == token_id)
            ).one_or_none()
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


def _place(session: Session, user_id: UUID, organization: str) -> Place | None:
    query = (
        select(Membership.id, Organization.id, Organization.name, Membership.role)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.user_id == user_id)
    )
    wanted = Organization.name == organization if organization else Membership.current.is_(True)
    row = session.execute(query.where(wanted)).one_or_none()
    if row is not None:
        return Place(row[0], row[1], row[2], Role(row[3]))
    if organization:
        raise NotAMember(organization)
    return None
