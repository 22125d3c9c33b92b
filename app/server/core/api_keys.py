"""API keys: one for a person, one for a team. A new one ends the one before at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, PermissionDenied
from app.domain.organizations import ADMINISTRATORS, Role
from app.server.clock import Clock
from app.server.core import audit, opaque_tokens
from app.server.core.access import KEY_DELETE, end_keys, own_key
from app.server.core.browser_sessions import SignedInBrowser
from app.server.core.issued import Person
from app.server.core.principals import DENIED
from app.server.core.recheck import locked, recheck_session
from app.server.persistence.engine import Database
from app.server.persistence.models import Membership, Organization, User
from app.server.persistence.oauth_models import APIKey, Team

KEY_CREATE = "api_key.create"


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """What may be shown of a key: its last four characters and when it was created and used."""

    hint: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class TeamKeys:
    """A team and its key; `manages` says whether this person may create one."""

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
            )
            return Overview(
                key_info(personal),
                [
                    TeamKeys(team.id, team.name, organization, Role(role) in ADMINISTRATORS, key_info(key))
                    for team, organization, role, key in teams
                ],
            )


class CreateKey:
    """Create a person's or a team's key. Raises NotFound for an unknown team, PermissionDenied by role."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, browser: SignedInBrowser, team_id: UUID | None, address: str) -> str:
        """Return the key: it is shown once and stored as a hash."""
        key = opaque_tokens.fresh(opaque_tokens.KEY_PREFIX)
        self._database.transact(lambda session: self._create(session, browser, team_id, address, key))
        return key

    def _create(
        self, session: Session, browser: SignedInBrowser, team_id: UUID | None, address: str, key: str
    ) -> None:
        held = _hold(session, browser, team_id, self._clock)
        now = self._clock()
        end_keys(session, now, held.whose)
        add_key(session, key, held.user.id, team_id, now)
        audit.record(session, held.who(address), [held.what(KEY_CREATE)], now)


class DeleteKey:
    """Delete a person's or a team's key. Raises NotFound for none, and what CreateKey raises."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, browser: SignedInBrowser, team_id: UUID | None, address: str) -> None:
        """From the next request on nobody can use it."""
        self._database.transact(lambda session: self._delete(session, browser, team_id, address))

    def _delete(self, session: Session, browser: SignedInBrowser, team_id: UUID | None, address: str) -> None:
        held = _hold(session, browser, team_id, self._clock)
        now = self._clock()
        if not end_keys(session, now, held.whose):
            raise NotFound("there is no key")
        audit.record(session, held.who(address), [held.what(KEY_DELETE)], now)


@dataclass(frozen=True, slots=True)
class _Held:
    """Whose key is about to change. Their row is locked: two that change it at the same time take turns."""

    user: User
    team_id: UUID | None
    organization_id: UUID | None
    name: str

    @property
    def whose(self) -> ColumnElement[bool]:
        return own_key(self.user.id) if self.team_id is None else APIKey.team_id == self.team_id

    def who(self, address: str) -> audit.Who:
        return audit.Who("person", self.user.id, self.user.email, address)

    def what(self, action: str) -> audit.What:
        return audit.What(action, self.organization_id, self.team_id or self.user.id, self.name)


def _hold(session: Session, browser: SignedInBrowser, team_id: UUID | None, clock: Clock) -> _Held:
    user = recheck_session(session, browser.person.id, browser.session_id, clock, writes_user=team_id is None)
    organization_id, name = _managed(session, user.id, team_id) if team_id else (None, user.email)
    return _Held(user, team_id, organization_id, name)


def add_key(session: Session, key: str, user_id: UUID | None, team_id: UUID | None, now: datetime) -> None:
    """Store `key` as a hash; a team's may have no person who created it."""
    row = APIKey(
        key_hash=opaque_tokens.digest(key), user_id=user_id, team_id=team_id, hint=key[-4:], created_at=now
    )
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


def key_info(key: APIKey | None) -> KeyInfo | None:
    """What may be shown of it; None for none."""
    return KeyInfo(key.hint, key.created_at, key.last_used_at) if key else None
