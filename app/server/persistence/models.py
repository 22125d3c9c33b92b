"""The tables. Times are aware UTC; ids are UUIDs; a secret is stored as a hash or not at all."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import JSON, BigInteger, Computed, ForeignKey, Index, Integer, MetaData, String, Uuid, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.server.persistence.types import UTCDateTime

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Common ground: fixed constraint names, so that every database has the same ones."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: UTCDateTime, UUID: Uuid}


class User(Base):
    """A person. `email` is kept in lower case; a disabled person cannot sign in."""

    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    first_name: Mapped[str] = mapped_column(String(200), default="")
    last_name: Mapped[str] = mapped_column(String(200), default="")
    password_hash: Mapped[str] = mapped_column(String(300))
    instance_admin: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class Organization(Base):
    """An organization and its settings. No threshold means that auto-revocation is off."""

    __tablename__ = "organizations"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(63), unique=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    api_token_max_days_inactive: Mapped[int | None]
    block_on_policy_violation: Mapped[bool] = mapped_column(default=False)
    policy_allowed_hostnames: Mapped[list[str]] = mapped_column(JSON, default=list)
    prevent_implicit_workflow_creation: Mapped[bool] = mapped_column(default=False)
    restrict_contract_creation_to_org_admins: Mapped[bool] = mapped_column(default=False)
    enable_ai_agent_collector: Mapped[bool] = mapped_column(default=False)
    block_attestations_on_released_versions: Mapped[bool] = mapped_column(default=False)
    skip_runner_env_vars: Mapped[bool] = mapped_column(default=False)


class Membership(Base):
    """A person's place in an organization; at most one of a person's is the current one."""

    __tablename__ = "memberships"
    __table_args__ = (
        Index("uq_memberships_user_id_organization_id", "user_id", "organization_id", unique=True),
        Index(
            "uq_memberships_current",
            "user_id",
            unique=True,
            sqlite_where=text("current"),
            postgresql_where=text("current"),
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(String(20))
    current: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Project(Base):
    """A project of an organization."""

    __tablename__ = "projects"
    __table_args__ = (Index("uq_projects_organization_id_name", "organization_id", "name", unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(63))
    created_at: Mapped[datetime]


class ProjectMembership(Base):
    """A person's role in a project of an organization that they are in. It ends with either.

    Only members and contributors have one: it changes nothing for the other roles of an organization.
    """

    __tablename__ = "project_memberships"
    membership_id: Mapped[UUID] = mapped_column(
        ForeignKey("memberships.id", ondelete="CASCADE"), primary_key=True
    )
    project_id: Mapped[UUID] = mapped_column(
        ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


_UNREVOKED = text("revoked_at IS NULL")
_UNREVOKED_ORG = text("revoked_at IS NULL AND project_id IS NULL")
_UNREVOKED_PROJECT = text("revoked_at IS NULL AND project_id IS NOT NULL")


class APIToken(Base):
    """An API token. Its JWT is not here: the row's id is what the JWT names.

    A name is unique among the unrevoked tokens of one scope; two of the partial indexes say so.
    `parent_id` is the API token that created it; it lives as long as that one at most, and may do no more.
    `active_since` is worked out by the database and is what idle time is counted from.
    """

    __tablename__ = "api_tokens"
    __table_args__ = (
        Index(
            "uq_api_tokens_name_in_organization",
            "organization_id",
            "name",
            unique=True,
            sqlite_where=_UNREVOKED_ORG,
            postgresql_where=_UNREVOKED_ORG,
        ),
        Index(
            "uq_api_tokens_name_in_project",
            "project_id",
            "name",
            unique=True,
            sqlite_where=_UNREVOKED_PROJECT,
            postgresql_where=_UNREVOKED_PROJECT,
        ),
        Index("ix_api_tokens_organization_id_created_at", "organization_id", "created_at"),
        Index(
            "ix_api_tokens_unrevoked_active_since",
            "organization_id",
            "active_since",
            sqlite_where=_UNREVOKED,
            postgresql_where=_UNREVOKED,
        ),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(63))
    description: Mapped[str] = mapped_column(default="")
    permissions: Mapped[list[str]] = mapped_column(JSON, default=list)
    created_by: Mapped[UUID | None]
    parent_id: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    active_since: Mapped[datetime | None] = mapped_column(Computed("coalesce(last_used_at, created_at)"))


class LoginSession(Base):
    """One sign-in of a person; its id is the `jti` of the token that was handed out."""

    __tablename__ = "sessions"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    address: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


class AuditEvent(Base):
    """Who did what, when, from where. Ids in it outlive what they name.

    The database refuses to change an event, and to delete one that is not older than the newest archive.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_organization_id_at", "organization_id", "at"),
        Index("ix_audit_events_actor_name_at", "actor_name", "at"),
        Index("ix_audit_events_action_at", "action", "at"),
    )
    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    at: Mapped[datetime] = mapped_column(index=True)
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[UUID | None]
    actor_name: Mapped[str] = mapped_column(String(320), default="")
    address: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(50))
    organization_id: Mapped[UUID | None]
    target_id: Mapped[UUID | None]
    target_name: Mapped[str] = mapped_column(String(320), default="")
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class AuditArchive(Base):
    """A file has the events from before a moment; what it has may be deleted."""

    __tablename__ = "audit_archives"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    created_at: Mapped[datetime]
    events_before: Mapped[datetime]


class LoginAttempt(Base):
    """A try to sign in, counted against account and address; `account` is a hash of what was typed."""

    __tablename__ = "login_attempts"
    __table_args__ = (
        Index("ix_login_attempts_account_at", "account", "at"),
        Index("ix_login_attempts_address_at", "address", "at"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    at: Mapped[datetime] = mapped_column(index=True)
    account: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(String(64))
    succeeded: Mapped[bool] = mapped_column(default=False)
