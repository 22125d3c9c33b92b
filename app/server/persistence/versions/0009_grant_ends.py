"""OAuth grants end 30 days after the consent. Those that are there get an end from their creation on."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LIFE = timedelta(days=30)
_AT_ONCE = 1000


def upgrade() -> None:
    """Move the end of grants that would live longer, and of their tokens."""
    grants = sa.table("oauth_grants", sa.column("id", sa.Uuid()), _at("created_at"), _at("expires_at"))
    tokens = sa.table("oauth_tokens", sa.column("grant_id", sa.Uuid()), _at("expires_at"))
    end, grant = sa.bindparam("end", type_=sa.DateTime(timezone=True)), sa.bindparam("grant", type_=sa.Uuid())
    shorten = (
        sa.update(grants).where(grants.c.id == grant).values(expires_at=end),
        sa.update(tokens).where(tokens.c.grant_id == grant, tokens.c.expires_at > end).values(expires_at=end),
    )
    connection = op.get_bind()
    # Worked out here: the two databases add days to a moment in different words.
    found = connection.execute(sa.select(grants.c.id, grants.c.created_at, grants.c.expires_at)).all()
    ends = ((id, _utc(made) + LIFE, _utc(until)) for id, made, until in found)
    late = [{"grant": id, "end": end} for id, end, until in ends if until > end]
    for start in range(0, len(late), _AT_ONCE):
        for statement in shorten:
            connection.execute(statement, late[start : start + _AT_ONCE])


def _utc(moment: datetime) -> datetime:
    """In UTC: days that are added in PostgreSQL's own zone may have 23 or 25 hours. SQLite gives no zone."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _at(name: str) -> sa.ColumnClause[object]:
    return sa.column(name, sa.DateTime(timezone=True))
