"""Organizations: their settings, which of them is a person's current one, and the operator's list."""

from collections.abc import Sequence
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
from app.server.clock import Clock, utc_now
from app.server.core import audit
from app.server.core.principals import (
    JobPrincipal,
    MembershipDetails,
    Principal,
    TokenPrincipal,
    parse_id,
    reload_principal,
    require_administrator,
    require_context,
    require_membership,
    require_user,
    with_lock,
)
from app.server.persistence.engine import Database
from app.server.persistence.models import APIToken, AuditEvent, Membership, Organization, User

MAX_HOSTNAMES, MAX_HOSTNAME = 200, 253
MAX_CREATED = 5
NAME_TAKEN = "duplicated: name already taken"


@dataclass(frozen=True, slots=True)
class OrganizationSettings:
    """What Update may change; None leaves a setting as it is. A threshold of 0 turns auto-revocation off."""

    api_token_max_days_inactive: int | None = None
    block_on_policy_violation: bool | None = None
    policy_allowed_hostnames: Sequence[str] | None = None
    prevent_implicit_workflow_creation: bool | None = None
    restrict_contract_creation_to_org_admins: bool | None = None
    enable_ai_agent_collector: bool | None = None
    block_attestations_on_released_versions: bool | None = None
    skip_runner_env_vars: bool | None = None


@dataclass(frozen=True, slots=True)
class OrganizationSummary:
    """One organization; `threshold` 0 means that auto-revocation is off, `tokens` counts unrevoked ones."""

    id: UUID
    name: str
    created_at: datetime
    threshold: int
    members: int
    tokens: int


class Organizations:
    """What people do in their organizations, and what the operator of the server does.

    With `creation_allowed` people create organizations of their own.
    """

    def __init__(self, database: Database, clock: Clock = utc_now, creation_allowed: bool = False) -> None:
        self._database = database
        self._clock = clock
        self._creation_allowed = creation_allowed

    def read_organization(self, job: JobPrincipal) -> Organization:
        """The organization that a CI job stands for. Raises NotFound for one that was removed meanwhile."""
        with self._database.read() as session:
            organization = session.get(Organization, job.organization_id)
        if organization is None:
            raise NotFound("organization not found")
        return organization

    def list_memberships(self, principal: Principal) -> Sequence[MembershipDetails]:
        """Every organization of a person, oldest membership first. NotFound under an API token."""
        user = require_user(principal)
        with self._database.read() as session:
            return _read_memberships(session, user.id)

    def select_membership(self, principal: Principal, membership_id: str) -> MembershipDetails:
        """Make another of a person's memberships the current one.

        Raises NotFound when it is not theirs, and under an API token; InvalidInput for an id that is none.
        """
        user, target = require_user(principal), parse_id(membership_id)
        require_membership(user)

        def change_current(session: Session) -> MembershipDetails:
            # Two that change which one is current take turns at the person's row.
            reload_principal(session, user, self._clock, writes_user=True)
            if not _read_memberships(session, user.id, target):
                raise NotFound("membership not found")
            own = update(Membership).where(Membership.user_id == user.id)
            # Off before on: at most one may be current at any moment.
            session.execute(own.where(Membership.current).values(current=False))
            session.execute(own.where(Membership.id == target).values(current=True, updated_at=self._clock()))
            session.expire_all()
            [details] = _read_memberships(session, user.id, target)
            return details

        return self._database.transact(change_current)

    def create_organization(self, principal: Principal, name: str) -> Organization:
        """Create an organization that belongs to a person, who works in it from then on.

        Raises NotFound under an API token, PermissionDenied where the server does not let people do so or
        when they have created `MAX_CREATED` already, InvalidInput, and AlreadyExists, also for a name that a
        deleted organization had: the audit events of that one would be taken for this one's.
        """
        user = require_user(principal)
        if not self._creation_allowed:
            raise PermissionDenied("on this server only its operator creates organizations")
        if problem := names.problem(name):
            raise InvalidInput(f"invalid name: {problem}")

        def create(session: Session) -> Organization:
            # Two that the same person creates at once take turns, so that both are counted.
            reload_principal(session, user, self._clock, writes_user=True)
            if audit.organization_name_was_used(session, name):
                raise AlreadyExists(NAME_TAKEN)
            _check_count(session, user.id)
            now = self._clock()
            try:
                row = _add_organization(session, name, now)
            except IntegrityError as error:
                raise AlreadyExists(NAME_TAKEN) from error
            _make_owner(session, user.id, row.id, now)
            event = audit.Event(audit.ORGANIZATION_ADD, row.id, row.id, name)
            audit.record(session, user.audit_actor, now, event)
            return row

        return self._database.transact(create)

    def update_organization(
        self, principal: Principal, name: str, settings: OrganizationSettings
    ) -> Organization:
        """Change settings of the organization in use, which `name` must be; owners and admins only.

        Raises PermissionDenied, also under an API token, and InvalidInput for a threshold outside 0 to 365.
        """
        if not name:
            raise InvalidInput("invalid name: the name of the organization in use is needed")
        if require_administrator(principal).organization_name != name:
            raise PermissionDenied(f"organization {name[:80]} is not the one in use")
        values = _column_values(settings)

        def change(session: Session) -> Organization:
            current = reload_principal(session, principal, self._clock)
            membership = require_administrator(current)
            # Locked: what the audit trail says was changed is true when two change it at once.
            query = select(Organization).where(Organization.id == membership.organization_id)
            row = session.scalars(with_lock(query, write=True)).one()
            now = self._clock()
            changes = {key: value for key, value in values.items() if getattr(row, key) != value}
            for key, value in changes.items():
                setattr(row, key, value)
            row.updated_at = now
            event = audit.Event(audit.ORGANIZATION_UPDATE, row.id, row.id, row.name, changes)
            audit.record(session, current.audit_actor, now, event)
            return row

        return self._database.transact(change)

    def add_organization(self, by: audit.Actor, name: str) -> UUID:
        """Add an organization without members. Raises UsageError; AlreadyExists, also for a used name."""
        names.check(name)
        try:
            with self._database.write() as session:
                now = self._clock()
                row = _add_organization(session, name, now)
                if audit.organization_name_was_used(session, name):
                    raise AlreadyExists(
                        f"an organization {name} was removed: its name is not used again",
                        hint="choose another",
                    )
                event = audit.Event(audit.ORGANIZATION_ADD, row.id, row.id, name)
                audit.record(session, by, now, event)
        except IntegrityError as error:
            raise AlreadyExists(f"there is an organization {name} already") from error
        return row.id

    def list_organizations(self) -> Sequence[OrganizationSummary]:
        """Every organization of the server, by name."""
        members = select(func.count()).where(Membership.organization_id == Organization.id)
        tokens = select(func.count()).where(
            APIToken.organization_id == Organization.id, APIToken.revoked_at.is_(None)
        )
        query = select(
            Organization.id,
            Organization.name,
            Organization.created_at,
            func.coalesce(Organization.api_token_max_days_inactive, 0),
            members.scalar_subquery(),
            tokens.scalar_subquery(),
        )
        with self._database.read() as session:
            rows = session.execute(query.order_by(Organization.name))
            return [OrganizationSummary(*row) for row in rows]


def read_context(principal: Principal) -> tuple[User | TokenPrincipal, MembershipDetails | None]:
    """The person with the membership in use, as identified a moment ago, or the API token and None."""
    require_context(principal)
    if isinstance(principal, TokenPrincipal):
        return principal, None
    user = require_user(principal)
    assert user.user is not None
    return user.user, user.details


def find_organization(session: Session, name: str, lock: bool = True) -> Organization:
    """The organization of that name, locked for writing unless `lock` is False; raise NotFound.

    Locked, because two that each take one of two owners away must take turns.
    """
    query = select(Organization).where(Organization.name == name)
    row: Organization | None = session.scalar(with_lock(query, write=True) if lock else query)
    if row is None:
        raise NotFound(f"there is no organization {name[:80]!r}", hint="see: loopin server org list")
    return row


def _add_organization(session: Session, name: str, now: datetime) -> Organization:
    row = Organization(name=name, created_at=now, updated_at=now)
    session.add(row)
    session.flush()
    return row


def _check_count(session: Session, user_id: UUID) -> None:
    created = select(func.count()).select_from(AuditEvent).where(AuditEvent.action == audit.ORGANIZATION_ADD)
    if (session.scalar(created.where(AuditEvent.actor_id == user_id)) or 0) >= MAX_CREATED:
        raise PermissionDenied(
            f"you have already created {MAX_CREATED} organizations, the most that this server allows a person"
        )


def _make_owner(session: Session, user_id: UUID, organization_id: UUID, now: datetime) -> None:
    # Off before on: at most one may be current at any moment.
    session.execute(
        update(Membership)
        .where(Membership.user_id == user_id, Membership.current.is_(True))
        .values(current=False)
    )
    add_current_membership(session, user_id, organization_id, Role.OWNER, now)


def add_current_membership(
    session: Session, user_id: UUID, organization_id: UUID, role: Role, now: datetime
) -> None:
    """Add a membership to a person who has no current one."""
    session.add(
        Membership(
            user_id=user_id,
            organization_id=organization_id,
            role=role.value,
            current=True,
            created_at=now,
            updated_at=now,
        )
    )
    session.flush()


def _column_values(settings: OrganizationSettings) -> dict[str, object]:
    given = {field.name: getattr(settings, field.name) for field in fields(settings)}
    values = {key: value for key, value in given.items() if value is not None}
    if settings.api_token_max_days_inactive is not None:
        try:
            days = check_threshold(settings.api_token_max_days_inactive)
        except UsageError as error:
            raise InvalidInput("invalid api_token_max_days_inactive: use 0 to 365 days") from error
        values["api_token_max_days_inactive"] = days or None
    if settings.policy_allowed_hostnames is not None:
        hosts = list(settings.policy_allowed_hostnames)
        if len(hosts) > MAX_HOSTNAMES or any(
            not 0 < len(host) <= MAX_HOSTNAME or "\x00" in host for host in hosts
        ):
            raise InvalidInput(f"invalid policies_allowed_hostnames: up to {MAX_HOSTNAMES} host names")
        values["policy_allowed_hostnames"] = hosts
    return values


def _read_memberships(session: Session, user_id: UUID, only: UUID | None = None) -> list[MembershipDetails]:
    query = (
        select(Membership, Organization, User)
        .join(Organization, Organization.id == Membership.organization_id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.created_at, Organization.name)
    )
    if only is not None:
        query = query.where(Membership.id == only)
    return [MembershipDetails(*row) for row in session.execute(query)]
