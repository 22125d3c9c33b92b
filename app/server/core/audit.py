"""The audit trail: written in the transaction of the change itself, read, exported and archived."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Select, delete, insert, literal, select, tuple_
from sqlalchemy.orm import Session

from app.domain.errors import NotFound, UsageError
from app.domain.json_text import read_json
from app.domain.times import iso_exact
from app.server.clock import Clock, utc_now
from app.server.persistence.engine import Database
from app.server.persistence.models import AuditArchive, AuditEvent, Organization
from app.server.persistence.types import UTCDateTime
from app.server.private_files import new_archive

LOGIN, LOGIN_FAILED, LOGOUT = "login", "login.failed", "logout"
TOKEN_CREATE, TOKEN_REVOKE, TOKEN_SWEEP = "api_token.create", "api_token.revoke", "api_token.auto_revoke"
ORGANIZATION_ADD, ORGANIZATION_UPDATE = "organization.add", "organization.update"
ORGANIZATION_REMOVE = "organization.remove"
SIGNING_KEY_ADD, SIGNING_KEY_ROTATE = "signing_key.add", "signing_key.rotate"
SIGNING_KEY_RETIRE = "signing_key.retire"
AUDIT_PRUNE = "audit.prune"
NEVER_ARCHIVED = (ORGANIZATION_ADD, ORGANIZATION_REMOVE)
"""Events that stay: names of new organizations, and how many a person created, are checked against them."""
_READ_BATCH, _DELETE_BATCH = 1000, 500


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `kind` is person, api_token, ci_job, operator or system; `address` is where from."""

    kind: str
    id: UUID | None = None
    name: str = ""
    address: str = ""

    @classmethod
    def person(cls, user: Any, address: str) -> "Actor":
        """A person, from whatever has an id and an e-mail address."""
        return cls("person", user.id, user.email, address)


SYSTEM = Actor("system", name="sweep")


@dataclass(frozen=True, slots=True)
class Event:
    """What was done to what."""

    action: str
    organization_id: UUID | None = None
    target_id: UUID | None = None
    target_name: str = ""
    details: dict[str, Any] | None = None


def record(session: Session, actor: Actor, at: datetime, *events: Event) -> None:
    """Add the events in one statement."""
    rows = [
        {
            "at": at,
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_name": actor.name,
            "address": actor.address[:64],
            "action": event.action,
            "organization_id": event.organization_id,
            "target_id": event.target_id,
            "target_name": event.target_name,
            "details": event.details or {},
        }
        for event in events
    ]
    if rows:
        session.execute(insert(AuditEvent), rows)


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


@dataclass(frozen=True, slots=True)
class Archive:
    """How many events are in the file now and no longer in the database; without any there is no file.

    `sha256` is that of the file, in hex; the audit trail has it, too.
    """

    events: int
    sha256: str = ""


class AuditTrail:
    """Reads and archives events."""

    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    def read_events(self, criteria: Filter = Filter()) -> Iterator[Entry]:
        """Events by their time, in pieces; of the same moment in the order in which they were written.

        Raises NotFound for an organization that never was.
        """
        with self._database.read() as session:
            query = select_events(session, criteria)
        last: AuditEvent | None = None
        while entries := self._read_batch(query, last):
            yield from entries
            last = entries[-1].event

    def archive_events(self, by: Actor, before: datetime, file: Path) -> Archive:
        """Move what is older than `before` into `file`, which must not exist yet. Raises UsageError, Failed.

        Only what can be read back from the file, after that is complete and synced, is deleted. Whoever is
        interrupted loses nothing: what is still in the database goes into the next file, maybe once more.
        """
        if before > (now := self._clock()):
            raise UsageError(
                "--before is in the future", hint="name a moment that has passed, or an age like 365d"
            )
        criteria = Filter(until=before, without=NEVER_ARCHIVED)
        if next(self.read_events(criteria), None) is None:
            return Archive(0)
        with new_archive(file) as lines:
            for entry in self.read_events(criteria):
                lines.write(f"{json.dumps(entry.as_json())}\n")
        archive = Archive(sum(1 for _ in _read_ids(file)), _file_digest(file))
        self._allow_deletion(by, before, now, file, archive)
        ids = _read_ids(file)
        while batch := list(islice(ids, _DELETE_BATCH)):
            self._delete_events(batch, before)
        return archive

    def _read_batch(self, query: Select[AuditEvent, str], last: AuditEvent | None) -> list[Entry]:
        if last is not None:
            position = tuple_(literal(last.at, UTCDateTime), literal(last.id))
            query = query.where(AuditEvent.at >= last.at, tuple_(AuditEvent.at, AuditEvent.id) > position)
        with self._database.read() as session:
            return [Entry(event, name or "") for event, name in session.execute(query)]

    def _allow_deletion(
        self, by: Actor, before: datetime, now: datetime, file: Path, archive: Archive
    ) -> None:
        """Let the database delete what is older. The event also keeps an id from being given twice."""
        details = {"before": iso_exact(before), "events": archive.events, "sha256": archive.sha256}
        with self._database.write() as session:
            session.add(AuditArchive(created_at=now, events_before=before))
            record(session, by, now, Event(AUDIT_PRUNE, target_name=file.name[:320], details=details))

    def _delete_events(self, ids: Sequence[int], before: datetime) -> None:
        with self._database.write() as session:
            session.execute(delete(AuditEvent).where(AuditEvent.id.in_(ids), AuditEvent.at < before))


def select_events(session: Session, criteria: Filter) -> Select[AuditEvent, str]:
    """One piece of the events that match, in order, with the names of their organizations."""
    query = (
        select(AuditEvent, Organization.name)
        .outerjoin(Organization, Organization.id == AuditEvent.organization_id)
        .order_by(AuditEvent.at, AuditEvent.id)
        .limit(_READ_BATCH)
    )
    if criteria.since is not None:
        query = query.where(AuditEvent.at >= criteria.since)
    if criteria.until is not None:
        query = query.where(AuditEvent.at < criteria.until)
    if criteria.actor:
        # E-mail addresses are stored in lower case, other names as they are.
        query = query.where(AuditEvent.actor_name.in_({criteria.actor, criteria.actor.lower()}))
    if criteria.actions:
        query = query.where(AuditEvent.action.in_(criteria.actions))
    if criteria.without:
        query = query.where(AuditEvent.action.not_in(criteria.without))
    if criteria.organization:
        query = query.where(AuditEvent.organization_id.in_(_organization_ids(session, criteria.organization)))
    return query


def organization_name_was_used(session: Session, name: str) -> bool:
    """Whether the trail says that an organization has, or had, this name."""
    event = select(AuditEvent.id).where(AuditEvent.action.in_(NEVER_ARCHIVED), AuditEvent.target_name == name)
    return session.scalar(event.limit(1)) is not None


def _organization_ids(session: Session, name: str) -> set[UUID]:
    """Of that name, now or when it was added or removed: a name is used once."""
    recorded = select(AuditEvent.organization_id).where(
        AuditEvent.action.in_(NEVER_ARCHIVED), AuditEvent.target_name == name
    )
    ids = {*session.scalars(select(Organization.id).where(Organization.name == name))}
    ids |= {id for id in session.scalars(recorded) if id is not None}
    try:
        ids.add(UUID(name))
    except ValueError:
        if not ids:
            raise NotFound(
                f"there is no organization {name[:80]!r}", hint="see: loopin server org list"
            ) from None
    return ids


def _text(id: UUID | None) -> str | None:
    return str(id) if id else None


def _read_ids(file: Path) -> Iterator[int]:
    """The ids of the events that the file has."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield int(read_json(line)["id"])


def _file_digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
