"""Moving old events of the audit trail from the database into a file."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from app.domain.errors import UsageError
from app.domain.json_text import read_json
from app.domain.times import iso_exact
from app.server.archive_file import new_archive
from app.server.clock import Clock
from app.server.core import audit
from app.server.core.audit_trail import Filter, ReadAudit
from app.server.persistence.engine import Database
from app.server.persistence.models import AuditArchive, AuditEvent

AUDIT_PRUNE = "audit.prune"
KEPT = (audit.ORGANIZATION_ADD, audit.ORGANIZATION_REMOVE)
"""Events that stay: names of new organizations, and how many a person created, are checked against them."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Pruned:
    """How many events are in the file now and no longer in the database; without any there is no file.

    `sha256` is that of the file, in hex; the audit trail has it, too.
    """

    events: int
    sha256: str = ""


class PruneAudit:
    """Archive what is older than a moment, then delete it. Raises UsageError, Failed.

    Only what can be read back from the file, after that is complete and synced, is deleted. Whoever is
    interrupted loses nothing: what is still in the database goes into the next file, maybe once more.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, by: audit.Who, before: datetime, file: Path) -> Pruned:
        """Return what was moved; `file` must not exist yet."""
        if before > (now := self._clock()):
            raise UsageError(
                "--before is in the future", hint="name a moment that has passed, or an age like 365d"
            )
        wanted = Filter(until=before, without=KEPT)
        if next(ReadAudit(self._database).do(wanted), None) is None:
            return Pruned(0)
        with new_archive(file) as archive:
            for entry in ReadAudit(self._database).do(wanted):
                archive.write(f"{json.dumps(entry.as_json())}\n")
        pruned = Pruned(sum(1 for _ in _ids(file)), _digest(file))
        self._allow(by, before, now, file, pruned)
        ids = _ids(file)
        while batch := list(islice(ids, _AT_ONCE)):
            self._delete(batch, before)
        return pruned

    def _allow(self, by: audit.Who, before: datetime, now: datetime, file: Path, pruned: Pruned) -> None:
        """Let the database delete what is older. The event also keeps an id from being given twice."""
        details: dict[str, Any] = {
            "before": iso_exact(before),
            "events": pruned.events,
            "sha256": pruned.sha256,
        }
        with self._database.write() as session:
            session.add(AuditArchive(created_at=now, events_before=before))
            audit.record(
                session, by, [audit.What(AUDIT_PRUNE, target_name=file.name[:320], details=details)], now
            )

    def _delete(self, ids: list[int], before: datetime) -> None:
        with self._database.write() as session:
            session.execute(delete(AuditEvent).where(AuditEvent.id.in_(ids), AuditEvent.at < before))


def _ids(file: Path) -> Iterator[int]:
    """The ids of the events that the file has."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield int(read_json(line)["id"])


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
