"""What opens something in a person's name, as the operator of the server sees and ends it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.server.clock import Clock
from app.server.core import access, audit
from app.server.core.access import Ended, GrantRow, KeyRow, SessionRow
from app.server.core.accounts import PersonRow, find, lives_on, person_rows
from app.server.persistence.engine import Database
from app.server.persistence.models import APIToken, Organization, Project, User
from app.server.persistence.oauth_models import APIKey


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
class PersonAccess:
    """One person with all of it. Without `has_password` they sign in through the identity provider only."""

    person: PersonRow
    has_password: bool
    sessions: Sequence[SessionRow]
    grants: Sequence[GrantRow]
    keys: Sequence[KeyRow]
    tokens: Sequence[CreatedToken]


class ReadUserAccess:
    """Read it. Raises NotFound."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, email: str) -> PersonAccess:
        """All that is open now; what has expired is left out."""
        with self._database.read() as session:
            user, now = find(session, email, hold=False), self._clock()
            [person] = person_rows(session, now, user.id)
            return PersonAccess(
                person,
                bool(user.password_hash),
                access.read_sessions(session, user.id, now),
                access.read_grants(session, user.id, now),
                access.read_keys(session, user.id),
                created_tokens(session, user.id, now),
            )


class EndUserAccess:
    """End one thing by its ID, or all of its kind. Raises NotFound; every end is in the audit trail."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def sessions(self, by: audit.Who, email: str, only: UUID | None = None) -> Ended:
        """End sessions; browsers and programs that used them are signed out."""

        def work(session: Session, user: User, now: datetime) -> tuple[Ended, list[audit.What]]:
            ended = access.end_sessions(session, user.id, now, only=only)
            return Ended(sessions=len(ended)), access.sessions_ended(ended, user.email)

        return self._end(by, email, only, work)

    def grants(self, by: audit.Who, email: str, only: UUID | None = None) -> Ended:
        """End what the person allowed programs, with all of their tokens."""

        def work(session: Session, user: User, now: datetime) -> tuple[Ended, list[audit.What]]:
            ended = access.end_grants(session, user.id, now, only=only)
            return Ended(grants=len(ended)), access.grants_ended(ended)

        return self._end(by, email, only, work)

    def keys(self, by: audit.Who, email: str, only: UUID | None = None) -> Ended:
        """Delete the person's own API key, and those that they created for teams."""

        def work(session: Session, user: User, now: datetime) -> tuple[Ended, list[audit.What]]:
            chosen = [key for key in access.read_keys(session, user.id) if only in {None, key.id}]
            deleted = [key for key in chosen if access.end_keys(session, now, APIKey.key_hash == key.digest)]
            return Ended(keys=len(deleted)), [access.key_deleted(key, user.email) for key in deleted]

        return self._end(by, email, only, work)

    def _end(
        self,
        by: audit.Who,
        email: str,
        only: UUID | None,
        work: Callable[[Session, User, datetime], tuple[Ended, list[audit.What]]],
    ) -> Ended:
        def end(session: Session) -> Ended:
            user, now = find(session, email), self._clock()
            ended, acts = work(session, user, now)
            if only is not None and not acts:
                raise NotFound(f"{user.email} has none with the ID {only}", hint="leave it out to list them")
            audit.record(session, by, acts, now)
            return ended

        return self._database.transact(end)


def created_tokens(session: Session, user_id: UUID, now: datetime) -> Sequence[CreatedToken]:
    """The API tokens that a person created and that work."""
    query = (
        select(APIToken, Organization.name, Project.name)
        .join(Organization, Organization.id == APIToken.organization_id)
        .outerjoin(Project, Project.id == APIToken.project_id)
        .where(*lives_on(now), APIToken.created_by == user_id)
        .order_by(Organization.name, APIToken.created_at, APIToken.id)
    )
    return [
        CreatedToken(
            token.id,
            token.name,
            organization,
            project or "",
            token.created_at,
            token.last_used_at,
            token.expires_at,
        )
        for token, organization, project in session.execute(query)
    ]
