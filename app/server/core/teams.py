"""Gumloop teams and their keys, as the operator of the server manages them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import names
from app.domain.errors import AlreadyExists, NotFound
from app.server.clock import Clock
from app.server.core import audit, memberships, opaque_tokens
from app.server.core.access import end_keys
from app.server.core.api_keys import KEY_CREATE, KeyInfo, add_key, key_info
from app.server.core.recheck import locked
from app.server.persistence.engine import Database
from app.server.persistence.models import Organization
from app.server.persistence.oauth_models import APIKey, Team

TEAM_ADD = "team.add"


@dataclass(frozen=True, slots=True)
class TeamRow:
    """A team, and what may be shown of its key; without one None."""

    id: UUID
    organization: str
    name: str
    created_at: datetime
    key: KeyInfo | None


@dataclass(frozen=True, slots=True)
class NewTeamKey:
    """A team's new key: it is shown once and stored as a hash. `replaced` says that it ended another one."""

    key: str
    replaced: bool

    def __repr__(self) -> str:
        return f"NewTeamKey(key=…{self.key[-4:]}, replaced={self.replaced})"


class AddTeam:
    """Add a team of all members of an organization. Raises UsageError, NotFound, AlreadyExists."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, organization: str, name: str) -> UUID:
        """Return its id."""
        names.check(name)
        try:
            return self._database.transact(lambda session: self._add(session, by, organization, name))
        except IntegrityError as error:
            raise AlreadyExists(f"{organization} has a team {name} already") from error

    def _add(self, session: Session, by: audit.Who, organization: str, name: str) -> UUID:
        owner, now = memberships.find(session, organization), self._clock()
        row = Team(organization_id=owner.id, name=name, created_at=now)
        session.add(row)
        session.flush()
        audit.record(session, by, [audit.What(TEAM_ADD, owner.id, row.id, name)], now)
        return row.id


class ListTeams:
    """Teams by organization and name; of one organization when it is named. Raises NotFound."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, organization: str = "") -> list[TeamRow]:
        """List them, with the last four characters of their keys."""
        query = (
            select(Team, Organization.name, APIKey)
            .join(Organization, Organization.id == Team.organization_id)
            .outerjoin(APIKey, (APIKey.team_id == Team.id) & APIKey.ended_at.is_(None))
            .order_by(Organization.name, Team.name)
        )
        with self._database.read() as session:
            if organization:
                query = query.where(Organization.id == memberships.find(session, organization, hold=False).id)
            return [
                TeamRow(team.id, owner, team.name, team.created_at, key_info(key))
                for team, owner, key in session.execute(query)
            ]


class CreateTeamKey:
    """Create a team's key; the previous one ends at once. Raises NotFound."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, organization: str, name: str) -> NewTeamKey:
        """Return the key."""
        key = opaque_tokens.fresh(opaque_tokens.KEY_PREFIX)
        return self._database.transact(lambda session: self._create(session, by, organization, name, key))

    def _create(self, session: Session, by: audit.Who, organization: str, name: str, key: str) -> NewTeamKey:
        owner = memberships.find(session, organization)
        query = select(Team.id).where(Team.organization_id == owner.id, Team.name == name)
        team_id = session.scalar(locked(query, write=True))
        if team_id is None:
            raise NotFound(
                f"there is no team {name[:80]!r} in {owner.name}",
                hint=f"see: loopin server team list --org {owner.name}",
            )
        now = self._clock()
        replaced = bool(end_keys(session, now, APIKey.team_id == team_id))
        add_key(session, key, None, team_id, now)
        what = audit.What(KEY_CREATE, owner.id, team_id, name, {"hint": key[-4:]})
        audit.record(session, by, [what], now)
        return NewTeamKey(key, replaced)
