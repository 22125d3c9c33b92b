"""What alembic runs; the connection is handed in by migrate()."""

from alembic import context

from app.server.persistence.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
