"""Runs the sweep every so often on a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from app.server import log, metrics
from app.server.clock import utc_now
from app.server.metrics import Metrics
from app.server.usecases.sweep import Sweep, TidyUp

FIRST_RUN = timedelta(minutes=1)
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


class Sweeper:
    """First run a minute after the start, then every `interval`; zero means only when asked."""

    def __init__(
        self,
        sweep: Sweep,
        tidy_up: TidyUp,
        interval: timedelta,
        told: Metrics | None = None,
        guard: ClockGuard | None = None,
    ) -> None:
        self._sweep = sweep
        self._tidy_up = tidy_up
        self._interval = interval
        self._metrics = told or Metrics()
        self._guard = guard or ClockGuard()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin to wait for the first run."""
        if self._interval:
            self._guard.drift(self._sweep.now())
            self._thread.start()

    def stop(self, timeout: timedelta) -> None:
        """End after the transaction under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout.total_seconds())

    def once(self) -> int:
        """Sweep now, because somebody asked; return how many tokens were revoked."""
        began, started = self._sweep.now(), time.monotonic()
        pieces = list(self._sweep.pieces(self._stop.is_set))
        revoked = sum(piece.revoked for piece in pieces)
        seconds, longest = time.monotonic() - started, max((p.seconds for p in pieces), default=0.0)
        self._metrics.swept(began, seconds, revoked, longest)
        log.event("sweep.done", revoked=revoked, seconds=round(seconds, 3), longest=round(longest, 3))
        return revoked

    def round(self) -> int | None:
        """One round of the clockwork: sweep and tidy up, unless the wall clock moved; None when held."""
        drift = self._guard.drift(self._sweep.now())
        if abs(drift) > MAX_DRIFT:
            self._metrics.missed(metrics.HELD)
            log.event("sweep.held", logging.WARNING, wall_clock_moved_by_seconds=round(drift.total_seconds()))
            return None
        revoked = self.once()
        self._tidy_up.do()
        return revoked

    def _run(self) -> None:
        wait = FIRST_RUN
        while not self._wait(wait):
            wait = self._interval
            try:
                self.round()
            # The gate of this thread: a round that fails must not end the rounds.
            except Exception as error:
                self._metrics.missed(metrics.FAILED)
                log.failure("sweep.failed", error)

    def _wait(self, wait: timedelta) -> bool:
        self._metrics.next_at(utc_now() + wait)
        return self._stop.wait(wait.total_seconds())
