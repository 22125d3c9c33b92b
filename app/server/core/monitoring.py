"""What a monitoring system asks: whether this server is ready, and the metrics of the sweep."""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess

from app.server import log
from app.server.persistence.engine import Database
from app.server.persistence.errors import NoDatabase

# Seconds that a database may take to answer, and for which its answer is used again.
TIMEOUT, REUSE = 3.0, 1.0
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Of the client library: where several processes share their values.
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
DONE, HELD, FAILED = "done", "held", "failed"


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


class Metrics:
    """The rounds of the sweep in this server: totals only, without names or organizations."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._last = self._gauge("last_run_timestamp_seconds", "When the last round of the sweep began.")
        self._next = self._gauge("next_run_timestamp_seconds", "When the next round is due; 0 without one.")
        self._seconds = self._gauge("duration_seconds", "How long the last round took.")
        self._longest = self._gauge("longest_transaction_seconds", "Longest transaction of the last round.")
        self._last_revoked = self._gauge("last_revoked", "API tokens that the last round revoked.")
        self._revoked = Counter(
            "loopin_sweep_revoked", "API tokens revoked since the start.", registry=self._registry
        )
        self._rounds = Counter(
            "loopin_sweep_rounds", "Rounds by how they ended.", ["outcome"], registry=self._registry
        )
        for outcome in (DONE, HELD, FAILED):
            self._rounds.labels(outcome)

    def set_round(self, began: datetime, seconds: float, revoked: int, longest: float) -> None:
        """Record a round that ended."""
        self._last.set(began.timestamp())
        self._seconds.set(seconds)
        self._longest.set(longest)
        self._last_revoked.set(revoked)
        self._rounds.labels(DONE).inc()

    def add_revoked(self, count: int) -> None:
        """Count API tokens that were revoked in one transaction."""
        self._revoked.inc(count)

    def count_round(self, outcome: str) -> None:
        """Count a round that was held or failed."""
        self._rounds.labels(outcome).inc()

    def set_next_round(self, at: datetime) -> None:
        """Record when the next round is due."""
        self._next.set(at.timestamp())

    def text(self) -> bytes:
        """All metrics in the text format of Prometheus."""
        if METRICS_FOLDER not in os.environ:
            return generate_latest(self._registry)
        # Of all processes of this server, whichever of them is asked.
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _gauge(self, name: str, help: str) -> Gauge:
        return Gauge(f"loopin_sweep_{name}", help, registry=self._registry, multiprocess_mode="mostrecent")
