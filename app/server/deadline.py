"""Deadline and cancellation of the current call.

A database transaction waits for locks no longer than the deadline, and is rolled back after a cancellation.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.domain.errors import Failed


class DeadlineExceeded(Failed):
    """The deadline passed, or the call was cancelled, before anything was changed."""


class Deadline:
    """The end of one call, `seconds` from now, or None for no limit.

    It can be cancelled from another thread.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End it now: the caller has gone."""
        self._cancelled.set()

    def left(self, most: float) -> float:
        """Seconds that are left: 0 to `most`."""
        if self._cancelled.is_set():
            return 0.0
        return most if self._end is None else max(0.0, min(most, self._end - time.monotonic()))

    def check(self) -> None:
        """Raise DeadlineExceeded when it has passed."""
        if self.left(1.0) <= 0:
            raise DeadlineExceeded("the time of this call was over; nothing was changed")


_current: ContextVar[Deadline] = ContextVar("deadline", default=Deadline())  # noqa: B039  # never cancelled


def current_deadline() -> Deadline:
    """The deadline of the current call; without one, a deadline that never passes."""
    return _current.get()


@contextmanager
def set_deadline(deadline: Deadline) -> Iterator[None]:
    """Set the deadline of the code in the block."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)
