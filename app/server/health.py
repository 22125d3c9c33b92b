"""Whether requests can be served."""

from app.server import log
from app.server.database.engine import Database
from app.server.database.trouble import NoDatabase


def is_ready(database: Database) -> bool:
    """True when the database can be used; a disk that is full counts as soon as a write has failed."""
    try:
        database.check()
    except NoDatabase:
        return False
    # The gate for health: whatever else the driver raises means "not ready".
    except Exception as error:
        log.failure("database.unreachable", error)
        return False
    return True
