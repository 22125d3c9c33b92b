"""API keys: one for a person, one for a team. A new one ends the one before at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import names
from app.domain.errors import AlreadyExists, NotFound, PermissionDenied
from app.domain.organizations import ADMINISTRATORS, Role
from app.server.clock import Clock, utc_now
from app.server.core import audit
from app.server.core.access import KEY_DELETE, end_keys, is_own_key
from app.server.core.organizations import find_organization
from app.server.core.principals import DENIED, Person, SignedInBrowser, lock_signed_in_user, with_lock
from app.server.opaque_tokens import KEY_PREFIX, hash_secret, new_secret
from app.server.persistence.engine import Database
from app.server.persistence.models import APIKey, Membership, Organization, Team

KEY_CREATE, TEAM_ADD = "api_key.create", "team.add"


@dataclass(frozen=True, slots=True)
class TeamKey:
    """A team and its key; `manages` says whether this person may create one."""

    id: UUID
    name: str
    organization: str
    manages: bool
    key: APIKey | None


@dataclass(frozen=True, slots=True)
class KeyOverview:
    """The keys that concern one person. Never the keys themselves: only their hashes are stored."""

    personal: APIKey | None
    teams: Sequence[TeamKey]


class APIKeys:
    """A person's own key and those of their teams, in a browser.

    Raises NotFound for an unknown team, PermissionDenied by role, SessionEnded.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def read_overview(self, person: Person) -> KeyOverview:
        """What the page of keys shows."""
        own = select(APIKey).where(is_own_key(person.id), APIKey.ended_at.is_(None))
        teams = (
            select(Team, Organization.name, Membership.role, APIKey)
            .join(Organization, Organization.id == Team.organization_id)
            .join(Membership, Membership.organization_id == Organization.id)
            .outerjoin(APIKey, (APIKey.team_id == Team.id) & APIKey.ended_at.is_(None))
            .where(Membership.user_id == person.id)
            .order_by(Organization.name, Team.name)
        )
        with self._database.read() as session:
            return KeyOverview(
                session.scalar(own),
                [
                    TeamKey(team.id, team.name, organization, Role(role) in ADMINISTRATORS, key)
                    for team, organization, role, key in session.execute(teams)
                ],
            )

    def create_key(self, browser: SignedInBrowser, team_id: UUID | None, address: str) -> str:
        """Return the new key of the person, or of a team: it is shown once and stored as a hash."""
        key = new_secret(KEY_PREFIX)
        self._database.transact(partial(self._replace_key, browser, team_id, address, key))
        return key

    def delete_key(self, browser: SignedInBrowser, team_id: UUID | None, address: str) -> None:
        """Delete the key of the person, or of a team. Raises NotFound where there is none."""
        self._database.transact(partial(self._replace_key, browser, team_id, address, ""))

    def _replace_key(
        self, browser: SignedInBrowser, team_id: UUID | None, address: str, key: str, session: Session
    ) -> None:
        """End the key that there is, and store `key` unless it is empty.

        The row of the person or the team is locked: two that change the same key take turns.
        """
        user = lock_signed_in_user(session, browser, self._clock, writes_user=team_id is None)
        organization_id, name = _lock_team(session, user.id, team_id) if team_id else (None, user.email)
        now = self._clock()
        ended = end_keys(session, now, APIKey.team_id == team_id if team_id else is_own_key(user.id))
        if key:
            add_key(session, key, user.id, team_id, now)
        elif not ended:
            raise NotFound("there is no key")
        action = KEY_CREATE if key else KEY_DELETE
        event = audit.Event(action, organization_id, team_id or user.id, name)
        audit.record(session, audit.Actor.person(user, address), now, event)


@dataclass(frozen=True, slots=True)
class TeamSummary:
    """A team and its key, None without one."""

    id: UUID
    organization: str
    name: str
    created_at: datetime
    key: APIKey | None


@dataclass(frozen=True, slots=True)
class NewTeamKey:
    """A team's new key: it is shown once and stored as a hash. `replaced` says that it ended another one."""

    key: str
    replaced: bool

    def __repr__(self) -> str:
        return f"NewTeamKey(key=…{self.key[-4:]}, replaced={self.replaced})"


class Teams:
    """Gumloop teams and their keys, as the operator of the server manages them.

    Raises NotFound for what is named and not there.
    """

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def add_team(self, by: audit.Actor, organization: str, name: str) -> UUID:
        """Add a team of all members of an organization; return its id. Raises UsageError, AlreadyExists."""
        names.check(name)

        def add(session: Session) -> UUID:
            owner, now = find_organization(session, organization), self._clock()
            row = Team(organization_id=owner.id, name=name, created_at=now)
            session.add(row)
            session.flush()
            audit.record(session, by, now, audit.Event(TEAM_ADD, owner.id, row.id, name))
            return row.id

        try:
            return self._database.transact(add)
        except IntegrityError as error:
            raise AlreadyExists(f"{organization} has a team {name} already") from error

    def list_teams(self, organization: str = "") -> Sequence[TeamSummary]:
        """Teams by organization and name; of one organization when it is named."""
        query = (
            select(Team.id, Organization.name, Team.name, Team.created_at, APIKey)
            .join(Organization, Organization.id == Team.organization_id)
            .outerjoin(APIKey, (APIKey.team_id == Team.id) & APIKey.ended_at.is_(None))
            .order_by(Organization.name, Team.name)
        )
        with self._database.read() as session:
            if organization:
                owner = find_organization(session, organization, lock=False)
                query = query.where(Organization.id == owner.id)
            return [TeamSummary(*row) for row in session.execute(query)]

    def create_key(self, by: audit.Actor, organization: str, name: str) -> NewTeamKey:
        """Create a team's key; the previous one ends at once."""
        key = new_secret(KEY_PREFIX)

        def create(session: Session) -> NewTeamKey:
            owner = find_organization(session, organization)
            query = select(Team.id).where(Team.organization_id == owner.id, Team.name == name)
            team_id = session.scalar(with_lock(query, write=True))
            if team_id is None:
                raise NotFound(
                    f"there is no team {name[:80]!r} in {owner.name}",
                    hint=f"see: loopin server team list --org {owner.name}",
                )
            now = self._clock()
            replaced = bool(end_keys(session, now, APIKey.team_id == team_id))
            add_key(session, key, None, team_id, now)
            event = audit.Event(KEY_CREATE, owner.id, team_id, name, {"hint": key[-4:]})
            audit.record(session, by, now, event)
            return NewTeamKey(key, replaced)

        return self._database.transact(create)


def add_key(session: Session, key: str, user_id: UUID | None, team_id: UUID | None, now: datetime) -> None:
    """Store `key` as a hash; a team's may have no person who created it."""
    session.add(
        APIKey(key_hash=hash_secret(key), user_id=user_id, team_id=team_id, hint=key[-4:], created_at=now)
    )
    session.flush()


def _lock_team(session: Session, user_id: UUID, team_id: UUID) -> tuple[UUID, str]:
    """Organization and name of a team that the person manages."""
    team = select(Team.organization_id, Team.name).where(Team.id == team_id)
    row = session.execute(with_lock(team, write=True)).one_or_none()
    # The person is locked, and every change of a membership locks the person.
    own = select(Membership.role).where(Membership.user_id == user_id)
    role = session.scalar(own.where(Membership.organization_id == row.organization_id)) if row else None
    if row is None or role is None:
        raise NotFound("team not found")
    if Role(role) not in ADMINISTRATORS:
        raise PermissionDenied(DENIED)
    return row.organization_id, row.name
