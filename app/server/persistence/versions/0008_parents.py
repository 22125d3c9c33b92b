"""Which API token created an API token. Before this, `created_by` holds it for those that a token created."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and fill it where the creator is an API token."""
    op.add_column("api_tokens", sa.Column("parent_id", sa.Uuid(), nullable=True))
    tokens = sa.table("api_tokens", sa.column("id", sa.Uuid()), sa.column("created_by", sa.Uuid()))
    every = sa.table("api_tokens", sa.column("parent_id", sa.Uuid()), sa.column("created_by", sa.Uuid()))
    parents = sa.select(tokens.c.id)
    op.execute(sa.update(every).where(every.c.created_by.in_(parents)).values(parent_id=every.c.created_by))
