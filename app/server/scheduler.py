"""Periodic tasks of the server: the sweep that auto-revokes, and the removal of old rows.

They are tasks of the event loop, and work in threads.
"""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from app.server import log
from app.server.clock import utc_now
from app.server.core.monitoring import FAILED, HELD, Metrics
from app.server.core.sweep import Cleanup, Sweep
from app.server.persistence.errors import NoDatabase

FIRST_RUN = timedelta(minutes=1)
CLEANUP_INTERVAL = timedelta(hours=1)
MAX_DRIFT = timedelta(hours=1)


class ClockGuard:
    """Detects a wall clock that moved against the monotonic one.

    A clock that is set forward by a year makes every token look unused, and a revocation is permanent. So the
    round after such a step is held; until the next one an operator can read the log and correct the clock.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._previous: tuple[datetime, float] | None = None

    def drift(self, now: datetime) -> timedelta:
        """How far `now` is from where it should be since the previous call; zero at the first."""
        seconds = self._monotonic()
        previous, self._previous = self._previous, (now, seconds)
        return now - previous[0] - timedelta(seconds=seconds - previous[1]) if previous else timedelta(0)


class PeriodicTask(ABC):
    """Rounds of work in a thread: one a minute after the start, then one every `interval`.

    Zero means none. A round after a step of the wall clock is held. `name` is the prefix of log events.
    """

    def __init__(
        self,
        name: str,
        interval: timedelta,
        now: Callable[[], datetime],
        guard: ClockGuard | None,
        count_outcome: Callable[[str], None] = lambda _outcome: None,
    ) -> None:
        """`count_outcome` gets HELD or FAILED for such a round."""
        self._name = name
        self._interval = interval
        self._now = now
        self._guard = guard or ClockGuard()
        self._count_outcome = count_outcome
        # Threads only read it.
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    def run(self) -> int | None:
        """Do the work now; return how much it was, where that is counted."""

    def start(self) -> None:
        """Begin to wait for the first round."""
        if self._interval:
            self._task = asyncio.create_task(self._run_rounds(), name=self._name)

    async def stop(self) -> None:
        """End after the current transaction."""
        self._stop.set()
        if self._task:
            await asyncio.wait({self._task})

    def run_round(self) -> int | None:
        """Do the work unless the wall clock moved; None when held."""
        drift = self._guard.drift(self._now())
        if abs(drift) <= MAX_DRIFT:
            return self.run()
        self._count_outcome(HELD)
        seconds = round(drift.total_seconds())
        log.event(f"{self._name}.held", logging.WARNING, wall_clock_moved_by_seconds=seconds)
        return None

    async def _run_rounds(self) -> None:
        # A clock that cannot be read yet counts from the first round on.
        with suppress(NoDatabase):
            await asyncio.to_thread(lambda: self._guard.drift(self._now()))
        wait = FIRST_RUN
        while not await self._wait(wait):
            wait = self._interval
            try:
                await asyncio.to_thread(self.run_round)
            # The boundary of this task: a failed round must not end the rounds.
            except Exception as error:
                self._count_outcome(FAILED)
                log.failure(f"{self._name}.failed", error)

    async def _wait(self, wait: timedelta) -> bool:
        """Return after `wait`, or at once with True when it is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait.total_seconds()):
                await self._stop.wait()
        return self._stop.is_set()


class SweepTask(PeriodicTask):
    """Auto-revokes API tokens."""

    def __init__(
        self,
        sweep: Sweep,
        interval: timedelta,
        metrics: Metrics | None = None,
        guard: ClockGuard | None = None,
    ) -> None:
        self._sweep = sweep
        self._metrics = metrics or Metrics()
        super().__init__("sweep", interval, sweep.now, guard, self._metrics.count_round)

    def run(self) -> int:
        """Sweep now; return how many tokens were revoked."""
        began, started = self._sweep.now(), time.monotonic()
        revoked, longest = 0, 0.0
        for batch in self._sweep.batches(self._stop.is_set):
            # Batch by batch: what a round that fails has revoked stays revoked.
            self._metrics.add_revoked(batch.revoked)
            revoked, longest = revoked + batch.revoked, max(longest, batch.seconds)
        seconds = time.monotonic() - started
        self._metrics.set_round(began, seconds, revoked, longest)
        log.event("sweep.done", revoked=revoked, seconds=round(seconds, 3), longest=round(longest, 3))
        return revoked

    async def _wait(self, wait: timedelta) -> bool:
        self._metrics.set_next_round(utc_now() + wait)
        return await super()._wait(wait)


class CleanupTask(PeriodicTask):
    """Removes rows that nothing reads any more, whether or not this server sweeps."""

    def __init__(self, cleanup: Cleanup, guard: ClockGuard | None = None) -> None:
        # A clock that is set forward would end every session.
        super().__init__("tidy", CLEANUP_INTERVAL, cleanup.now, guard)
        self._cleanup = cleanup

    def run(self) -> None:
        """Clean up now."""
        self._cleanup.run(self._stop.is_set)
