"""What opens something in a person's name: sessions, programs that they allowed, API keys.

Whoever ends something holds the person for writing first (see recheck), so that nothing new begins meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.domain.text import clean
from app.server.core import audit
from app.server.persistence.models import LoginSession, Organization
from app.server.persistence.oauth_models import APIKey, OAuthClient, OAuthGrant, Team

SESSION_END, GRANT_END, KEY_DELETE = "session.end", "oauth.end", "api_key.delete"


@dataclass(frozen=True, slots=True)
class Ended:
    """How much of a person's access ended. `tokens` counts their API tokens that stay valid."""

    sessions: int = 0
    grants: int = 0
    keys: int = 0
    tokens: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """For the audit trail."""
        return {"sessions": self.sessions, "grants": self.grants, "keys": self.keys}


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session that is open: where and when it began, when it ends by itself."""

    id: UUID
    address: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A program that a person allowed to act for them, until `expires_at`."""

    id: UUID
    client_id: str
    program: str
    scope: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeyRow:
    """An API key: `id` is that of the person or team whose one key it is; `team` is empty for a person's."""

    id: UUID
    team: str
    organization: str
    organization_id: UUID | None
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    digest: str = field(repr=False)


def read_sessions(session: Session, user_id: UUID, now: datetime) -> Sequence[SessionRow]:
    """Those that are open, the newest first."""
    query = select(LoginSession).where(
        LoginSession.user_id == user_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > now
    )
    rows = session.scalars(query.order_by(LoginSession.created_at.desc(), LoginSession.id))
    return [SessionRow(row.id, row.address, row.created_at, row.expires_at) for row in rows]


def read_grants(session: Session, user_id: UUID, now: datetime) -> Sequence[GrantRow]:
    """Those that are in force, the newest first."""
    query = (
        select(OAuthGrant, OAuthClient)
        .join(OAuthClient, OAuthClient.client_id == OAuthGrant.client_id)
        .where(OAuthGrant.user_id == user_id, OAuthGrant.ended_at.is_(None), OAuthGrant.expires_at > now)
        .order_by(OAuthGrant.created_at.desc(), OAuthGrant.id)
    )
    return [
        GrantRow(
            grant.id,
            grant.client_id,
            clean(client.client_name or grant.client_id, 80),
            grant.scope,
            grant.created_at,
            grant.expires_at,
        )
        for grant, client in session.execute(query)
    ]


def read_keys(session: Session, user_id: UUID) -> Sequence[KeyRow]:
    """The person's own key, and those that they created for teams."""
    query = (
        select(APIKey, Team.name, Organization.name, Organization.id)
        .outerjoin(Team, Team.id == APIKey.team_id)
        .outerjoin(Organization, Organization.id == Team.organization_id)
        .where(APIKey.user_id == user_id, APIKey.ended_at.is_(None))
        .order_by(APIKey.created_at, APIKey.key_hash)
    )
    return [
        KeyRow(
            key.team_id or user_id,
            team or "",
            organization or "",
            organization_id,
            key.hint,
            key.created_at,
            key.last_used_at,
            key.key_hash,
        )
        for key, team, organization, organization_id in session.execute(query)
    ]


def end_sessions(
    session: Session, user_id: UUID, now: datetime, *, only: UUID | None = None, keep: UUID | None = None
) -> Sequence[UUID]:
    """End a person's sessions, `only` one, or all but the one to `keep`; return those that were open."""
    wanted = [LoginSession.user_id == user_id, LoginSession.ended_at.is_(None)]
    wanted += [LoginSession.id == only] if only else []
    wanted += [LoginSession.id != keep] if keep else []
    ended = update(LoginSession).where(*wanted).values(ended_at=now)
    rows = session.execute(ended.returning(LoginSession.id, LoginSession.expires_at)).all()
    # What has expired is ended, too, as another host's clock may be late; but it was not open any more.
    return [id for id, until in rows if until > now]


def end_grants(
    session: Session, user_id: UUID, now: datetime, *, only: UUID | None = None
) -> Sequence[tuple[UUID, str]]:
    """End what a person allowed programs, or `only` one; return those in force, with their client's ID."""
    wanted = [OAuthGrant.user_id == user_id, OAuthGrant.ended_at.is_(None)]
    wanted += [OAuthGrant.id == only] if only else []
    ended = update(OAuthGrant).where(*wanted).values(ended_at=now)
    rows = session.execute(ended.returning(OAuthGrant.id, OAuthGrant.client_id, OAuthGrant.expires_at)).all()
    return [(id, client_id) for id, client_id, until in rows if until > now]


def end_keys(session: Session, now: datetime, *which: ColumnElement[bool]) -> int:
    """End the API keys that fulfil all of `which`; return how many there were."""
    ended = update(APIKey).where(APIKey.ended_at.is_(None), *which).values(ended_at=now)
    return len(session.scalars(ended.returning(APIKey.key_hash)).all())


def own_key(user_id: UUID) -> ColumnElement[bool]:
    """The person's own key, not one that they created for a team."""
    return APIKey.team_id.is_(None) & (APIKey.user_id == user_id)


def sessions_ended(ended: Sequence[UUID], email: str) -> list[audit.What]:
    """For the audit trail: one event a session."""
    return [audit.What(SESSION_END, target_id=id, target_name=email) for id in ended]


def grants_ended(ended: Sequence[tuple[UUID, str]]) -> list[audit.What]:
    """The same for programs."""
    return [audit.What(GRANT_END, target_id=id, target_name=client_id) for id, client_id in ended]


def key_deleted(key: KeyRow, email: str) -> audit.What:
    """The same for a key."""
    return audit.What(KEY_DELETE, key.organization_id, key.id, key.team or email)
