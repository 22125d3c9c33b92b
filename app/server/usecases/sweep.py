"""The sweep: revoke what nobody uses. The rule is app.domain.inactivity; this is its set-based form."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from app.domain import inactivity
from app.server.database.engine import Database
from app.server.database.models import APIToken, LoginSession, Organization
from app.server.usecases import attempts, sweep_batch
from app.server.usecases.sweep_batch import Batch

# A transaction ends long before it is in anybody's way: a batch is made as large as fits into this many
# seconds, and is followed by a rest in which others get their turn: so many times as long. On PostgreSQL the
# rest is for the processors; nobody there waits for a writer of other rows.
TARGET = 0.05
REST, POSTGRESQL_REST = 0.5, 1.0
SMALLEST, FIRST, LARGEST = 50, 200, 2_000


@dataclass(frozen=True, slots=True)
class Swept:
    """One token that a sweep revoked, or would."""

    id: UUID
    name: str
    organization_id: UUID
    organization: str
    threshold: int
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Piece:
    """One transaction of a sweep: how many tokens it revoked, in how many seconds, and which if asked."""

    revoked: int
    seconds: float
    listed: Sequence[Swept] = ()


@dataclass(frozen=True, slots=True)
class _Place:
    id: UUID
    name: str
    threshold: int


class Sweep:
    """Revoke every inactive token of every organization that has a threshold.

    Small transactions, each with its audit events. Running it again changes nothing more, and any number of
    processes may run it at once: rows that one of them holds are left to it, and looked at once more at the
    end, in case it died. The time is the database's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        sqlite = database.engine.dialect.name == "sqlite"
        # SQLite has one writer: nobody holds rows while it writes.
        self._passes = (False,) if sqlite else (False, True)
        self._rest = REST if sqlite else POSTGRESQL_REST

    def now(self) -> datetime:
        """The time that the rule is applied at."""
        with self._database.read() as session:
            return self._database.now(session)

    def do(self) -> list[Swept]:
        """Sweep, and return what was revoked."""
        swept: list[Swept] = []
        for piece in self._pieces(listed=True, stopped=lambda: False):
            swept += piece.listed
        return swept

    def pieces(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Piece]:
        """Sweep, and yield each transaction when it is done, with numbers only.

        `stopped` is asked in between; what is left then waits for the next sweep.
        """
        return self._pieces(listed=False, stopped=stopped)

    def foresee(self) -> list[Swept]:
        """What a sweep would revoke now; nothing is changed."""
        return [swept for id in self._organizations() for swept in self._foreseen(id)]

    def _organizations(self) -> list[UUID]:
        """Those that have something to sweep."""
        threshold = Organization.api_token_max_days_inactive
        with self._database.read() as session:
            now = self._database.now(session)
            found: list[UUID] = []
            for days in session.scalars(select(threshold).where(threshold > 0).distinct()).all():
                stale = sweep_batch.stale(Organization.id, inactivity.cutoff(days or 0, now))
                query = select(Organization.id).where(threshold == days, exists().where(*stale))
                found += session.scalars(query.order_by(Organization.id))
        return found

    def _pieces(self, listed: bool, stopped: Callable[[], bool]) -> Iterator[Piece]:
        pace = _Pace(self._rest)
        for wait in self._passes:
            for organization_id in self._organizations():
                more = True
                while more and not stopped():
                    piece = self._piece(organization_id, pace.size, wait, listed)
                    more = piece.revoked == pace.size
                    yield piece
                    pace.follow(piece)

    def _piece(self, organization_id: UUID, size: int, wait: bool, listed: bool) -> Piece:
        began = time.monotonic()

        def revoke(session: Session) -> tuple[int, list[Swept]]:
            # Read again inside, and held: somebody may have raised it or turned it off since.
            place = _place(session, organization_id, held=True)
            if place is None:
                return 0, []
            now = self._database.now(session)
            cutoff = inactivity.cutoff(place.threshold, now)
            batch = Batch(organization_id, place.threshold, cutoff, now, size, wait, listed)
            revoked, rows = sweep_batch.revoke(session, batch)
            return revoked, [_swept(place, row) for row in rows]

        revoked, swept = self._database.transact(revoke)
        return Piece(revoked, time.monotonic() - began, swept)

    def _foreseen(self, organization_id: UUID) -> Iterator[Swept]:
        with self._database.read() as session:
            place = _place(session, organization_id)
            if place is None:
                return
            now = self._database.now(session)
            batch = Batch(organization_id, place.threshold, inactivity.cutoff(place.threshold, now), now, 0)
            query = select(*sweep_batch.COLUMNS).where(*batch.stale).order_by(APIToken.active_since)
            for row in session.execute(query):
                yield _swept(place, row)


class _Pace:
    """How many tokens a transaction takes, from how long the last one took."""

    def __init__(self, rest: float) -> None:
        self.size = FIRST
        self._rest = rest

    def follow(self, piece: Piece) -> None:
        """Fit the next batch, and rest."""
        if piece.revoked:
            fits = int(self.size * TARGET / max(piece.seconds, 0.001))
            self.size = max(SMALLEST, min(fits, self.size * 2, LARGEST))
            time.sleep(min(piece.seconds, TARGET) * self._rest)


def _place(session: Session, organization_id: UUID, held: bool = False) -> _Place | None:
    query = select(Organization.id, Organization.name, Organization.api_token_max_days_inactive)
    query = query.where(Organization.id == organization_id)
    row = session.execute(query.with_for_update(read=True) if held else query).one_or_none()
    return _Place(row[0], row[1], row[2]) if row and row[2] else None


def _swept(place: _Place, row: Any) -> Swept:
    id, name, created_at, last_used_at = row
    return Swept(id, name, place.id, place.name, place.threshold, created_at, last_used_at)


class TidyUp:
    """Drop ended sessions' leftovers and old attempts, which nothing asks for any more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def now(self) -> datetime:
        """The time that decides what is old."""
        with self._database.read() as session:
            return self._database.now(session)

    def do(self) -> None:
        """Delete them."""
        with self._database.write() as session:
            now = self._database.now(session)
            attempts.forget_old(session, now)
            session.execute(delete(LoginSession).where(LoginSession.expires_at < now))
