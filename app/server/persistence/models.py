"""The tables. Times are aware UTC; ids are UUIDs; a secret is stored as a hash or not at all."""

import secrets
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from authlib.integrations.sqla_oauth2 import OAuth2ClientMixin
from sqlalchemy import (
    JSON,
    BigInteger,
    Computed,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.domain.loopback import is_loopback_redirect, same_redirect_uri
from app.server.opaque_tokens import hash_secret
from app.server.persistence.types import UTCDateTime

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Base of all tables: fixed constraint names, so that every database has the same ones."""

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
    """A person's membership of an organization; at most one of a person's is the current one."""

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
    `active_since` is computed by the database and is what idle time is counted from.
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


_LIVE = text("ended_at IS NULL")
_LIVE_PERSONAL = text("ended_at IS NULL AND team_id IS NULL")


class OAuthClient(OAuth2ClientMixin, Base):  # type: ignore[misc]  # Authlib carries no types
    """A program that may ask for access (RFC 6749 §2). `client_secret` is the hash of the secret, or null."""

    __tablename__ = "oauth_clients"
    client_id: Mapped[str] = mapped_column(String(48), primary_key=True)

    def get_default_redirect_uri(self) -> str | None:
        """None for loopback: nobody listens on a port that was not named."""
        uris = self.redirect_uris
        return uris[0] if len(uris) == 1 and not is_loopback_redirect(uris[0]) else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """What was asked for, all of the client's when nothing was, None when it is too much."""
        mine = self.scope.split()
        wanted = scope.split() if scope else mine
        return " ".join(dict.fromkeys(wanted)) if set(wanted) <= set(mine) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Exact, except for the port of a loopback address (RFC 8252 §7.3)."""
        return any(same_redirect_uri(redirect_uri, registered) for registered in self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare with the stored hash."""
        stored = self.client_secret
        return bool(stored) and secrets.compare_digest(stored, hash_secret(client_secret))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """The registered method and no other, at every endpoint."""
        return bool(self.token_endpoint_auth_method == method)


class OAuthGrant(Base):
    """One consent of one person to one client, and the head of every code and token that came from it.

    `expires_at` is the end of the code until that is redeemed, then the end of every token: nothing moves it.
    """

    __tablename__ = "oauth_grants"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    client_id: Mapped[str] = mapped_column(
        ForeignKey("oauth_clients.client_id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None] = mapped_column(index=True)


class OAuthCode(Base):
    """An authorization code; kept after its use, so that a second one is noticed."""

    __tablename__ = "oauth_codes"
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_grants.id", ondelete="CASCADE"), index=True)
    redirect_uri: Mapped[str] = mapped_column(Text)
    code_challenge: Mapped[str] = mapped_column(String(128))
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class OAuthToken(Base):
    """An access or a refresh token (`kind`). A refresh token that was used names its successor's hash."""

    __tablename__ = "oauth_tokens"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    grant_id: Mapped[UUID] = mapped_column(ForeignKey("oauth_grants.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(10))
    scope: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    revoked_at: Mapped[datetime | None]
    rotated_at: Mapped[datetime | None]
    successor_hash: Mapped[str | None] = mapped_column(String(64))


class BrowserSession(Base):
    """A browser that is signed in; ends with the session it belongs to."""

    __tablename__ = "browser_sessions"
    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"), index=True)


class Team(Base):
    """A team of an organization; every member of the organization is in it."""

    __tablename__ = "teams"
    __table_args__ = (Index("uq_teams_organization_id_name", "organization_id", "name", unique=True),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(63))
    created_at: Mapped[datetime]


class APIKey(Base):
    """A `gum_…` key of a person, or of a team. Each has one at a time; `hint` is its last four characters.

    Of a team's key `user_id` is who created it; empty once that person is removed, and for a key that the
    operator of the server created.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        Index(
            "uq_api_keys_live_of_person",
            "user_id",
            unique=True,
            sqlite_where=_LIVE_PERSONAL,
            postgresql_where=_LIVE_PERSONAL,
        ),
        Index(
            "uq_api_keys_live_of_team",
            "team_id",
            unique=True,
            sqlite_where=_LIVE,
            postgresql_where=_LIVE,
        ),
    )
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    team_id: Mapped[UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"))
    hint: Mapped[str] = mapped_column(String(4))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class TrustedIssuer(Base):
    """An organization trusts jobs of one CI system whose claims fit every pattern in `claims`.

    `url` is the issuer exactly as its tokens name it. `project_id` limits what a job stands for.
    `allow_private` lets this server ask an issuer in a private network for its keys.
    """

    __tablename__ = "trusted_issuers"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("organizations.id", ondelete="CASCADE"), index=True
    )
    project_id: Mapped[UUID | None] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    url: Mapped[str] = mapped_column(String(500), index=True)
    audience: Mapped[str] = mapped_column(String(255))
    claims: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    allow_private: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class ExternalIdentity(Base):
    """A person as a provider knows them: `subject` never changes, an e-mail address may (OIDC Core §5.7)."""

    __tablename__ = "external_identities"
    __table_args__ = (
        Index("uq_external_identities_issuer_subject", "issuer", "subject", unique=True),
        Index("uq_external_identities_user_id_issuer", "user_id", "issuer", unique=True),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime]


class PendingSignIn(Base):
    """A browser that was sent to the provider and has not come back yet.

    `key` is a hash of its state and its cookie, so that only that browser finds the row. Nonce and verifier
    are derived from the cookie and are not here.
    """

    __tablename__ = "pending_sign_ins"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[str]
    address: Mapped[str] = mapped_column(String(64), index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
