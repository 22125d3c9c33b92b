"""People as an identity provider knows them, and browsers that are on their way back from it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables."""
    _identities()
    table = "pending_sign_ins"
    op.create_table(
        table,
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=f"pk_{table}"),
    )
    for column in ("address", "created_at"):
        op.create_index(f"ix_{table}_{column}", table, [column])


def _identities() -> None:
    table = "external_identities"
    op.create_table(
        table,
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )
    op.create_index(f"uq_{table}_issuer_subject", table, ["issuer", "subject"], unique=True)
    op.create_index(f"uq_{table}_user_id_issuer", table, ["user_id", "issuer"], unique=True)
