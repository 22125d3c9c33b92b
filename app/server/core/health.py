"""Whether requests can be served, and should come here."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app.server import log
from app.server.persistence.engine import Database
from app.server.persistence.errors import NoDatabase

# Seconds that a database may take to answer, and for which its answer is used again.
TIMEOUT, REUSE = 3.0, 1.0


class Readiness:
    """Readiness for load balancers: the database works and the server is not stopping."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        # Of its own: no request can keep it waiting.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="readiness")
        self._probe: asyncio.Future[bool] | None = None
        self._began = 0.0
        self._write_failed = False
        self.stopping = False

    def stop(self) -> None:
        """Say no from now on: the server is about to stop."""
        self.stopping = True

    async def ready(self) -> bool:
        """As `check`, without a wait of more than TIMEOUT; asks the database about once a second at most."""
        if self.stopping:
            return False
        probe = self._current_probe()
        # One that hangs counts from its beginning, and no other is begun beside it.
        left = max(0.0, self._began + TIMEOUT - self._clock())
        done, _ = await asyncio.wait({probe}, timeout=left)
        return bool(done) and probe.result()

    def check(self) -> bool:
        """True when the database can be used; a disk that is full counts as soon as a write has failed."""
        if self.stopping:
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

    def close(self) -> None:
        """Begin no more probes."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _current_probe(self) -> "asyncio.Future[bool]":
        write_failed, now = self._database.last_write_failed, self._clock()
        # Ask again when a write failed, or works again.
        is_old = now - self._began > REUSE or write_failed != self._write_failed
        if self._probe is None or (self._probe.done() and is_old):
            self._probe = asyncio.get_running_loop().run_in_executor(self._pool, self.check)
            self._began, self._write_failed = now, write_failed
        return self._probe
