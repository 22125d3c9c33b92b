"""Creating, listing and revoking API tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, String, and_, cast, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain import names, permissions
from app.domain.errors import AlreadyExists, InvalidInput, LoopinError, NotFound, PermissionDenied, Refused
from app.domain.json_text import read_json
from app.domain.organizations import ProjectRole
from app.domain.tokens import ScopeFilter, StatusFilter
from app.server.clock import Clock
from app.server.core import audit
from app.server.core.ids import parse_id
from app.server.core.principals import Actor, Reach, TokenActor, require
from app.server.core.recheck import locked, recheck
from app.server.core.token_signing import Tokens, TokenSubject
from app.server.persistence.engine import Database
from app.server.persistence.models import APIToken, Project, ProjectMembership

MAX_DESCRIPTION = 4000
MAX_LIFE = timedelta(days=365_000)
"""A thousand years; further on no calendar goes."""
LIFE = "invalid expires_in: it must lie in the future, at most 1,000 years"
NAME_A_PROJECT = "this identity cannot manage API tokens of the organization, name a project"
NO_TOKEN = "API token not found"
TOO_LATE = "an API token ends at the latest with the one that creates it:"
TOO_MUCH = "an API token may do no more than the one that creates it, which may not"


@dataclass(frozen=True, slots=True)
class ProjectRef:
    """A project by exactly one of id and name."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What Create asks for. `permissions` empty means the default set, `expires_in` None means never."""

    name: str
    description: str = ""
    expires_in: timedelta | None = None
    project: ProjectRef | None = None
    permissions: Sequence[str] = ()


class TokenRow(NamedTuple):
    """One API token as stored; a list has tens of thousands."""

    id: UUID
    name: str
    description: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    permissions: Sequence[str]
    project_id: UUID | None
    project_name: str | None
    parent_id: UUID | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The tokens asked for, oldest first, and the organization they are in."""

    organization_id: UUID
    organization_name: str
    rows: Sequence[TokenRow]


class CreateToken:
    """Make an API token. Raises InvalidInput, PermissionDenied, NotFound, AlreadyExists.

    Under an API token: Refused for one that would end later than that one, or may do more.

    A member or contributor needs the role admin in the project.
    """

    def __init__(self, database: Database, tokens: Tokens, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock

    def do(self, actor: Actor, wish: Wish) -> tuple[Listing, str]:
        """Return the new token, as a listing of one, and its JWT."""
        _check(wish)
        try:
            reach, row = self._database.transact(lambda session: self._create(session, actor, wish))
        except IntegrityError as error:
            raise AlreadyExists("duplicated: name already taken") from error
        return Listing(reach.organization_id, reach.organization_name, [row]), self._sign(reach, row)

    def _create(self, session: Session, actor: Actor, wish: Wish) -> tuple[Reach, TokenRow]:
        actor = recheck(session, actor, self._clock)
        reach = require(actor, permissions.TOKEN_CREATE)
        if wish.project is None and reach.projects_only:
            raise _name_a_project(actor)
        granted = _grant(actor, wish)
        # Held: one that is being removed is there until this is done, or not found.
        project = _project(session, reach, wish.project, hold=True) if wish.project else None
        now = self._clock()
        parent = actor if isinstance(actor, TokenActor) else None
        row = _row(wish, granted, (parent.id if parent else None), project, now)
        _check_life(parent, row)
        session.add(_stored(row, reach.organization_id, actor.who.id))
        session.flush()
        what = audit.What(audit.TOKEN_CREATE, reach.organization_id, row.id, row.name)
        audit.record(session, actor.who, [what], now)
        return reach, row

    def _sign(self, reach: Reach, row: TokenRow) -> str:
        project = (row.project_id, row.project_name or "") if row.project_id else None
        organization = (reach.organization_id, reach.organization_name)
        return self._tokens.for_api_token(
            TokenSubject(row.id, row.name, organization, project, row.expires_at)
        )


class ListTokens:
    """List the tokens the caller may see, oldest first.

    Those of projects in which a member or contributor has no role are left out. Such a project cannot be
    named either: an empty answer would say that it has no tokens.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(
        self, actor: Actor, status: StatusFilter, scope: ScopeFilter, project: ProjectRef | None
    ) -> Listing:
        """Raises PermissionDenied; InvalidInput, NotFound or PermissionDenied for the project."""
        reach = require(actor, permissions.TOKEN_LIST)
        query = _narrow(_select(reach), status, scope)
        with self._database.read() as session:
            if project is not None:
                query = query.where(APIToken.project_id == _project(session, reach, project)[0])
            # Without the ORM, which has nothing to do for columns and takes as long as the database.
            found = session.connection().execute(query)
            rows = [TokenRow._make((*row[:7], _permissions(row[7]), *row[8:])) for row in found]
        return Listing(reach.organization_id, reach.organization_name, rows)


class RevokeToken:
    """Revoke one token for good. Unknown, already revoked or out of sight: NotFound.

    A member or contributor needs the role admin in its project; with another one there: PermissionDenied.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, actor: Actor, token_id: str) -> None:
        """Raises InvalidInput for an id that is none, and for an organization's token out of reach."""
        require(actor, permissions.TOKEN_REVOKE)
        wanted = parse_id(token_id)
        self._database.transact(lambda session: self._revoke(session, actor, wanted))

    def _revoke(self, session: Session, actor: Actor, wanted: UUID) -> None:
        actor = recheck(session, actor, self._clock, target=wanted)
        reach = require(actor, permissions.TOKEN_REVOKE)
        same = (APIToken.id == wanted, APIToken.organization_id == reach.organization_id)
        columns = select(APIToken.name, APIToken.project_id)
        query = locked(columns.where(*same, APIToken.revoked_at.is_(None)), write=True)
        row = session.execute(query).one_or_none()
        if row is None or (reach.project_id and row.project_id not in {reach.project_id, None}):
            raise NotFound(NO_TOKEN)
        if reach.projects_only and row.project_id is None:
            raise _name_a_project(actor)
        _require_admin(session, reach, row.project_id)
        now = self._clock()
        session.execute(update(APIToken).where(*same).values(revoked_at=now))
        what = audit.What(audit.TOKEN_REVOKE, reach.organization_id, wanted, row.name)
        audit.record(session, actor.who, [what], now)


def _check(wish: Wish) -> None:
    if why := names.problem(wish.name):
        raise InvalidInput(f"invalid name: {why}")
    if len(wish.description) > MAX_DESCRIPTION or "\x00" in wish.description:
        raise InvalidInput(f"invalid description: up to {MAX_DESCRIPTION} characters, none of them NUL")
    if wish.expires_in is not None and not timedelta(0) < wish.expires_in <= MAX_LIFE:
        raise InvalidInput(LIFE)


def _check_life(parent: TokenActor | None, row: TokenRow) -> None:
    """What a token creates ends with it, or before."""
    end = parent.expires_at if parent else None
    if end is not None and (row.expires_at is None or row.expires_at > end):
        latest = end.isoformat(timespec="seconds").replace("+00:00", "Z")
        raise Refused(f"{TOO_LATE} {latest}")


def _name_a_project(actor: Actor) -> LoopinError:
    return (PermissionDenied if isinstance(actor, TokenActor) else InvalidInput)(NAME_A_PROJECT)


def _grant(actor: Actor, wish: Wish) -> tuple[str, ...]:
    granted = permissions.check(wish.permissions) or permissions.default(wish.project is not None)
    if isinstance(actor, TokenActor) and (more := set(granted) - actor.permissions):
        raise Refused(f"{TOO_MUCH} {', '.join(name for name in permissions.EVERY if name in more)}")
    return granted


def _project(session: Session, reach: Reach, ref: ProjectRef, hold: bool = False) -> tuple[UUID, str]:
    if (ref.id is None) == (ref.name is None):
        raise InvalidInput("name the project by exactly one of id and name")
    query = (
        select(Project.id, Project.name, ProjectMembership.role)
        .outerjoin(ProjectMembership, _held(reach, Project.id))
        .where(Project.organization_id == reach.organization_id)
    )
    if ref.id is not None:
        query = query.where(Project.id == _project_id(ref.id))
    else:
        query = query.where(Project.name == ref.name)
    query = query.with_for_update(read=True, key_share=True, of=Project) if hold else query
    row = session.execute(query).one_or_none()
    if row is None or (reach.project_id and row[0] != reach.project_id):
        raise NotFound(f"project {(ref.name or ref.id or '')[:80]} not found")
    reach.require_in_project(_role(row[2]))
    return row[0], row[1]


def _project_id(value: str) -> UUID:
    wanted = parse_id(value)
    if not wanted.int:
        raise InvalidInput("invalid project id: it is empty")
    return wanted


def _require_admin(session: Session, reach: Reach, project_id: UUID | None) -> None:
    """Hold a revocation to the person's role in the token's project; without one the token is not seen."""
    if reach.membership_id is None or project_id is None:
        return
    role = session.scalar(select(ProjectMembership.role).where(_held(reach, project_id)))
    if role is None:
        raise NotFound(NO_TOKEN)
    reach.require_in_project(_role(role))


def _held(reach: Reach, project: UUID | InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    mine = ProjectMembership.membership_id == reach.membership_id
    return and_(mine, ProjectMembership.project_id == project)


def _role(value: str | None) -> ProjectRole | None:
    return ProjectRole(value) if value else None


def _row(
    wish: Wish,
    granted: tuple[str, ...],
    parent: UUID | None,
    project: tuple[UUID, str] | None,
    now: datetime,
) -> TokenRow:
    end = now + wish.expires_in if wish.expires_in else None
    project_id, project_name = project or (None, None)
    return TokenRow(
        uuid4(), wish.name, wish.description, now, end, None, None, granted, project_id, project_name, parent
    )


def _stored(row: TokenRow, organization_id: UUID, creator: UUID | None) -> APIToken:
    return APIToken(
        id=row.id,
        organization_id=organization_id,
        project_id=row.project_id,
        name=row.name,
        description=row.description,
        permissions=list(row.permissions),
        created_by=creator,
        parent_id=row.parent_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


_Columns = tuple[
    UUID,
    str,
    str,
    datetime,
    datetime | None,
    datetime | None,
    datetime | None,
    str,
    UUID | None,
    str,
    UUID | None,
]


@lru_cache
def _permissions(stored: str) -> tuple[str, ...]:
    """Of its JSON; most tokens have the same."""
    return tuple(read_json(stored))


def _select(reach: Reach) -> Select[*_Columns]:
    query = (
        select(
            APIToken.id,
            APIToken.name,
            APIToken.description,
            APIToken.created_at,
            APIToken.expires_at,
            APIToken.last_used_at,
            APIToken.revoked_at,
            cast(APIToken.permissions, String),
            APIToken.project_id,
            Project.name,
            APIToken.parent_id,
        )
        .outerjoin(Project, Project.id == APIToken.project_id)
        .where(APIToken.organization_id == reach.organization_id)
        .order_by(APIToken.created_at, APIToken.id)
    )
    if reach.project_id:
        query = query.where(APIToken.project_id == reach.project_id)
    elif reach.membership_id:
        # As a value it is worked out once and looked up for each token. As a condition PostgreSQL joins it,
        # and without statistics reads every token of the organization again for each project.
        query = query.where(APIToken.project_id.in_(_projects(reach)).is_(true()))
    elif reach.projects_only:
        query = query.where(APIToken.project_id.is_not(None))
    return query


def _projects(reach: Reach) -> Select[UUID]:
    roles = [role.value for role in reach.project_roles]
    mine = select(ProjectMembership.project_id).where(ProjectMembership.membership_id == reach.membership_id)
    return mine.where(ProjectMembership.role.in_(roles))


def _narrow(query: Select[*_Columns], status: StatusFilter, scope: ScopeFilter) -> Select[*_Columns]:
    if status is StatusFilter.ACTIVE:
        query = query.where(APIToken.revoked_at.is_(None))
    elif status is StatusFilter.REVOKED:
        query = query.where(APIToken.revoked_at.is_not(None))
    if scope is ScopeFilter.PROJECT:
        query = query.where(APIToken.project_id.is_not(None))
    elif scope is ScopeFilter.GLOBAL:
        query = query.where(APIToken.project_id.is_(None))
    return query
