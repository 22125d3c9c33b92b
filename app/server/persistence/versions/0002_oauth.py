"""OAuth clients, grants, codes and tokens; signed-in browsers; teams and API keys of the Gumloop side."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LIVE = sa.text("ended_at IS NULL")
_LIVE_PERSONAL = sa.text("ended_at IS NULL AND team_id IS NULL")
# The public client of the vendor's command line. Any port of these addresses will do (RFC 8252 §7.3).
_CLI = {
    "client_name": "Gumloop CLI",
    "redirect_uris": ["http://127.0.0.1/callback", "http://[::1]/callback"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "scope": "gumloop_api userinfo",
}


def upgrade() -> None:
    """Make the tables and register the one client that every server knows."""
    _clients()
    _grants()
    _codes()
    _tokens()
    _browser_sessions()
    _teams()
    _api_keys()


def _at(name: str, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _hash(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), nullable=nullable)


def _owner(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}", ondelete="CASCADE")


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])


def _clients() -> None:
    table = op.create_table(
        "oauth_clients",
        sa.Column("client_id", sa.String(48), nullable=False),
        sa.Column("client_secret", sa.String(120), nullable=True),
        sa.Column("client_id_issued_at", sa.Integer(), nullable=False),
        sa.Column("client_secret_expires_at", sa.Integer(), nullable=False),
        sa.Column("client_metadata", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("client_id", name="pk_oauth_clients"),
    )
    row = {"client_id": "gumloop_cli", "client_id_issued_at": 0, "client_secret_expires_at": 0}
    op.bulk_insert(table, [row | {"client_secret": None, "client_metadata": json.dumps(_CLI)}])


def _grants() -> None:
    table = "oauth_grants"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.String(48), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        _at("created_at"),
        _at("expires_at"),
        _at("ended_at", nullable=True),
        _owner(table, "client_id", "oauth_clients.client_id"),
        _owner(table, "user_id", "users.id"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )
    _index(table, "client_id", "user_id", "expires_at", "ended_at")


def _codes() -> None:
    table = "oauth_codes"
    op.create_table(
        table,
        _hash("code_hash"),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("code_challenge", sa.String(128), nullable=False),
        _at("expires_at"),
        _at("used_at", nullable=True),
        _owner(table, "grant_id", "oauth_grants.id"),
        sa.PrimaryKeyConstraint("code_hash", name=f"pk_{table}"),
    )
    _index(table, "grant_id", "expires_at")


def _tokens() -> None:
    table = "oauth_tokens"
    op.create_table(
        table,
        _hash("token_hash"),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        _at("created_at"),
        _at("expires_at"),
        _at("revoked_at", nullable=True),
        _at("rotated_at", nullable=True),
        _hash("successor_hash", nullable=True),
        _owner(table, "grant_id", "oauth_grants.id"),
        sa.PrimaryKeyConstraint("token_hash", name=f"pk_{table}"),
    )
    _index(table, "grant_id", "expires_at")


def _browser_sessions() -> None:
    table = "browser_sessions"
    op.create_table(
        table,
        _hash("secret_hash"),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        _owner(table, "session_id", "sessions.id"),
        sa.PrimaryKeyConstraint("secret_hash", name=f"pk_{table}"),
    )
    _index(table, "session_id")


def _teams() -> None:
    table = "teams"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        _at("created_at"),
        _owner(table, "organization_id", "organizations.id"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )
    op.create_index("uq_teams_organization_id_name", table, ["organization_id", "name"], unique=True)


def _api_keys() -> None:
    table = "api_keys"
    op.create_table(
        table,
        _hash("key_hash"),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=True),
        sa.Column("hint", sa.String(4), nullable=False),
        _at("created_at"),
        _at("last_used_at", nullable=True),
        _at("ended_at", nullable=True),
        _owner(table, "user_id", "users.id"),
        _owner(table, "team_id", "teams.id"),
        sa.PrimaryKeyConstraint("key_hash", name=f"pk_{table}"),
    )
    for name, column, where in (
        ("uq_api_keys_live_of_person", "user_id", _LIVE_PERSONAL),
        ("uq_api_keys_live_of_team", "team_id", _LIVE),
    ):
        op.create_index(name, table, [column], unique=True, sqlite_where=where, postgresql_where=where)
