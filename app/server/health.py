"""Whether requests can be served."""

from app.server import log
from app.server.database.engine import Database


def is_ready(database: Database) -> bool:
    """True when the database answers."""
    try:
        return database.answers()
    # The gate for health: whatever the driver raises means "not ready".
    except Exception as error:
        log.failure("database.unreachable", error)
        return False
