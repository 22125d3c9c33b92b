"""Creating, listing and revoking API tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Select, String, and_, cast, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain import names, permissions
from app.domain.errors import AlreadyExists, InvalidInput, LoopinError, NotFound, PermissionDenied, Refused
from app.domain.json_text import read_json
from app.domain.tokens import ScopeFilter, StatusFilter
from app.server.clock import Clock
from app.server.core import audit
from app.server.core.principals import (
    AccessScope,
    Principal,
    TokenPrincipal,
    parse_id,
    reload_principal,
    require_permission,
    with_lock,
)
from app.server.core.token_signing import APITokenClaims, TokenSigner
from app.server.persistence.engine import Database
from app.server.persistence.models import APIToken, Project, ProjectMembership

MAX_DESCRIPTION = 4000
MAX_EXPIRES_IN = timedelta(days=365_000)
"""A thousand years; further on no calendar goes."""
EXPIRES_IN_INVALID = "invalid expires_in: it must lie in the future, at most 1,000 years"
PROJECT_NEEDED = "this identity cannot manage API tokens of the organization, name a project"
NO_TOKEN = "API token not found"
TOO_LATE = "an API token ends at the latest with the one that creates it:"
TOO_MUCH = "an API token may do no more than the one that creates it, which may not"
_TokenQuery = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class ProjectReference:
    """A project by exactly one of id and name."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CreateTokenRequest:
    """What Create asks for. `permissions` empty means the default set, `expires_in` None means never."""

    name: str
    description: str = ""
    expires_in: timedelta | None = None
    project: ProjectReference | None = None
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
class TokenList:
    """The tokens asked for, oldest first, and the organization they are in."""

    organization_id: UUID
    organization_name: str
    rows: Sequence[TokenRow]


class APITokens:
    """Creates, lists and revokes. Every method raises PermissionDenied by role."""

    def __init__(self, database: Database, signer: TokenSigner, clock: Clock) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock

    def create_token(self, principal: Principal, request: CreateTokenRequest) -> tuple[TokenList, str]:
        """Return the new token, as a list of one, and its JWT.

        A member or contributor needs the role admin in the project. Raises InvalidInput, NotFound,
        AlreadyExists; under an API token Refused for one that would end later than that one, or may do more.
        """
        _check_request(request)

        def create(session: Session) -> tuple[AccessScope, TokenRow]:
            current = reload_principal(session, principal, self._clock)
            scope = require_permission(current, permissions.TOKEN_CREATE)
            if request.project is None and scope.projects_only:
                raise _project_needed(current)
            granted = _grant_permissions(current, request)
            # Locked: one that is being removed is there until this is done, or not found.
            project = _find_project(session, scope, request.project, lock=True) if request.project else None
            now = self._clock()
            parent = current if isinstance(current, TokenPrincipal) else None
            fields: dict[str, Any] = {
                "id": uuid4(),
                "name": request.name,
                "description": request.description,
                "created_at": now,
                "expires_at": _check_end(parent, now + request.expires_in if request.expires_in else None),
                "project_id": project[0] if project else None,
                "parent_id": parent.id if parent else None,
            }
            row = TokenRow(
                **fields,
                permissions=granted,
                project_name=project[1] if project else None,
                last_used_at=None,
                revoked_at=None,
            )
            session.add(
                APIToken(
                    **fields,
                    permissions=list(granted),
                    organization_id=scope.organization_id,
                    created_by=current.audit_actor.id,
                )
            )
            session.flush()
            event = audit.Event(audit.TOKEN_CREATE, scope.organization_id, row.id, row.name)
            audit.record(session, current.audit_actor, now, event)
            return scope, row

        try:
            scope, row = self._database.transact(create)
        except IntegrityError as error:
            raise AlreadyExists("duplicated: name already taken") from error
        organization = (scope.organization_id, scope.organization_name)
        in_project = (row.project_id, row.project_name or "") if row.project_id else None
        claims = APITokenClaims(row.id, row.name, organization, in_project, row.expires_at)
        return TokenList(*organization, [row]), self._signer.sign_api_token(claims)

    def list_tokens(
        self, principal: Principal, status: StatusFilter, scope: ScopeFilter, project: ProjectReference | None
    ) -> TokenList:
        """List the tokens the caller may see, oldest first.

        Those of projects in which a member or contributor has no role are left out. Such a project cannot be
        named either: an empty answer would say that it has no tokens. Raises InvalidInput, NotFound or
        PermissionDenied for the project.
        """
        access = require_permission(principal, permissions.TOKEN_LIST)
        query = _filter(_select_rows(access), status, scope)
        with self._database.read() as session:
            if project is not None:
                query = query.where(APIToken.project_id == _find_project(session, access, project)[0])
            # Without the ORM, which has nothing to do for columns and takes as long as the database.
            result = session.connection().execute(query)
            rows = [TokenRow._make((*row[:7], _read_permissions(row[7]), *row[8:])) for row in result]
        return TokenList(access.organization_id, access.organization_name, rows)

    def revoke_token(self, principal: Principal, token_id: str) -> None:
        """Revoke one token for good. Unknown, already revoked or out of sight: NotFound.

        A member or contributor needs the role admin in its project; with another one there:
        PermissionDenied. Raises InvalidInput for an id that is none, and for an organization's token that
        the caller cannot manage.
        """
        require_permission(principal, permissions.TOKEN_REVOKE)
        target = parse_id(token_id)

        def revoke(session: Session) -> None:
            current = reload_principal(session, principal, self._clock, target=target)
            scope = require_permission(current, permissions.TOKEN_REVOKE)
            same = (APIToken.id == target, APIToken.organization_id == scope.organization_id)
            columns = select(APIToken.name, APIToken.project_id)
            query = with_lock(columns.where(*same, APIToken.revoked_at.is_(None)), write=True)
            row = session.execute(query).one_or_none()
            if row is None or (scope.project_id and row.project_id not in {scope.project_id, None}):
                raise NotFound(NO_TOKEN)
            if scope.projects_only and row.project_id is None:
                raise _project_needed(current)
            _require_project_role(session, scope, row.project_id)
            now = self._clock()
            session.execute(update(APIToken).where(*same).values(revoked_at=now))
            event = audit.Event(audit.TOKEN_REVOKE, scope.organization_id, target, row.name)
            audit.record(session, current.audit_actor, now, event)

        self._database.transact(revoke)


def _check_request(request: CreateTokenRequest) -> None:
    if problem := names.problem(request.name):
        raise InvalidInput(f"invalid name: {problem}")
    if len(request.description) > MAX_DESCRIPTION or "\x00" in request.description:
        raise InvalidInput(f"invalid description: up to {MAX_DESCRIPTION} characters, none of them NUL")
    if request.expires_in is not None and not timedelta(0) < request.expires_in <= MAX_EXPIRES_IN:
        raise InvalidInput(EXPIRES_IN_INVALID)


def _check_end(parent: TokenPrincipal | None, end: datetime | None) -> datetime | None:
    """Return the end of a new token, which is that of its parent at the latest."""
    latest = parent.expires_at if parent else None
    if latest is not None and (end is None or end > latest):
        text = latest.isoformat(timespec="seconds").replace("+00:00", "Z")
        raise Refused(f"{TOO_LATE} {text}")
    return end


def _project_needed(principal: Principal) -> LoopinError:
    return (PermissionDenied if isinstance(principal, TokenPrincipal) else InvalidInput)(PROJECT_NEEDED)


def _grant_permissions(principal: Principal, request: CreateTokenRequest) -> tuple[str, ...]:
    granted = permissions.check(request.permissions) or permissions.default(request.project is not None)
    if isinstance(principal, TokenPrincipal) and (more := set(granted) - principal.permissions):
        raise Refused(f"{TOO_MUCH} {', '.join(name for name in permissions.EVERY if name in more)}")
    return granted


def _find_project(
    session: Session, scope: AccessScope, reference: ProjectReference, lock: bool = False
) -> tuple[UUID, str]:
    if (reference.id is None) == (reference.name is None):
        raise InvalidInput("name the project by exactly one of id and name")
    query = (
        select(Project.id, Project.name, ProjectMembership.role)
        .outerjoin(ProjectMembership, _is_role_of(scope, Project.id))
        .where(Project.organization_id == scope.organization_id)
    )
    if reference.id is not None:
        query = query.where(Project.id == _parse_project_id(reference.id))
    else:
        query = query.where(Project.name == reference.name)
    query = query.with_for_update(read=True, key_share=True, of=Project) if lock else query
    row = session.execute(query).one_or_none()
    if row is None or (scope.project_id and row[0] != scope.project_id):
        raise NotFound(f"project {(reference.name or reference.id or '')[:80]} not found")
    scope.require_project_role(row[2])
    return row[0], row[1]


def _parse_project_id(value: str) -> UUID:
    project_id = parse_id(value)
    if not project_id.int:
        raise InvalidInput("invalid project id: it is empty")
    return project_id


def _require_project_role(session: Session, scope: AccessScope, project_id: UUID | None) -> None:
    """Hold a revocation to the person's role in the token's project; without one the token is not seen."""
    if scope.membership_id is None or project_id is None:
        return
    role = session.scalar(select(ProjectMembership.role).where(_is_role_of(scope, project_id)))
    if role is None:
        raise NotFound(NO_TOKEN)
    scope.require_project_role(role)


def _is_role_of(scope: AccessScope, project: UUID | InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    own = ProjectMembership.membership_id == scope.membership_id
    return and_(own, ProjectMembership.project_id == project)


@lru_cache
def _read_permissions(stored: str) -> tuple[str, ...]:
    """Of its JSON; most tokens have the same."""
    return tuple(read_json(stored))


def _select_rows(scope: AccessScope) -> _TokenQuery:
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
        .where(APIToken.organization_id == scope.organization_id)
        .order_by(APIToken.created_at, APIToken.id)
    )
    if scope.project_id:
        query = query.where(APIToken.project_id == scope.project_id)
    elif scope.membership_id:
        # As a value it is computed once and looked up for each token. As a condition PostgreSQL joins it,
        # and without statistics reads every token of the organization again for each project.
        query = query.where(APIToken.project_id.in_(_visible_projects(scope)).is_(true()))
    elif scope.projects_only:
        query = query.where(APIToken.project_id.is_not(None))
    return query


def _visible_projects(scope: AccessScope) -> Select[UUID]:
    roles = [role.value for role in scope.project_roles]
    own = select(ProjectMembership.project_id).where(ProjectMembership.membership_id == scope.membership_id)
    return own.where(ProjectMembership.role.in_(roles))


def _filter(query: _TokenQuery, status: StatusFilter, scope: ScopeFilter) -> _TokenQuery:
    if status is StatusFilter.ACTIVE:
        query = query.where(APIToken.revoked_at.is_(None))
    elif status is StatusFilter.REVOKED:
        query = query.where(APIToken.revoked_at.is_not(None))
    if scope is ScopeFilter.PROJECT:
        query = query.where(APIToken.project_id.is_not(None))
    elif scope is ScopeFilter.GLOBAL:
        query = query.where(APIToken.project_id.is_(None))
    return query
