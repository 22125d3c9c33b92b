"""Reading and changing organizations, memberships and which of them is the current one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.domain import names
from app.domain.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, UsageError
from app.domain.inactivity import check_threshold
from app.domain.organizations import Role
from app.server.clock import Clock
from app.server.core import audit
from app.server.core.ids import parse_id
from app.server.core.principals import (
    Actor,
    Belonging,
    FederatedActor,
    PersonActor,
    TokenActor,
    require_administrator,
    require_context,
    require_person,
    require_place,
)
from app.server.core.recheck import locked, recheck
from app.server.persistence.engine import Database
from app.server.persistence.models import AuditEvent, Membership, Organization, User

MAX_HOSTNAMES, MAX_HOSTNAME = 200, 253
MOST = 5
NAME_TAKEN = "duplicated: name already taken"


@dataclass(frozen=True, slots=True)
class Settings:
    """What Update may change; None leaves a setting as it is. A threshold of 0 turns auto-revocation off."""

    api_token_max_days_inactive: int | None = None
    block_on_policy_violation: bool | None = None
    policy_allowed_hostnames: Sequence[str] | None = None
    prevent_implicit_workflow_creation: bool | None = None
    restrict_contract_creation_to_org_admins: bool | None = None
    enable_ai_agent_collector: bool | None = None
    block_attestations_on_released_versions: bool | None = None
    skip_runner_env_vars: bool | None = None


def read_context(actor: Actor) -> tuple[User | TokenActor, Belonging | None]:
    """The person with the membership in use, as identified a moment ago, or the API token and None."""
    require_context(actor)
    if isinstance(actor, TokenActor):
        return actor, None
    person = require_person(actor)
    assert person.user is not None
    return person.user, person.belonging


class ReadOrganization:
    """The organization that a CI job stands for. Raises NotFound for one that was removed meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, job: FederatedActor) -> Organization:
        """Read it."""
        with self._database.read() as session:
            found = session.get(Organization, job.organization_id)
        if found is None:
            raise NotFound("organization not found")
        return found


class ListMemberships:
    """Every organization of a person, oldest membership first. NotFound under an API token."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def do(self, actor: Actor) -> list[Belonging]:
        """List them."""
        person = require_person(actor)
        with self._database.read() as session:
            return _belongings(session, person.id)


class SelectMembership:
    """Make another of a person's memberships the current one. NotFound when it is not theirs."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, actor: Actor, membership_id: str) -> Belonging:
        """Raises InvalidInput for an id that is none."""
        person, wanted = require_person(actor), parse_id(membership_id)
        require_place(person)
        return self._database.transact(lambda session: self._select(session, person, wanted))

    def _select(self, session: Session, person: PersonActor, wanted: UUID) -> Belonging:
        # Two that change which one is current take turns at the person's row.
        recheck(session, person, self._clock, writes_user=True)
        mine = update(Membership).where(Membership.user_id == person.id)
        if _one(session, person.id, wanted) is None:
            raise NotFound("membership not found")
        # Off before on: at most one may be current at any moment.
        session.execute(mine.where(Membership.current).values(current=False))
        session.execute(mine.where(Membership.id == wanted).values(current=True, updated_at=self._clock()))
        session.expire_all()
        found = _one(session, person.id, wanted)
        assert found is not None
        return found


class CreateOrganization:
    """Create an organization that belongs to a person, who works in it from then on.

    Raises NotFound under an API token, PermissionDenied where the server does not let people do so or when
    they have created `MOST` already, InvalidInput, and AlreadyExists, also for a name that a deleted
    organization had: what was written down about that one would be taken for this one's.
    """

    def __init__(self, database: Database, clock: Clock, allowed: bool) -> None:
        self._database = database
        self._clock = clock
        self._allowed = allowed

    def do(self, actor: Actor, name: str) -> Organization:
        """Create it; the person is its owner."""
        person = require_person(actor)
        if not self._allowed:
            raise PermissionDenied("on this server only its operator creates organizations")
        if why := names.problem(name):
            raise InvalidInput(f"invalid name: {why}")
        return self._database.transact(lambda session: self._create(session, person, name))

    def _create(self, session: Session, person: PersonActor, name: str) -> Organization:
        # Two that the same person creates at once take turns, so that both are counted.
        recheck(session, person, self._clock, writes_user=True)
        _check_history(session, person.id, name)
        now = self._clock()
        row = Organization(name=name, created_at=now, updated_at=now)
        session.add(row)
        try:
            session.flush()
        except IntegrityError as error:
            raise AlreadyExists(NAME_TAKEN) from error
        _make_owner(session, person.id, row.id, now)
        what = audit.What(audit.ORGANIZATION_ADD, row.id, row.id, name)
        audit.record(session, person.who, [what], now)
        return row


class UpdateOrganization:
    """Change settings of the organization in use; owners and admins only.

    Raises PermissionDenied, also under an API token, and InvalidInput for a threshold outside 0 to 365.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def do(self, actor: Actor, name: str, wanted: Settings) -> Organization:
        """`name` must be the organization in use."""
        if not name:
            raise InvalidInput("invalid name: the name of the organization in use is needed")
        place = require_administrator(actor)
        if place.organization_name != name:
            raise PermissionDenied(f"organization {name[:80]} is not the one in use")
        values = _values(wanted)
        return self._database.transact(lambda session: self._update(session, actor, values))

    def _update(self, session: Session, actor: Actor, values: Mapping[str, object]) -> Organization:
        actor = recheck(session, actor, self._clock)
        place = require_administrator(actor)
        # Held: what the audit trail says was changed is true when two change it at once.
        row = session.scalars(
            locked(select(Organization).where(Organization.id == place.organization_id), write=True)
        ).one()
        now = self._clock()
        before = {key: getattr(row, key) for key in values}
        for key, value in values.items():
            setattr(row, key, value)
        row.updated_at = now
        changed = {key: value for key, value in values.items() if before[key] != value}
        what = audit.What(audit.ORGANIZATION_UPDATE, row.id, row.id, row.name, changed)
        audit.record(session, actor.who, [what], now)
        return row


def _check_history(session: Session, person_id: UUID, name: str) -> None:
    if was_used(session, name):
        raise AlreadyExists(NAME_TAKEN)
    added = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == audit.ORGANIZATION_ADD)
    if (session.scalar(added.where(AuditEvent.actor_id == person_id)) or 0) >= MOST:
        raise PermissionDenied(
            f"you have already created {MOST} organizations, the most that this server allows a person"
        )


def was_used(session: Session, name: str) -> bool:
    """Whether the trail says that an organization has, or had, this name."""
    named = (audit.ORGANIZATION_ADD, audit.ORGANIZATION_REMOVE)
    event = select(AuditEvent.id).where(AuditEvent.action.in_(named), AuditEvent.target_name == name)
    return session.scalar(event.limit(1)) is not None


def _make_owner(session: Session, person_id: UUID, organization_id: UUID, now: datetime) -> None:
    # Off before on: at most one may be current at any moment.
    session.execute(
        update(Membership)
        .where(Membership.user_id == person_id, Membership.current.is_(True))
        .values(current=False)
    )
    session.add(
        Membership(
            user_id=person_id,
            organization_id=organization_id,
            role=Role.OWNER.value,
            current=True,
            created_at=now,
            updated_at=now,
        )
    )
    session.flush()


def _values(wanted: Settings) -> dict[str, object]:
    values = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    chosen = {key: value for key, value in values.items() if value is not None}
    if wanted.api_token_max_days_inactive is not None:
        try:
            days = check_threshold(wanted.api_token_max_days_inactive)
        except UsageError as error:
            raise InvalidInput("invalid api_token_max_days_inactive: use 0 to 365 days") from error
        chosen["api_token_max_days_inactive"] = days or None
    if wanted.policy_allowed_hostnames is not None:
        chosen["policy_allowed_hostnames"] = _hostnames(wanted.policy_allowed_hostnames)
    return chosen


def _hostnames(wanted: Sequence[str]) -> list[str]:
    if len(wanted) > MAX_HOSTNAMES or any(
        not 0 < len(host) <= MAX_HOSTNAME or "\x00" in host for host in wanted
    ):
        raise InvalidInput(f"invalid policies_allowed_hostnames: up to {MAX_HOSTNAMES} host names")
    return list(wanted)


def _belongings(session: Session, user_id: UUID, only: UUID | None = None) -> list[Belonging]:
    query = (
        select(Membership, Organization, User)
        .join(Organization, Organization.id == Membership.organization_id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.created_at, Organization.name)
    )
    if only is not None:
        query = query.where(Membership.id == only)
    return [Belonging(*row) for row in session.execute(query)]


def _one(session: Session, user_id: UUID, membership_id: UUID) -> Belonging | None:
    return next(iter(_belongings(session, user_id, membership_id)), None)
