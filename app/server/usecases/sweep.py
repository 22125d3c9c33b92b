"""The sweep: revoke what nobody uses. The rule is app.domain.inactivity; this is its set-based form."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.domain import inactivity
from app.server.clock import Clock
from app.server.database.engine import Database
from app.server.database.models import APIToken, LoginSession, Organization
from app.server.usecases import attempts, audit


@dataclass(frozen=True, slots=True)
class Swept:
    """One token that the sweep revoked."""

    id: UUID
    name: str
    organization_id: UUID


class Sweep:
    """Revoke every inactive token of every organization that has a threshold.

    Each organization is one transaction with its audit events; running it twice changes nothing more.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self) -> list[Swept]:
        """Return what was revoked."""
        with self._database.read() as session:
            off = Organization.api_token_max_days_inactive
            organizations = session.scalars(select(Organization.id).where(off > 0)).all()
        return [swept for id in organizations for swept in self._organization(id)]

    def _organization(self, organization_id: UUID) -> list[Swept]:
        now = self._clock()
        with self._database.write() as session:
            # Read again inside: somebody may have raised it or turned it off since.
            threshold = session.scalar(
                select(Organization.api_token_max_days_inactive).where(Organization.id == organization_id)
            )
            if not threshold:
                return []
            swept = _revoke(session, organization_id, inactivity.cutoff(threshold, now), now)
            details = {"threshold": threshold}
            acts = [audit.What(audit.TOKEN_SWEEP, organization_id, s.id, s.name, details) for s in swept]
            audit.record(session, audit.SYSTEM, acts, now)
        return swept


def _revoke(session: Session, organization_id: UUID, cutoff: datetime, now: datetime) -> list[Swept]:
    rows = session.execute(
        update(APIToken)
        .where(
            APIToken.organization_id == organization_id,
            APIToken.revoked_at.is_(None),
            func.coalesce(APIToken.last_used_at, APIToken.created_at) < cutoff,
        )
        .values(revoked_at=now)
        .returning(APIToken.id, APIToken.name)
        .execution_options(synchronize_session=False)
    )
    return [Swept(id, name, organization_id) for id, name in rows]


class TidyUp:
    """Drop ended sessions' leftovers and old attempts, which nothing asks for any more."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self) -> None:
        """Delete them."""
        now = self._clock()
        with self._database.write() as session:
            attempts.forget_old(session, now)
            session.execute(delete(LoginSession).where(LoginSession.expires_at < now))
