"""The sweep, which revokes unused API tokens, and the cleanup of rows that have ended.

The rule of the sweep is in app.domain.inactivity; this is its form in SQL.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    JSON,
    ColumnElement,
    CursorResult,
    Uuid,
    delete,
    exists,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.domain import inactivity
from app.server.core import audit, rate_limit
from app.server.persistence.engine import Database
from app.server.persistence.models import (
    APIToken,
    AuditEvent,
    LoginAttempt,
    LoginSession,
    OAuthCode,
    OAuthGrant,
    OAuthToken,
    Organization,
)
from app.server.persistence.types import UTCDateTime

# Tokens in a transaction of a sweep: on a busy machine with two processors it takes less than 100 ms.
BATCH_SIZE = 750
# After each transaction others have their turn, for this part of the time that it took.
REST = 0.5
# How long codes and tokens stay after their end, so that a second use is recognised.
REUSE_KNOWN = timedelta(days=1)
# Rows in a transaction of a cleanup.
CLEANUP_BATCH_SIZE = 500
_COLUMNS = (APIToken.id, APIToken.name, APIToken.created_at, APIToken.last_used_at)


@dataclass(frozen=True, slots=True)
class SweptToken:
    """One token that a sweep revoked, or would."""

    id: UUID
    name: str
    organization_id: UUID
    organization: str
    threshold: int
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Batch:
    """One transaction of a sweep: how many tokens it revoked, in how many seconds, and which if asked."""

    revoked: int
    seconds: float
    tokens: Sequence[SweptToken] = ()


@dataclass(frozen=True, slots=True)
class _Organization:
    id: UUID
    name: str
    threshold: int

    def due(self, now: datetime) -> tuple[ColumnElement[bool], ...]:
        """Conditions on a token that a sweep takes at `now`."""
        return _due(self.id, self.threshold, now)

    def swept_token(self, row: Any) -> SweptToken:
        """One of its tokens, from `_COLUMNS`."""
        id, name, created_at, last_used_at = row
        return SweptToken(id, name, self.id, self.name, self.threshold, created_at, last_used_at)


class Sweep:
    """Revoke every unused token of every organization that has a threshold.

    Small transactions, each with its audit events. Any number of processes may sweep at once: rows that one
    of them locks are skipped first, and waited for at the end in case that process died. The time is the
    database's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The time that the rule is applied at."""
        with self._database.read() as session:
            return self._database.now(session)

    def run(self) -> list[SweptToken]:
        """Sweep, and return what was revoked."""
        return [token for batch in self.batches(listed=True) for token in batch.tokens]

    def batches(self, stopped: Callable[[], bool] = lambda: False, listed: bool = False) -> Iterator[Batch]:
        """Sweep, and yield each transaction when it is committed.

        `stopped` is asked in between; what is left then waits for the next sweep. `listed` reads the tokens,
        which takes a server's time from requests.
        """
        for skip_locked in (True, False):
            for organization_id in self._organizations():
                more = True
                while more and not stopped():
                    start = time.monotonic()
                    revoke = partial(self._revoke, organization_id, skip_locked, listed)
                    revoked, tokens = self._database.transact(revoke)
                    batch = Batch(revoked, time.monotonic() - start, tokens)
                    yield batch
                    more = revoked == BATCH_SIZE
                    time.sleep(batch.seconds * REST)

    def preview(self) -> list[SweptToken]:
        """What a sweep would revoke now; nothing is changed."""
        tokens: list[SweptToken] = []
        for organization_id in self._organizations():
            with self._database.read() as session:
                organization = _read_organization(session, organization_id)
                if organization is not None:
                    due = organization.due(self._database.now(session))
                    query = select(*_COLUMNS).where(*due).order_by(APIToken.active_since)
                    tokens += [organization.swept_token(row) for row in session.execute(query)]
        return tokens

    def _organizations(self) -> list[UUID]:
        """Those that have something to sweep."""
        threshold = Organization.api_token_max_days_inactive
        with self._database.read() as session:
            now = self._database.now(session)
            ids: list[UUID] = []
            for days in session.scalars(select(threshold).where(threshold > 0).distinct()).all():
                due = exists().where(*_due(Organization.id, days or 0, now))
                ids += session.scalars(select(Organization.id).where(threshold == days, due))
        return sorted(ids)

    def _revoke(
        self, organization_id: UUID, skip_locked: bool, listed: bool, session: Session
    ) -> tuple[int, list[SweptToken]]:
        # Read again, and locked: somebody may have raised the threshold or turned it off since.
        organization = _read_organization(session, organization_id, lock=True)
        if organization is None:
            return 0, []
        now = self._database.now(session)
        _record_events(session, organization, now, skip_locked)
        recorded = select(AuditEvent.target_id).where(
            AuditEvent.action == audit.TOKEN_SWEEP,
            AuditEvent.at == now,
            AuditEvent.organization_id == organization_id,
        )
        # Another batch may have the same time; its tokens are revoked.
        revoke = update(APIToken).where(APIToken.id.in_(recorded), APIToken.revoked_at.is_(None))
        revoke = revoke.values(revoked_at=now).execution_options(synchronize_session=False)
        if not listed:
            return cast("CursorResult[Any]", session.execute(revoke)).rowcount, []
        tokens = [organization.swept_token(row) for row in session.execute(revoke.returning(*_COLUMNS))]
        return len(tokens), tokens


def _record_events(session: Session, organization: _Organization, now: datetime, skip_locked: bool) -> None:
    """Lock the tokens of one batch, the longest unused first, and write their events: no row comes here."""
    # PostgreSQL checks a row again that was changed while it waited. SQLite has one writer and no such lock.
    due = (
        select(APIToken.id, APIToken.name)
        .where(*organization.due(now))
        .order_by(APIToken.active_since)
        .limit(BATCH_SIZE)
        .with_for_update(skip_locked=skip_locked)
        .cte("due")
    )
    event: dict[str, ColumnElement[Any]] = {
        "at": literal(now, UTCDateTime),
        "actor_kind": literal(audit.SYSTEM.kind),
        "actor_name": literal(audit.SYSTEM.name),
        "address": literal(""),
        "action": literal(audit.TOKEN_SWEEP),
        "organization_id": literal(organization.id, Uuid),
        "target_id": due.c.id,
        "target_name": due.c.name,
        "details": literal({"threshold": organization.threshold}, JSON),
    }
    session.execute(insert(AuditEvent).from_select(list(event), select(*event.values())))


def _due(
    organization_id: UUID | InstrumentedAttribute[UUID], threshold: int, now: datetime
) -> tuple[ColumnElement[bool], ...]:
    """The rule of app.domain.inactivity as conditions on a token of an organization."""
    return (
        APIToken.organization_id == organization_id,
        APIToken.revoked_at.is_(None),
        APIToken.active_since < inactivity.cutoff(threshold, now),
    )


def _read_organization(session: Session, organization_id: UUID, lock: bool = False) -> _Organization | None:
    """The organization; None when it has no threshold."""
    query = select(Organization.id, Organization.name, Organization.api_token_max_days_inactive)
    query = query.where(Organization.id == organization_id)
    row = session.execute(query.with_for_update(read=True) if lock else query).one_or_none()
    return _Organization(row[0], row[1], row[2]) if row and row[2] else None


class Cleanup:
    """Deletes rows that nothing asks for: what has ended is refused by its own dates, deleted or not.

    Any number of processes may run it at once. The time is the database's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The time that decides what has ended."""
        with self._database.read() as session:
            return self._database.now(session)

    def run(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Delete what has ended, in small transactions, until `stopped` says yes."""
        now = self.now()
        before = now - REUSE_KNOWN
        for key, ended in (
            (LoginAttempt.id, LoginAttempt.at < now - 2 * rate_limit.WINDOW),
            (LoginSession.id, LoginSession.expires_at < now),
            (OAuthToken.token_hash, OAuthToken.expires_at < before),
            (OAuthCode.code_hash, OAuthCode.expires_at < before),
            (OAuthGrant.id, or_(OAuthGrant.expires_at < before, OAuthGrant.ended_at < before)),
        ):
            deleted = CLEANUP_BATCH_SIZE
            while deleted == CLEANUP_BATCH_SIZE and not stopped():
                with self._database.write() as session:
                    deleted = _delete_batch(session, key, ended)


def _delete_batch(session: Session, key: Any, ended: ColumnElement[bool]) -> int:
    # Skip what another process is deleting: two that wait for each other would deadlock.
    some = select(key).where(ended).limit(CLEANUP_BATCH_SIZE).with_for_update(skip_locked=True)
    statement = delete(key.class_).where(key.in_(some)).execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
