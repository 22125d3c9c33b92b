"""API keys: one for a person, one for a team. A new one ends the one before at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, PermissionDenied
from app.domain.organizations import ADMINISTRATORS, Role
from app.server.clock import Clock
from app.server.database.engine import Database
from app.server.database.models import Membership, Organization
from app.server.database.oauth_models import APIKey, Team
from app.server.oauth import opaque
from app.server.oauth.issued import Person
from app.server.usecases import audit
from app.server.usecases.actors import DENIED
from app.server.usecases.browser_sessions import SignedInBrowser
from app.server.usecases.recheck import locked, recheck_session

KEY_CREATE = "api_key.create"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be shown of a key: its last four characters and when it was made and used."""

    hint: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class TeamKeys:
    """A team and its key; `manages` says whether this person may make one."""

    id: UUID
    name: str
    organization: str
    manages: bool
    key: KeyInfo | None


@dataclass(frozen=True, slots=True)
class Overview:
    """The keys that concern one person."""

    personal: KeyInfo | None
    teams: Sequence[TeamKeys]


class ReadKeys:
    """What the page of keys shows."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, person: Person) -> Overview:
        """Never the keys themselves: only their hashes are stored."""
        with self._database.read() as session:
            personal = session.scalar(
                select(APIKey).where(
                    APIKey.user_id == person.id, APIKey.team_id.is_(None), APIKey.ended_at.is_(None)
                )
            )
            teams = session.execute(
                select(Team, Organization.name, Membership.role, APIKey)
                .join(Organization, Organization.id == Team.organization_id)
                .join(Membership, Membership.organization_id == Organization.id)
                .outerjoin(APIKey, (APIKey.team_id == Team.id) & APIKey.ended_at.is_(None))
                .where(Membership.user_id == person.id)
                .order_by(Organization.name, Team.name)
            ).tuples()
            return Overview(
                _info(personal),
                [
                    TeamKeys(team.id, team.name, organization, Role(role) in ADMINISTRATORS, _info(key))
                    for team, organization, role, key in teams
                ],
            )


class MakeKey:
    """Make a person's or a team's key. Raises NotFound for a team out of sight, PermissionDenied by role."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, browser: SignedInBrowser, team_id: UUID | None, address: str) -> str:
        """Return the key: it is shown once and stored as a hash."""
        key = opaque.fresh(opaque.KEY_PREFIX)
        self._database.transact(lambda session: self._make(session, browser, team_id, address, key))
        return key

    def _make(
        self, session: Session, browser: SignedInBrowser, team_id: UUID | None, address: str, key: str
    ) -> None:
        # The row whose key it is stays locked: two that replace it at the same time take turns.
        own = team_id is None
        user = recheck_session(session, browser.person.id, browser.session_id, self._clock, writes_user=own)
        organization_id, name = _managed(session, user.id, team_id) if team_id else (None, user.email)
        now = self._clock()
        same = APIKey.team_id.is_(None) & (APIKey.user_id == user.id) if own else APIKey.team_id == team_id
        session.execute(update(APIKey).where(same, APIKey.ended_at.is_(None)).values(ended_at=now))
        add_key(session, key, user.id, team_id, now)
        who = audit.Who("person", user.id, user.email, address)
        what = audit.What(KEY_CREATE, organization_id, team_id or user.id, name)
        audit.record(session, who, [what], now)


def add_key(session: Session, key: str, user_id: UUID, team_id: UUID | None, now: datetime) -> None:
    """Store `key` as a hash."""
    row = APIKey(key_hash=opaque.digest(key), user_id=user_id, team_id=team_id, hint=key[-4:], created_at=now)
    session.add(row)
    session.flush()


def _managed(session: Session, user_id: UUID, team_id: UUID) -> tuple[UUID, str]:
    team = select(Team.organization_id, Team.name).where(Team.id == team_id)
    row = session.execute(locked(team, write=True)).one_or_none()
    # The person is held, and every change of a membership holds the person.
    mine = select(Membership.role).where(Membership.user_id == user_id)
    role = session.scalar(mine.where(Membership.organization_id == row.organization_id)) if row else None
    if row is None or role is None:
        raise NotFound("team not found")
    if Role(role) not in ADMINISTRATORS:
        raise PermissionDenied(DENIED)
    return row.organization_id, row.name


def _info(key: APIKey | None) -> KeyInfo | None:
    return KeyInfo(key.hint, key.created_at, key.last_used_at) if key else None
