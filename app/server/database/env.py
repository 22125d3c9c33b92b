"""What alembic runs; the connection is handed in by migrate()."""

from alembic import context

from app.server.database.oauth_models import OAuthGrant

context.configure(
    connection=context.config.attributes["connection"],
    # Of any table: all of them share it, and this import has loaded every one.
    target_metadata=OAuthGrant.metadata,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
