"""What the sweep looks tokens up by, and an audit trail that can only grow."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_REFUSED = "audit events are append-only"


def upgrade() -> None:
    """Add the column, its index, and the triggers."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    # SQLite cannot add a stored one to a table that is there; in an index it is stored anyway.
    worked_out = sa.Computed("coalesce(last_used_at, created_at)", persisted=None if sqlite else True)
    op.add_column("api_tokens", sa.Column("active_since", sa.DateTime(timezone=True), worked_out))
    unrevoked = sa.text("revoked_at IS NULL")
    op.create_index(
        "ix_api_tokens_unrevoked_active_since",
        "api_tokens",
        ["organization_id", "active_since"],
        sqlite_where=unrevoked,
        postgresql_where=unrevoked,
    )
    if sqlite:
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_events_no_{act.lower()} BEFORE {act} ON audit_events"
            f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION audit_events_refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()"
    )
