"""How long the request under way may still take, and whether somebody still waits for its answer.

A database transaction waits for locks no longer than that, and is rolled back when its caller has gone.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from app.domain.errors import Failed


class DeadlineExceeded(Failed):
    """The time of the caller was over, or the call was cancelled, before anything was changed."""


class Deadline:
    """The end of one call, and its cancellation, which may come from another thread.

    `seconds` from now on; None means that the caller waits for as long as it takes.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Nobody waits any more."""
        self._cancelled.set()

    def left(self, most: float) -> float:
        """Seconds that are left, at most `most`, and never less than none."""
        if self._cancelled.is_set():
            return 0.0
        return most if self._end is None else max(0.0, min(most, self._end - time.monotonic()))

    def check(self) -> None:
        """Raise DeadlineExceeded when it has passed."""
        if self.left(1.0) <= 0:
            raise DeadlineExceeded("the time of this call was over; nothing was changed")


_current: ContextVar[Deadline] = ContextVar("deadline", default=Deadline())  # noqa: B039  # never cancelled


def current() -> Deadline:
    """That of the call under way; without one it never passes."""
    return _current.get()


@contextmanager
def applies(deadline: Deadline) -> Iterator[None]:
    """What runs in the block has this deadline."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)
