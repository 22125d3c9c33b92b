"""A team's key may have no person: its creator was removed, or the operator of the server created it."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the person of a key be empty. Hosts of the version before do not look at it for a team's key."""
    with op.batch_alter_table("api_keys") as table:
        table.alter_column("user_id", existing_type=sa.Uuid(), nullable=True)
