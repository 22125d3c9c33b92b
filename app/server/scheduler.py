"""Runs the sweep, and tidies up, every so often: tasks of the event loop, whose work is done in threads."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from app.server import log, metrics
from app.server.clock import utc_now
from app.server.core.sweep import Cleanup, Sweep
from app.server.metrics import Metrics
from app.server.persistence.errors import NoDatabase

FIRST_RUN = timedelta(minutes=1)
TIDY_INTERVAL = timedelta(hours=1)
MAX_DRIFT = timedelta(hours=1)


class ClockGuard:
    """Notices a wall clock that moved against the monotonic one.

    A clock that is set forward by a year makes every token look unused. Nothing can be taken back, so the
    round after such a step is held; by the next one people have seen the log, and the clock may be right.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._before: tuple[datetime, float] | None = None

    def drift(self, now: datetime) -> timedelta:
        """How far `now` is from where it should be since the last time this was asked; zero at first."""
        seconds = self._monotonic()
        before, self._before = self._before, (now, seconds)
        return now - before[0] - timedelta(seconds=seconds - before[1]) if before else timedelta(0)


class PeriodicTask(ABC):
    """Rounds of work in a thread: one a minute after the start, then one every `interval`.

    Zero means that there are none. A round after a step of the wall clock is held.
    """

    def __init__(
        self, name: str, interval: timedelta, now: Callable[[], datetime], guard: ClockGuard | None
    ) -> None:
        self._name = name
        self._interval = interval
        self._now = now
        self._guard = guard or ClockGuard()
        # Threads only look whether it is set.
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    def once(self) -> int | None:
        """Do the work now; return how much it was, where that is counted."""

    @abstractmethod
    def held(self, drift: timedelta) -> None:
        """Tell that a round is held, and by how much the clock moved."""

    @abstractmethod
    def failed(self, error: Exception) -> None:
        """Tell that a round failed."""

    def start(self) -> None:
        """Begin to wait for the first run."""
        if self._interval:
            self._task = asyncio.create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        """End after the transaction under way."""
        self._stop.set()
        if self._task:
            await asyncio.wait({self._task})

    def round(self) -> int | None:
        """One round: the work, unless the wall clock moved; None when held."""
        drift = self._guard.drift(self._now())
        if abs(drift) > MAX_DRIFT:
            self.held(drift)
            return None
        return self.once()

    async def _run(self) -> None:
        # A clock that cannot be read yet counts from the first round on.
        with suppress(NoDatabase):
            await asyncio.to_thread(lambda: self._guard.drift(self._now()))
        wait = FIRST_RUN
        while not await self._wait(wait):
            wait = self._interval
            try:
                await asyncio.to_thread(self.round)
            # The boundary of this task: a round that fails must not end the rounds.
            except Exception as error:
                self.failed(error)

    async def _wait(self, wait: timedelta) -> bool:
        """Return after `wait`, or at once with True when it is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait.total_seconds()):
                await self._stop.wait()
        return self._stop.is_set()


class Sweeper(PeriodicTask):
    """Auto-revokes, every `interval` and when somebody asks."""

    def __init__(
        self,
        sweep: Sweep,
        interval: timedelta,
        metrics: Metrics | None = None,
        guard: ClockGuard | None = None,
    ) -> None:
        super().__init__("sweeper", interval, sweep.now, guard)
        self._sweep = sweep
        self._metrics = metrics or Metrics()

    def once(self) -> int:
        """Sweep now; return how many tokens were revoked."""
        began, started = self._sweep.now(), time.monotonic()
        revoked, longest = 0, 0.0
        for batch in self._sweep.batches(self._stop.is_set):
            # Batch by batch: what a round that fails has revoked stays revoked.
            self._metrics.revoked(batch.revoked)
            revoked, longest = revoked + batch.revoked, max(longest, batch.seconds)
        seconds = time.monotonic() - started
        self._metrics.swept(began, seconds, revoked, longest)
        log.event("sweep.done", revoked=revoked, seconds=round(seconds, 3), longest=round(longest, 3))
        return revoked

    def held(self, drift: timedelta) -> None:
        """Count it, and warn."""
        self._metrics.missed(metrics.HELD)
        log.event("sweep.held", logging.WARNING, wall_clock_moved_by_seconds=round(drift.total_seconds()))

    def failed(self, error: Exception) -> None:
        """Count it, and say where."""
        self._metrics.missed(metrics.FAILED)
        log.failure("sweep.failed", error)

    async def _wait(self, wait: timedelta) -> bool:
        self._metrics.next_at(utc_now() + wait)
        return await super()._wait(wait)


class Tidier(PeriodicTask):
    """Drops what nothing asks for any more, whether or not this server sweeps."""

    def __init__(self, tidy_up: Cleanup, guard: ClockGuard | None = None) -> None:
        super().__init__("tidier", TIDY_INTERVAL, tidy_up.now, guard)
        self._tidy_up = tidy_up

    def once(self) -> None:
        """Tidy up now."""
        self._tidy_up.run(self._stop.is_set)

    def held(self, drift: timedelta) -> None:
        """Warn: a clock that is set forward would end every session."""
        log.event("tidy.held", logging.WARNING, wall_clock_moved_by_seconds=round(drift.total_seconds()))

    def failed(self, error: Exception) -> None:
        """Say where."""
        log.failure("tidy.failed", error)
