"""Reading the audit trail."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFound
from app.domain.times import iso_exact
from app.server.core import audit
from app.server.persistence.engine import Database
from app.server.persistence.models import AuditEvent, Organization
from app.server.persistence.types import UTCDateTime

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: all of what is given must hold. An empty value leaves nothing out.

    `since` belongs to the span, `until` does not. `actor` is the name of a person (e-mail address), an API
    token or an operator; `actions` are alternatives. `organization` is a name, also of one that is gone, or
    an id. `without` are actions that are left out.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    actions: Sequence[str] = ()
    organization: str = ""
    without: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, with the name of its organization as it is now; empty when there is none."""

    event: AuditEvent
    organization: str

    def as_json(self) -> dict[str, Any]:
        """As exports and archives have it."""
        event = self.event
        return {
            "id": event.id,
            "at": iso_exact(event.at),
            "actor": {"kind": event.actor_kind, "id": _text(event.actor_id), "name": event.actor_name},
            "address": event.address,
            "action": event.action,
            "organization": self.organization or None,
            "organizationId": _text(event.organization_id),
            "target": {"id": _text(event.target_id), "name": event.target_name},
            "details": event.details,
        }


class ReadAudit:
    """Events by their time; of the same moment in the order in which they were written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, wanted: Filter = Filter()) -> Iterator[Entry]:
        """Read them in pieces. Raises NotFound for an organization that never was."""
        with self._database.read() as session:
            query = query_of(session, wanted)
        last: AuditEvent | None = None
        while found := self._piece(query, last):
            yield from found
            last = found[-1].event

    def _piece(self, query: Select[AuditEvent, str], last: AuditEvent | None) -> list[Entry]:
        if last is not None:
            place = tuple_(literal(last.at, UTCDateTime), literal(last.id))
            query = query.where(AuditEvent.at >= last.at, tuple_(AuditEvent.at, AuditEvent.id) > place)
        with self._database.read() as session:
            return [Entry(event, name or "") for event, name in session.execute(query)]


def query_of(session: Session, wanted: Filter) -> Select[AuditEvent, str]:
    """One piece of the events that are wanted, in order, with the names of their organizations."""
    query = (
        select(AuditEvent, Organization.name)
        .outerjoin(Organization, Organization.id == AuditEvent.organization_id)
        .order_by(AuditEvent.at, AuditEvent.id)
        .limit(_AT_ONCE)
    )
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    if wanted.actor:
        # E-mail addresses are kept in lower case, other names as they are.
        query = query.where(AuditEvent.actor_name.in_({wanted.actor, wanted.actor.lower()}))
    if wanted.actions:
        query = query.where(AuditEvent.action.in_(wanted.actions))
    if wanted.without:
        query = query.where(AuditEvent.action.not_in(wanted.without))
    if wanted.organization:
        query = query.where(AuditEvent.organization_id.in_(_organization_ids(session, wanted.organization)))
    return query


def _organization_ids(session: Session, name: str) -> set[UUID]:
    """Of that name, now or when it was added or removed: a name is used once."""
    named = (audit.ORGANIZATION_ADD, audit.ORGANIZATION_REMOVE)
    added = select(AuditEvent.organization_id).where(
        AuditEvent.action.in_(named), AuditEvent.target_name == name
    )
    found = {*session.scalars(select(Organization.id).where(Organization.name == name))}
    found |= {id for id in session.scalars(added) if id is not None}
    try:
        found.add(UUID(name))
    except ValueError:
        if not found:
            raise NotFound(
                f"there is no organization {name[:80]!r}", hint="see: loopin server org list"
            ) from None
    return found


def _text(id: UUID | None) -> str | None:
    return str(id) if id else None
