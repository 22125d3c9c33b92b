"""What the audit trail is filtered by, and what may be deleted from it: events that an archive has."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_REFUSED = "audit events are append-only"
_ARCHIVED = "SELECT 1 FROM audit_archives WHERE events_before > OLD.at"


def upgrade() -> None:
    """Add the indexes and the table, and let go of what is older than the newest archive."""
    for column in ("actor_name", "action"):
        op.create_index(f"ix_audit_events_{column}_at", "audit_events", [column, "at"])
    op.create_table(
        "audit_archives",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("events_before", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_archives"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _guard_sqlite()
    else:
        _guard_postgresql()


def _guard_sqlite() -> None:
    op.execute("DROP TRIGGER audit_events_no_delete")
    op.execute(
        f"CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events WHEN NOT EXISTS ({_ARCHIVED})"
        f" BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    )


def _guard_postgresql() -> None:
    op.execute("DROP TRIGGER audit_events_append_only ON audit_events")
    op.execute(
        "CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR TRUNCATE ON audit_events"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_events_refuse()"
    )
    op.execute(
        "CREATE FUNCTION audit_events_keep() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF EXISTS ({_ARCHIVED}) THEN RETURN OLD; END IF; RAISE EXCEPTION '{_REFUSED}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events"
        " FOR EACH ROW EXECUTE FUNCTION audit_events_keep()"
    )
