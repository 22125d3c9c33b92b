"""The reads of the Gumloop side: who calls with which bearer, their teams and organizations."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.domain.errors import InvalidInput, NotSignedIn, PermissionDenied
from app.server.clock import Clock
from app.server.core.authentication import RECORD_USE_EVERY
from app.server.core.grants import ACCESS, API_SCOPE
from app.server.core.principals import read_id
from app.server.opaque_tokens import KEY_PREFIX, hash_secret
from app.server.persistence.engine import Database
from app.server.persistence.errors import NoDatabase
from app.server.persistence.models import APIKey, Membership, OAuthGrant, OAuthToken, Organization, Team, User

MISSING = "Send a bearer token in the Authorization header."
INVALID = "The access token or API key is not valid."
NO_USER = "An API key needs the x-auth-key header with the user ID it belongs to."
OTHER_USER = "The API key does not belong to the user in x-auth-key."
SCOPE = f"The access token lacks the scope {API_SCOPE}."


@dataclass(frozen=True, slots=True)
class Bearer:
    """What a request shows: the bearer value and, with an API key, the user ID."""

    value: str
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `team_key` is the team of a team's key; `team_id` the team that the request names."""

    user_id: UUID
    team_key: UUID | None = None
    team_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A team or an organization."""

    id: UUID
    name: str


class Gumloop:
    """Identifies callers and lists what they see."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def identify_caller(self, bearer: Bearer, team_id: str) -> Caller:
        """Check the bearer, then the team against it; the use of a key is recorded at most once a minute.

        Raises NotSignedIn for a bearer that does not work, PermissionDenied for a scope or team that it does
        not have, InvalidInput for a `team_id` that is none.
        """
        if not bearer.value:
            raise NotSignedIn(MISSING)
        has_key = bearer.value.startswith(KEY_PREFIX)
        with self._database.read() as session:
            find = _find_by_key if has_key else self._find_by_token
            caller = find(session, bearer)
            team = _parse_team_id(team_id)
            if team is not None and not (
                caller.team_key in {None, team} and _is_member(session, caller.user_id, team)
            ):
                raise PermissionDenied("This credential has no access to that team.")
        if has_key:
            self._record_use(hash_secret(bearer.value))
        return Caller(caller.user_id, caller.team_key, team)

    def list_teams(self, caller: Caller) -> Sequence[Named]:
        """The teams of a caller, by name. Raises InvalidInput for a team's key without `team_id`."""
        if caller.team_key is not None and caller.team_id is None:
            raise InvalidInput("With a team's key the parameter team_id is required.")
        query = (
            select(Team.id, Team.name)
            .join(Membership, Membership.organization_id == Team.organization_id)
            .where(Membership.user_id == caller.user_id)
            .order_by(Team.name, Team.id)
        )
        if caller.team_key is not None:
            query = query.where(Team.id == caller.team_key)
        with self._database.read() as session:
            return [Named(*row) for row in session.execute(query)]

    def list_organizations(self, caller: Caller) -> Sequence[Named]:
        """The organizations of a person who calls, by name. Raises PermissionDenied for a team's key."""
        if caller.team_key is not None:
            raise PermissionDenied("A team's key cannot list organizations.")
        query = (
            select(Organization.id, Organization.name)
            .join(Membership, Membership.organization_id == Organization.id)
            .where(Membership.user_id == caller.user_id)
            .order_by(Organization.name)
        )
        with self._database.read() as session:
            return [Named(*row) for row in session.execute(query)]

    def _find_by_token(self, session: Session, bearer: Bearer) -> Caller:
        row = session.execute(
            select(OAuthGrant.user_id, OAuthToken.scope)
            .join(OAuthToken, OAuthToken.grant_id == OAuthGrant.id)
            .join(User, User.id == OAuthGrant.user_id)
            .where(
                OAuthToken.token_hash == hash_secret(bearer.value),
                OAuthToken.kind == ACCESS,
                OAuthToken.expires_at > self._clock(),
                OAuthToken.revoked_at.is_(None),
                OAuthGrant.ended_at.is_(None),
                User.disabled_at.is_(None),
            )
        ).one_or_none()
        if row is None:
            raise NotSignedIn(INVALID)
        if API_SCOPE not in row.scope.split():
            raise PermissionDenied(SCOPE)
        return Caller(row.user_id)

    def _record_use(self, key_hash: str) -> None:
        now = self._clock()
        due = or_(APIKey.last_used_at.is_(None), APIKey.last_used_at <= now - RECORD_USE_EVERY)
        with self._database.read() as session:
            if not session.scalar(select(APIKey.key_hash).where(APIKey.key_hash == key_hash, due)):
                return
        # On a full disk reads go on; the next use is recorded.
        with suppress(NoDatabase), self._database.write() as session:
            session.execute(update(APIKey).where(APIKey.key_hash == key_hash, due).values(last_used_at=now))


def _find_by_key(session: Session, bearer: Bearer) -> Caller:
    key = session.scalar(
        select(APIKey).where(APIKey.key_hash == hash_secret(bearer.value), APIKey.ended_at.is_(None))
    )
    if key is None:
        raise NotSignedIn(INVALID)
    if not bearer.user_id:
        raise NotSignedIn(NO_USER)
    user_id = read_id(bearer.user_id)
    active = session.scalar(select(User.id).where(User.id == user_id, User.disabled_at.is_(None)))
    # A person's key is theirs alone; a team's key works for everyone in the team.
    if (
        user_id is None
        or active is None
        or (key.team_id is None and user_id != key.user_id)
        or (key.team_id is not None and not _is_member(session, user_id, key.team_id))
    ):
        raise NotSignedIn(OTHER_USER)
    return Caller(user_id, key.team_id)


def _is_member(session: Session, user_id: UUID, team_id: UUID) -> bool:
    query = (
        select(Team.id)
        .join(Membership, Membership.organization_id == Team.organization_id)
        .where(Team.id == team_id, Membership.user_id == user_id)
    )
    return session.scalar(query) is not None


def _parse_team_id(team_id: str) -> UUID | None:
    if not team_id:
        return None
    parsed = read_id(team_id)
    if parsed is None:
        raise InvalidInput("The parameter team_id is not the ID of a team.")
    return parsed
