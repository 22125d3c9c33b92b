"""Whether requests can be served, and should come here."""

from app.server import log
from app.server.database.engine import Database
from app.server.database.trouble import NoDatabase


class Readiness:
    """Asked by whoever sends requests here, such as a load balancer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended = False

    def end(self) -> None:
        """Say no from now on: the server is about to stop."""
        self._ended = True

    def check(self) -> bool:
        """True when the database can be used; a disk that is full counts as soon as a write has failed."""
        if self._ended:
            return False
        try:
            self._database.check()
        except NoDatabase:
            return False
        # The boundary of health: whatever else the driver raises means "not ready".
        except Exception as error:
            log.failure("database.unreachable", error)
            return False
        return True
