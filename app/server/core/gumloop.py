"""The reads of the Gumloop side: who calls with which bearer, their teams and organizations."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.domain.errors import InvalidInput, NotSignedIn, PermissionDenied
from app.server.clock import Clock
from app.server.core import oauth_rules, opaque_tokens
from app.server.core.authentication import STAMP_EVERY
from app.server.core.ids import read_id
from app.server.persistence.engine import Database
from app.server.persistence.errors import NoDatabase
from app.server.persistence.models import Membership, Organization, User
from app.server.persistence.oauth_models import APIKey, OAuthGrant, OAuthToken, Team

MISSING = "Send a bearer token in the Authorization header."
INVALID = "The access token or API key is not valid."
NO_USER = "An API key needs the x-auth-key header with the user ID it belongs to."
OTHER_USER = "The API key does not belong to the user in x-auth-key."
SCOPE = f"The access token lacks the scope {oauth_rules.API_SCOPE}."


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


class IdentifyCaller:
    """From the headers to the caller.

    Raises NotSignedIn for a bearer that does not work, PermissionDenied for a scope or team that it does
    not have, InvalidInput for a `team_id` that is none.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, bearer: Bearer, team_id: str) -> Caller:
        """Check the bearer, then the team against it; a key is stamped at most once a minute."""
        if not bearer.value:
            raise NotSignedIn(MISSING)
        with self._database.read() as session:
            if bearer.value.startswith(opaque_tokens.KEY_PREFIX):
                caller = self._by_key(session, bearer)
            else:
                caller = self._by_token(session, bearer.value)
            wanted = _parse(team_id)
            if wanted is not None and not _reaches(session, caller, wanted):
                raise PermissionDenied("This credential has no access to that team.")
        if bearer.value.startswith(opaque_tokens.KEY_PREFIX):
            self._stamp(opaque_tokens.digest(bearer.value))
        return Caller(caller.user_id, caller.team_key, wanted)

    def _by_token(self, session: Session, value: str) -> Caller:
        row = session.execute(
            select(OAuthGrant.user_id, OAuthToken.scope)
            .join(OAuthToken, OAuthToken.grant_id == OAuthGrant.id)
            .join(User, User.id == OAuthGrant.user_id)
            .where(
                OAuthToken.token_hash == opaque_tokens.digest(value),
                OAuthToken.kind == oauth_rules.ACCESS,
                OAuthToken.expires_at > self._clock(),
                OAuthToken.revoked_at.is_(None),
                OAuthGrant.ended_at.is_(None),
                User.disabled_at.is_(None),
            )
        ).one_or_none()
        if row is None:
            raise NotSignedIn(INVALID)
        if oauth_rules.API_SCOPE not in row.scope.split():
            raise PermissionDenied(SCOPE)
        return Caller(row.user_id)

    def _by_key(self, session: Session, bearer: Bearer) -> Caller:
        key = session.scalar(
            select(APIKey).where(
                APIKey.key_hash == opaque_tokens.digest(bearer.value), APIKey.ended_at.is_(None)
            )
        )
        if key is None:
            raise NotSignedIn(INVALID)
        if not bearer.user_id:
            raise NotSignedIn(NO_USER)
        user_id = read_id(bearer.user_id)
        # A person's key is theirs alone; a team's key works for everyone in the team.
        mine = user_id == key.user_id if key.team_id is None else True
        active = session.scalar(select(User.id).where(User.id == user_id, User.disabled_at.is_(None)))
        if user_id is None or active is None or not mine:
            raise NotSignedIn(OTHER_USER)
        if key.team_id is not None and not _is_member(session, user_id, key.team_id):
            raise NotSignedIn(OTHER_USER)
        return Caller(user_id, key.team_id)

    def _stamp(self, key_hash: str) -> None:
        now = self._clock()
        due = or_(APIKey.last_used_at.is_(None), APIKey.last_used_at <= now - STAMP_EVERY)
        with self._database.read() as session:
            if not session.scalar(select(APIKey.key_hash).where(APIKey.key_hash == key_hash, due)):
                return
        # On a full disk reads go on; the next use is stamped.
        with suppress(NoDatabase), self._database.write() as session:
            session.execute(update(APIKey).where(APIKey.key_hash == key_hash, due).values(last_used_at=now))


class ListCallerTeams:
    """The teams that a caller reaches. A team's key must name its team."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, caller: Caller) -> Sequence[Named]:
        """By name. Raises InvalidInput for a team's key without `team_id`."""
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
            return [Named(id, name) for id, name in session.execute(query)]


class ListCallerOrganizations:
    """The organizations of a person who calls. Raises PermissionDenied for a team's key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, caller: Caller) -> Sequence[Named]:
        """By name."""
        if caller.team_key is not None:
            raise PermissionDenied("A team's key cannot list organizations.")
        with self._database.read() as session:
            rows = session.execute(
                select(Organization.id, Organization.name)
                .join(Membership, Membership.organization_id == Organization.id)
                .where(Membership.user_id == caller.user_id)
                .order_by(Organization.name)
            )
            return [Named(id, name) for id, name in rows]


def _reaches(session: Session, caller: Caller, team_id: UUID) -> bool:
    if caller.team_key is not None and team_id != caller.team_key:
        return False
    return _is_member(session, caller.user_id, team_id)


def _is_member(session: Session, user_id: UUID, team_id: UUID) -> bool:
    found = session.scalar(
        select(Team.id)
        .join(Membership, Membership.organization_id == Team.organization_id)
        .where(Team.id == team_id, Membership.user_id == user_id)
    )
    return found is not None


def _parse(team_id: str) -> UUID | None:
    if not team_id:
        return None
    parsed = read_id(team_id)
    if parsed is None:
        raise InvalidInput("The parameter team_id is not the ID of a team.")
    return parsed
