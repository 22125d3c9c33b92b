"""Adding, listing and removing trusted issuers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.errors import AlreadyExists, InvalidInput, NotFound, UsageError
from app.oidc.url_policy import check_url, server_reach
from app.server.clock import Clock
from app.server.core import audit, memberships
from app.server.core.audit import Who
from app.server.core.recheck import to_remove
from app.server.persistence.engine import Database
from app.server.persistence.issuer_models import TrustedIssuer
from app.server.persistence.models import Organization, Project

ISSUER_ADD, ISSUER_REMOVE = "issuer.add", "issuer.remove"
MAX_URL, MAX_AUDIENCE = 500, 255


@dataclass(frozen=True, slots=True)
class Draft:
    """An issuer to trust; `claims` are patterns by claim name, `project` empty means the organization."""

    organization: str
    url: str
    audience: str
    claims: Mapping[str, str]
    project: str = ""
    allow_private: bool = False


@dataclass(frozen=True, slots=True)
class Trusted:
    """A trusted issuer as listed."""

    id: UUID
    organization: str
    url: str
    audience: str
    claims: Mapping[str, str]
    project: str
    allow_private: bool
    created_at: datetime


class AddIssuer:
    """Trust jobs of a CI system.

    Raises UsageError for an address that is none, NotFound for the organization or project, AlreadyExists.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: Who, draft: Draft) -> Trusted:
        """Add it; servers that run use it at once."""
        _check(draft)
        with self._database.write() as session:
            organization, now = memberships.find(session, draft.organization), self._clock()
            project = _project(session, organization.id, draft.project) if draft.project else None
            row = TrustedIssuer(
                organization_id=organization.id,
                project_id=project.id if project else None,
                url=draft.url,
                audience=draft.audience,
                claims=dict(draft.claims),
                allow_private=draft.allow_private,
                created_at=now,
            )
            _refuse_twin(session, row)
            session.add(row)
            session.flush()
            what = audit.What(ISSUER_ADD, organization.id, row.id, row.url[:320], {"claims": row.claims})
            audit.record(session, by, [what], now)
            return _trusted(row, organization.name, project.name if project else "")


class ListIssuers:
    """Every trusted issuer, oldest first, of one organization or of all."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, organization: str = "") -> Sequence[Trusted]:
        """Raises NotFound for an organization that does not exist."""
        query = (
            select(TrustedIssuer, Organization.name, Project.name)
            .join(Organization, Organization.id == TrustedIssuer.organization_id)
            .outerjoin(Project, Project.id == TrustedIssuer.project_id)
            .order_by(TrustedIssuer.created_at, TrustedIssuer.id)
        )
        with self._database.read() as session:
            if organization:
                query = query.where(Organization.id == memberships.find(session, organization, hold=False).id)
            return [_trusted(row, name, project or "") for row, name, project in session.execute(query)]


class RemoveIssuer:
    """Trust it no longer, from the next call on. NotFound when there is none of that id."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: Who, issuer_id: str) -> None:
        """Remove one."""
        try:
            wanted = UUID(issuer_id)
        except ValueError:
            raise InvalidInput(
                f"{issuer_id[:80]!r} is not an id", hint="see loopin server issuer list"
            ) from None
        with self._database.write() as session:
            row = session.scalar(to_remove(select(TrustedIssuer).where(TrustedIssuer.id == wanted)))
            if row is None:
                raise NotFound("there is no trusted issuer of that id", hint="see loopin server issuer list")
            what = audit.What(ISSUER_REMOVE, row.organization_id, row.id, row.url[:320])
            audit.record(session, by, [what], self._clock())
            session.delete(row)


def _check(draft: Draft) -> None:
    # Whether http on this machine may be asked is decided again, by the server that asks.
    check_url(draft.url, server_reach(development=True))
    if len(draft.url) > MAX_URL or "?" in draft.url:
        raise UsageError("an issuer's address is short and has no query", hint="like https://gitlab.example")
    if not 0 < len(draft.audience) <= MAX_AUDIENCE:
        raise UsageError("the audience is empty or too long", hint="the usual one is chainloop")


def _project(session: Session, organization_id: UUID, name: str) -> Project:
    query = select(Project).where(Project.organization_id == organization_id, Project.name == name)
    row = session.scalar(query)
    if row is None:
        raise NotFound(f"there is no project {name[:80]!r} in that organization")
    return row


def _refuse_twin(session: Session, new: TrustedIssuer) -> None:
    query = select(TrustedIssuer).where(
        TrustedIssuer.organization_id == new.organization_id, TrustedIssuer.url == new.url
    )
    for row in session.scalars(query):
        if (row.audience, row.claims, row.project_id) == (new.audience, new.claims, new.project_id):
            raise AlreadyExists("that issuer is trusted already, with the same conditions")


def _trusted(row: TrustedIssuer, organization: str, project: str) -> Trusted:
    return Trusted(
        row.id, organization, row.url, row.audience, row.claims, project, row.allow_private, row.created_at
    )
