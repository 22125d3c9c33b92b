"""Reading the audit trail."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from app.server.database.engine import Database
from app.server.database.models import AuditEvent, Organization

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, with the name of its organization as it is now; empty when there is none."""

    event: AuditEvent
    organization: str


class ReadAudit:
    """Events in the order in which they were written."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, since: datetime | None = None) -> Iterator[Entry]:
        """Read them in pieces; `since` leaves out what was before."""
        last = 0
        while found := self._piece(last, since):
            yield from found
            last = found[-1].event.id

    def _piece(self, last: int, since: datetime | None) -> list[Entry]:
        query = (
            select(AuditEvent, Organization.name)
            .outerjoin(Organization, Organization.id == AuditEvent.organization_id)
            .where(AuditEvent.id > last)
            .order_by(AuditEvent.id)
            .limit(_AT_ONCE)
        )
        if since is not None:
            query = query.where(AuditEvent.at >= since)
        with self._database.read() as session:
            return [Entry(event, name or "") for event, name in session.execute(query)]
