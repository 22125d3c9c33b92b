"""How many requests may be at the same thing at once, so that those that wait leave room for others."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from app.domain.errors import LoopinError, RateLimited

RETRY_AFTER = 2.0


class Busy(RateLimited):
    """There was no room; nothing was begun."""

    def __init__(self) -> None:
        super().__init__("many people are signing in at this moment", retry_after=RETRY_AFTER)


class Limit:
    """For threads: `at_once` inside, and others wait for `patience` seconds. Raises `refusal` then."""

    def __init__(self, at_once: int, patience: float, refusal: Callable[[], LoopinError]) -> None:
        self._room = threading.BoundedSemaphore(at_once)
        self._patience = patience
        self._refusal = refusal

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be inside for the block."""
        if not self._room.acquire(timeout=self._patience):
            raise self._refusal()
        try:
            yield
        finally:
            self._room.release()


class FairShare:
    """For an event loop: each principal has `at_once` inside, and the others of the same one wait.

    Who is alone waits for nobody else.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._rooms: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def hold(self, principal: str) -> AsyncIterator[None]:
        """Be inside for the block."""
        room, count = self._rooms.get(principal) or (asyncio.Semaphore(self._at_once), 0)
        self._rooms[principal] = room, count + 1
        try:
            async with room:
                yield
        finally:
            room, count = self._rooms[principal]
            if count > 1:
                self._rooms[principal] = room, count - 1
            else:
                del self._rooms[principal]
