"""Runs the sweep every so often on a thread of its own."""

import threading
import time
from datetime import timedelta

from app.server import log
from app.server.usecases.sweep import Sweep, TidyUp

FIRST_RUN = timedelta(minutes=1)


class Sweeper:
    """First run a minute after the start, then every `interval`; zero means only when asked."""

    def __init__(self, sweep: Sweep, tidy_up: TidyUp, interval: timedelta) -> None:
        self._sweep = sweep
        self._tidy_up = tidy_up
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin to wait for the first run."""
        if self._interval:
            self._thread.start()

    def stop(self, timeout: timedelta) -> None:
        """End after the round under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout.total_seconds())

    def once(self) -> int:
        """Sweep now; return how many tokens were revoked."""
        began = time.monotonic()
        swept = len(self._sweep.do())
        log.event("sweep.done", revoked=swept, seconds=round(time.monotonic() - began, 3))
        return swept

    def _run(self) -> None:
        wait = FIRST_RUN
        while not self._stop.wait(wait.total_seconds()):
            wait = self._interval
            try:
                self.once()
                self._tidy_up.do()
            # The gate of this thread: a round that fails must not end the rounds.
            except Exception as error:
                log.failure("sweep.failed", error)
