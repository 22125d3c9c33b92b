"""A person's access: sessions, programs that they allowed, API keys.

What ends access locks the person for writing first, so that nothing new begins meanwhile.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.text import clean
from app.server.clock import Clock
from app.server.core import audit
from app.server.core.principals import SignedInBrowser, lock_signed_in_user
from app.server.persistence.engine import Database
from app.server.persistence.models import (
    APIKey,
    APIToken,
    LoginSession,
    OAuthClient,
    OAuthGrant,
    Organization,
    Project,
    Team,
    User,
)

SESSION_END, GRANT_END, KEY_DELETE = "session.end", "oauth.end", "api_key.delete"


@dataclass(frozen=True, slots=True)
class EndedAccess:
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
class AllowedProgram:
    """An OAuth grant: a program that a person allowed to act for them, until `expires_at`."""

    id: UUID
    client_id: str
    program: str
    scope: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeyDetails:
    """An API key: `id` is that of the person or team whose one key it is; `team` is empty for a person's."""

    id: UUID
    team: str
    organization: str
    organization_id: UUID | None
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    key_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """An API token that a person created and that works; it belongs to the organization."""

    id: UUID
    name: str
    organization: str
    project: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class OwnAccessOverview:
    """Active access. `here` is the session of the browser that asks, None if it has just ended."""

    here: LoginSession | None
    others: Sequence[LoginSession]
    grants: Sequence[AllowedProgram]
    has_key: bool


class OwnAccess:
    """A person's own access, which they see and end in a browser.

    Raises NotFound for what is not theirs, and SessionEnded for a browser that is not signed in any more.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def read_overview(self, browser: SignedInBrowser) -> OwnAccessOverview:
        """Active sessions and programs, and whether there is a key."""
        user_id, now = browser.person.id, self._clock()
        with self._database.read() as session:
            sessions = read_sessions(session, user_id, now)
            key = select(APIKey.key_hash).where(is_own_key(user_id), APIKey.ended_at.is_(None))
            return OwnAccessOverview(
                next((row for row in sessions if row.id == browser.session_id), None),
                [row for row in sessions if row.id != browser.session_id],
                read_grants(session, user_id, now),
                session.scalar(key) is not None,
            )

    def end_session(self, browser: SignedInBrowser, session_id: UUID, address: str) -> None:
        """End one session, this one or another."""
        self._end_one(browser, address, partial(end_and_list_sessions, only=session_id))

    def end_grant(self, browser: SignedInBrowser, grant_id: UUID, address: str) -> None:
        """End what the person allowed one program, with all of its tokens."""
        self._end_one(browser, address, partial(end_and_list_grants, only=grant_id))

    def end_others(self, browser: SignedInBrowser, address: str, keys: bool) -> EndedAccess:
        """End all sessions but this one and all programs; with `keys` delete the own API key, too."""

        def end(session: Session) -> EndedAccess:
            user, now = lock_signed_in_user(session, browser, self._clock, writes_user=True), self._clock()
            ended = EndedAccess(
                len(end_sessions(session, user.id, now, other_than=browser.session_id)),
                len(end_grants(session, user.id, now)),
                end_keys(session, now, is_own_key(user.id)) if keys else 0,
            )
            details = {"others": True, **ended.counts}
            event = audit.Event(audit.LOGOUT, target_id=browser.session_id, details=details)
            audit.record(session, audit.Actor.person(user, address), now, event)
            return ended

        return self._database.transact(end)

    def _end_one(
        self,
        browser: SignedInBrowser,
        address: str,
        end_and_list: Callable[[Session, User, datetime], list[audit.Event]],
    ) -> None:
        def end(session: Session) -> None:
            user, now = lock_signed_in_user(session, browser, self._clock, writes_user=True), self._clock()
            events = end_and_list(session, user, now)
            if not events:
                raise NotFound("it has ended already")
            audit.record(session, audit.Actor.person(user, address), now, *events)

        self._database.transact(end)


def read_sessions(session: Session, user_id: UUID, now: datetime) -> Sequence[LoginSession]:
    """Those that are open, the newest first."""
    query = select(LoginSession).where(
        LoginSession.user_id == user_id, LoginSession.ended_at.is_(None), LoginSession.expires_at > now
    )
    return session.scalars(query.order_by(LoginSession.created_at.desc(), LoginSession.id)).all()


def read_grants(session: Session, user_id: UUID, now: datetime) -> Sequence[AllowedProgram]:
    """Those that are in force, the newest first."""
    query = (
        select(OAuthGrant, OAuthClient)
        .join(OAuthClient, OAuthClient.client_id == OAuthGrant.client_id)
        .where(OAuthGrant.user_id == user_id, OAuthGrant.ended_at.is_(None), OAuthGrant.expires_at > now)
        .order_by(OAuthGrant.created_at.desc(), OAuthGrant.id)
    )
    return [
        AllowedProgram(
            grant.id,
            grant.client_id,
            clean(client.client_name or grant.client_id, 80),
            grant.scope,
            grant.created_at,
            grant.expires_at,
        )
        for grant, client in session.execute(query)
    ]


def read_keys(session: Session, user_id: UUID) -> Sequence[KeyDetails]:
    """The person's own key, and those that they created for teams."""
    query = (
        select(
            func.coalesce(APIKey.team_id, APIKey.user_id),
            func.coalesce(Team.name, ""),
            func.coalesce(Organization.name, ""),
            Organization.id,
            APIKey.hint,
            APIKey.created_at,
            APIKey.last_used_at,
            APIKey.key_hash,
        )
        .outerjoin(Team, Team.id == APIKey.team_id)
        .outerjoin(Organization, Organization.id == Team.organization_id)
        .where(APIKey.user_id == user_id, APIKey.ended_at.is_(None))
        .order_by(APIKey.created_at, APIKey.key_hash)
    )
    return [KeyDetails(*row) for row in session.execute(query)]


def read_created_tokens(session: Session, user_id: UUID, now: datetime) -> Sequence[CreatedToken]:
    """The API tokens that a person created and that work."""
    query = (
        select(
            APIToken.id,
            APIToken.name,
            Organization.name,
            func.coalesce(Project.name, ""),
            APIToken.created_at,
            APIToken.last_used_at,
            APIToken.expires_at,
        )
        .join(Organization, Organization.id == APIToken.organization_id)
        .outerjoin(Project, Project.id == APIToken.project_id)
        .where(*is_active_token(now), APIToken.created_by == user_id)
        .order_by(Organization.name, APIToken.created_at, APIToken.id)
    )
    return [CreatedToken(*row) for row in session.execute(query)]


def end_sessions(
    session: Session,
    user_id: UUID,
    now: datetime,
    *,
    only: UUID | None = None,
    other_than: UUID | None = None,
) -> Sequence[UUID]:
    """End a person's sessions, `only` one, or all `other_than` one; return those that were open."""
    query = update(LoginSession).where(LoginSession.user_id == user_id, LoginSession.ended_at.is_(None))
    query = query.where(LoginSession.id == only) if only else query
    query = query.where(LoginSession.id != other_than) if other_than else query
    ended = query.values(ended_at=now).returning(LoginSession.id, LoginSession.expires_at)
    # What has expired is ended, too, as another host's clock may be late; but it was not open any more.
    return [id for id, end in session.execute(ended).all() if end > now]


def end_grants(
    session: Session, user_id: UUID, now: datetime, *, only: UUID | None = None
) -> Sequence[tuple[UUID, str]]:
    """End what a person allowed programs, or `only` one; return those in force, with their client's ID."""
    query = update(OAuthGrant).where(OAuthGrant.user_id == user_id, OAuthGrant.ended_at.is_(None))
    query = query.where(OAuthGrant.id == only) if only else query
    ended = query.values(ended_at=now).returning(OAuthGrant.id, OAuthGrant.client_id, OAuthGrant.expires_at)
    return [(id, client_id) for id, client_id, end in session.execute(ended).all() if end > now]


def end_keys(session: Session, now: datetime, *conditions: ColumnElement[bool]) -> int:
    """End the API keys that fulfil all `conditions`; return how many there were."""
    ended = update(APIKey).where(APIKey.ended_at.is_(None), *conditions).values(ended_at=now)
    return len(session.scalars(ended.returning(APIKey.key_hash)).all())


def end_and_list_sessions(
    session: Session, user: User, now: datetime, only: UUID | None = None
) -> list[audit.Event]:
    """End sessions; return one event for each that was open."""
    ended = end_sessions(session, user.id, now, only=only)
    return [audit.Event(SESSION_END, target_id=id, target_name=user.email) for id in ended]


def end_and_list_grants(
    session: Session, user: User, now: datetime, only: UUID | None = None
) -> list[audit.Event]:
    """The same for programs."""
    ended = end_grants(session, user.id, now, only=only)
    return [audit.Event(GRANT_END, target_id=id, target_name=client_id) for id, client_id in ended]


def end_and_list_keys(
    session: Session, user: User, now: datetime, only: UUID | None = None
) -> list[audit.Event]:
    """The same for the person's own API key, and those that they created for teams."""
    return [
        audit.Event(KEY_DELETE, key.organization_id, key.id, key.team or user.email)
        for key in read_keys(session, user.id)
        if only in {None, key.id} and end_keys(session, now, APIKey.key_hash == key.key_hash)
    ]


def end_all_access(session: Session, user_id: UUID, now: datetime) -> EndedAccess:
    """End sessions, programs and the own key; count the API tokens that stay valid."""
    remaining = select(func.count()).where(*is_active_token(now), APIToken.created_by == user_id)
    return EndedAccess(
        len(end_sessions(session, user_id, now)),
        len(end_grants(session, user_id, now)),
        end_keys(session, now, is_own_key(user_id)),
        session.scalar(remaining) or 0,
    )


def is_own_key(user_id: UUID) -> ColumnElement[bool]:
    """The person's own key, not one that they created for a team."""
    return APIKey.team_id.is_(None) & (APIKey.user_id == user_id)


def is_active_token(now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Of API tokens, those that work."""
    return APIToken.revoked_at.is_(None), or_(APIToken.expires_at.is_(None), APIToken.expires_at > now)
