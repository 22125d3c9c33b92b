"""Roles of members and contributors in projects. Whoever managed tokens of every project still does."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and every member and contributor an admin of each project of their organization."""
    name = "project_memberships"
    table = op.create_table(
        name,
        sa.Column("membership_id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        _owner(name, "membership_id", "memberships"),
        _owner(name, "project_id", "projects"),
        sa.PrimaryKeyConstraint("membership_id", "project_id", name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_project_id", name, ["project_id"])
    _keep_access(table)


def _owner(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}"
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=name, ondelete="CASCADE")


def _ids() -> tuple[sa.ColumnClause[UUID], sa.ColumnClause[UUID]]:
    return sa.column("id", sa.Uuid()), sa.column("organization_id", sa.Uuid())


def _keep_access(table: sa.Table) -> None:
    memberships = sa.table("memberships", *_ids(), sa.column("role", sa.String()))
    projects = sa.table("projects", *_ids())
    now = sa.literal(datetime.now(UTC), sa.DateTime(timezone=True))
    everybody = (
        sa.select(memberships.c.id, projects.c.id, sa.literal("admin"), now, now)
        .join_from(memberships, projects, projects.c.organization_id == memberships.c.organization_id)
        .where(memberships.c.role.in_(("member", "contributor")))
    )
    columns = ["membership_id", "project_id", "role", "created_at", "updated_at"]
    op.execute(sa.insert(table).from_select(columns, everybody))
