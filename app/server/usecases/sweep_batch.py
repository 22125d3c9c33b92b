"""One batch of the sweep: revoke some inactive tokens and write their audit events, in two databases' SQL.

SQLite has one writer at a time, so two statements of one transaction see the same rows. PostgreSQL has many:
there one statement locks the rows, revokes them and writes the events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    Select,
    Uuid,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.server.database.models import APIToken, AuditEvent
from app.server.database.types import UTCDateTime
from app.server.usecases import audit

_EVENT = (
    "at",
    "actor_kind",
    "actor_id",
    "actor_name",
    "address",
    "action",
    "organization_id",
    "target_id",
    "target_name",
    "details",
)


def stale(
    organization_id: UUID | InstrumentedAttribute[UUID], cutoff: datetime
) -> tuple[ColumnElement[bool], ...]:
    """The rule of app.domain.inactivity as conditions on a token of an organization."""
    return (
        APIToken.organization_id == organization_id,
        APIToken.revoked_at.is_(None),
        APIToken.active_since < cutoff,
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """What to revoke: up to `size` tokens of one organization that were last active before `cutoff`.

    `wait` is for PostgreSQL: whether to wait for rows that somebody else holds, or to leave them alone.
    `listed` says whether the rows are wanted: without them nothing but a number comes back, and a server
    that sweeps has its interpreter free for requests.
    """

    organization_id: UUID
    threshold: int
    cutoff: datetime
    now: datetime
    size: int
    wait: bool = False
    listed: bool = True

    @property
    def stale(self) -> tuple[ColumnElement[bool], ...]:
        """The rule as conditions on a row."""
        return stale(self.organization_id, self.cutoff)


COLUMNS = (APIToken.id, APIToken.name, APIToken.created_at, APIToken.last_used_at)
# A row of them; the types of SQLAlchemy name it in ways that differ between its versions.
Found = Any


def revoke(session: Session, batch: Batch) -> tuple[int, Sequence[Found]]:
    """Revoke the longest unused, with one audit event each.

    Return how many, and `COLUMNS` of each when they are to be listed.
    """
    if session.get_bind().dialect.name == "sqlite":
        return _sqlite(session, batch)
    return _postgresql(session, batch)


def _sqlite(session: Session, batch: Batch) -> tuple[int, Sequence[Found]]:
    last = session.scalar(select(func.max(AuditEvent.id))) or 0
    doomed = _event(batch, APIToken).where(*batch.stale)
    doomed = doomed.order_by(APIToken.active_since).limit(batch.size)
    session.execute(insert(AuditEvent).from_select(_EVENT, doomed))
    told = select(AuditEvent.target_id).where(AuditEvent.id > last)
    done = update(APIToken).where(APIToken.id.in_(told)).values(revoked_at=batch.now)
    done = done.execution_options(synchronize_session=False)
    if batch.listed:
        found = session.execute(done.returning(*COLUMNS)).all()
        return len(found), found
    session.execute(done)
    return (session.scalar(select(func.max(AuditEvent.id))) or 0) - last, ()


def _postgresql(session: Session, batch: Batch) -> tuple[int, Sequence[Found]]:
    # A row that was used or revoked while we waited for it is looked at again before it is taken.
    doomed = (
        select(APIToken.id)
        .where(*batch.stale)
        .order_by(APIToken.active_since)
        .limit(batch.size)
        .with_for_update(skip_locked=not batch.wait)
        .cte("doomed")
    )
    swept = (
        update(APIToken)
        .where(APIToken.id == doomed.c.id)
        .values(revoked_at=batch.now)
        .returning(*COLUMNS)
        .cte("swept")
    )
    told = insert(AuditEvent).from_select(_EVENT, _event(batch, swept.c)).cte("told")
    if not batch.listed:
        return session.execute(select(func.count()).select_from(swept).add_cte(told)).scalar_one(), ()
    listed: Select[Any] = select(swept.c.id, swept.c.name, swept.c.created_at, swept.c.last_used_at)
    found = session.execute(listed.add_cte(told)).all()
    return len(found), found


def _event(batch: Batch, token: Any) -> Select[Any]:
    """The columns `_EVENT` for the rows of `token`."""
    return select(
        literal(batch.now, UTCDateTime),
        literal(audit.SYSTEM.kind),
        literal(None, Uuid),
        literal(audit.SYSTEM.name),
        literal(""),
        literal(audit.TOKEN_SWEEP),
        literal(batch.organization_id, Uuid),
        token.id,
        token.name,
        literal({"threshold": batch.threshold}, JSON),
    )
