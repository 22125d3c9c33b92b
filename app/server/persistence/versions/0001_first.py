"""People, organizations, tokens, sessions, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_UNREVOKED_ORG = sa.text("revoked_at IS NULL AND project_id IS NULL")
_UNREVOKED_PROJECT = sa.text("revoked_at IS NULL AND project_id IS NOT NULL")


def upgrade() -> None:
    """Make every table."""
    _users()
    _organizations()
    _memberships()
    _projects()
    _api_tokens()
    _sessions()
    _audit_events()
    _login_attempts()


def _id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid(), nullable=False)


def _at(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("id", name=f"pk_{table}")


def _owner(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete="CASCADE")


def _users() -> None:
    op.create_table(
        "users",
        _id(),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("first_name", sa.String(200), nullable=False),
        sa.Column("last_name", sa.String(200), nullable=False),
        sa.Column("password_hash", sa.String(300), nullable=False),
        sa.Column("instance_admin", sa.Boolean(), nullable=False),
        _at("created_at"),
        _at("updated_at"),
        _at("disabled_at", nullable=True),
        _key("users"),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )


def _organizations() -> None:
    op.create_table(
        "organizations",
        _id(),
        sa.Column("name", sa.String(63), nullable=False),
        _at("created_at"),
        _at("updated_at"),
        sa.Column("api_token_max_days_inactive", sa.Integer(), nullable=True),
        sa.Column("block_on_policy_violation", sa.Boolean(), nullable=False),
        sa.Column("policy_allowed_hostnames", sa.JSON(), nullable=False),
        sa.Column("prevent_implicit_workflow_creation", sa.Boolean(), nullable=False),
        sa.Column("restrict_contract_creation_to_org_admins", sa.Boolean(), nullable=False),
        sa.Column("enable_ai_agent_collector", sa.Boolean(), nullable=False),
        sa.Column("block_attestations_on_released_versions", sa.Boolean(), nullable=False),
        sa.Column("skip_runner_env_vars", sa.Boolean(), nullable=False),
        _key("organizations"),
        sa.UniqueConstraint("name", name="uq_organizations_name"),
    )


def _memberships() -> None:
    table = "memberships"
    op.create_table(
        table,
        _id(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        _at("created_at"),
        _at("updated_at"),
        _owner(table, "user_id", "users"),
        _owner(table, "organization_id", "organizations"),
        _key(table),
    )
    op.create_index("ix_memberships_organization_id", table, ["organization_id"])
    op.create_index(
        "uq_memberships_user_id_organization_id", table, ["user_id", "organization_id"], unique=True
    )
    current = sa.text("current")
    op.create_index(
        "uq_memberships_current",
        table,
        ["user_id"],
        unique=True,
        sqlite_where=current,
        postgresql_where=current,
    )


def _projects() -> None:
    op.create_table(
        "projects",
        _id(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        _at("created_at"),
        _owner("projects", "organization_id", "organizations"),
        _key("projects"),
    )
    op.create_index("uq_projects_organization_id_name", "projects", ["organization_id", "name"], unique=True)


def _api_tokens() -> None:
    table = "api_tokens"
    op.create_table(
        table,
        _id(),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("permissions", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        _at("created_at"),
        _at("expires_at", nullable=True),
        _at("last_used_at", nullable=True),
        _at("revoked_at", nullable=True),
        _owner(table, "organization_id", "organizations"),
        _owner(table, "project_id", "projects"),
        _key(table),
    )
    op.create_index("ix_api_tokens_organization_id_created_at", table, ["organization_id", "created_at"])
    for name, column, where in (
        ("uq_api_tokens_name_in_organization", "organization_id", _UNREVOKED_ORG),
        ("uq_api_tokens_name_in_project", "project_id", _UNREVOKED_PROJECT),
    ):
        op.create_index(
            name, table, [column, "name"], unique=True, sqlite_where=where, postgresql_where=where
        )


def _sessions() -> None:
    op.create_table(
        "sessions",
        _id(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        _at("created_at"),
        _at("expires_at"),
        _at("ended_at", nullable=True),
        _owner("sessions", "user_id", "users"),
        _key("sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _audit_events() -> None:
    table = "audit_events"
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        table,
        sa.Column("id", number, autoincrement=True, nullable=False),
        _at("at"),
        sa.Column("actor_kind", sa.String(20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(320), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=True),
        sa.Column("target_id", sa.Uuid(), nullable=True),
        sa.Column("target_name", sa.String(320), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        _key(table),
    )
    op.create_index("ix_audit_events_at", table, ["at"])
    op.create_index("ix_audit_events_organization_id_at", table, ["organization_id", "at"])


def _login_attempts() -> None:
    table = "login_attempts"
    op.create_table(
        table,
        _id(),
        _at("at"),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        _key(table),
    )
    op.create_index("ix_login_attempts_account_at", table, ["account", "at"])
    op.create_index("ix_login_attempts_address_at", table, ["address", "at"])
    op.create_index("ix_login_attempts_at", table, ["at"])
