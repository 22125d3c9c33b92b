"""What alembic runs; the connection is handed in by migrate()."""

from alembic import context

from app.server.persistence.issuer_models import TrustedIssuer
from app.server.persistence.oauth_models import OAuthGrant
from app.server.persistence.sign_in_models import PendingSignIn

# One for all tables; these modules have to be loaded for theirs to be in it.
METADATA = OAuthGrant.metadata
assert TrustedIssuer.metadata is METADATA
assert PendingSignIn.metadata is METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
context.run_migrations()
