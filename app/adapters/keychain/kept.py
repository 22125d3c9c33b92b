"""A connection that outlives a call, while somebody wants it to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Closing(Protocol):
    """What is kept."""

    def close(self) -> None: ...


C = TypeVar("C", bound=Closing)


class Kept(Generic[C]):
    """Holds one connection between two calls. Safe between threads: who takes it has it alone.

    It never waits, so that giving up does not wait for a call that never comes back: that call closes
    what it took when it ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._idle: C | None = None

    @property
    def wanted(self) -> bool:
        """True while somebody is in `open`."""
        return self._users > 0

    @contextmanager
    def open(self) -> Iterator[None]:
        """While inside, what is given is kept; the last one out closes it."""
        with self._lock:
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                over = None if self._users else self._swap(None)
            if over is not None:
                over.close()

    def take(self) -> C | None:
        """What was kept, if anything; the caller gives it back, or closes it."""
        with self._lock:
            return self._swap(None)

    def give(self, connection: C) -> None:
        """Keep it for the next call, or close it where nobody wants it."""
        with self._lock:
            over = self._swap(connection) if self._users else connection
        if over is not None:
            over.close()

    def _swap(self, connection: C | None) -> C | None:
        before, self._idle = self._idle, connection
        return before
