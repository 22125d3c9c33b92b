"""How many requests may be at the same thing at once, so that those that wait leave room for others."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.domain.errors import LoopinError, RateLimited

RETRY_AFTER = 2.0


class Busy(RateLimited):
    """There was no room; nothing was begun."""

    def __init__(self, message: str = "many people are signing in at this moment") -> None:
        super().__init__(message, hint="try again in a moment", retry_after=RETRY_AFTER)


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
    """For an event loop: each principal has `at_once` inside, and its others wait, up to `most` of both.

    Who is alone waits for nobody else. Over all principals there are up to `total`.
    """

    def __init__(self, at_once: int, most: int, total: int) -> None:
        self._at_once = at_once
        self._most = most
        self._total = total
        self._count = 0
        self._rooms: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def enter(self, principal: str) -> None:
        """Return when there is room. Raises Busy where too many wait already."""
        room, count = self._rooms.get(principal) or (asyncio.Semaphore(self._at_once), 0)
        if count >= self._most or self._count >= self._total:
            raise Busy("the server is busy")
        self._rooms[principal] = room, count + 1
        self._count += 1
        try:
            await room.acquire()
        except BaseException:
            self._forget(principal)
            raise

    def leave(self, principal: str) -> None:
        """Make room for the next one of the same principal."""
        room, _ = self._rooms[principal]
        room.release()
        self._forget(principal)

    def _forget(self, principal: str) -> None:
        room, count = self._rooms[principal]
        self._count -= 1
        if count > 1:
            self._rooms[principal] = room, count - 1
        else:
            del self._rooms[principal]
