"""How many requests may do the same thing at once, so that those that wait leave workers to others."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.domain.errors import LoopinError, RateLimited

RETRY_AFTER = 2.0


class Busy(RateLimited):
    """The limit was reached; nothing was begun."""

    def __init__(self, message: str = "many people are signing in at this moment") -> None:
        super().__init__(message, hint="try again in a moment", retry_after=RETRY_AFTER)


class Limit:
    """For threads: `at_once` hold it, others wait up to `patience` seconds, then `refusal` is raised."""

    def __init__(self, at_once: int, patience: float, refusal: Callable[[], LoopinError]) -> None:
        self._semaphore = threading.BoundedSemaphore(at_once)
        self._patience = patience
        self._refusal = refusal

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold one of the places during the block."""
        if not self._semaphore.acquire(timeout=self._patience):
            raise self._refusal()
        try:
            yield
        finally:
            self._semaphore.release()


class FairShare:
    """For an event loop: each principal holds up to `at_once`; with those that wait, up to `most`.

    No principal waits for another. Over all principals there are up to `total`.
    """

    def __init__(self, at_once: int, most: int, total: int) -> None:
        self._at_once = at_once
        self._most = most
        self._total = total
        self._count = 0
        self._semaphores: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def enter(self, principal: str) -> None:
        """Wait for a place. Raises Busy where too many wait already."""
        semaphore, count = self._semaphores.get(principal) or (asyncio.Semaphore(self._at_once), 0)
        if count >= self._most or self._count >= self._total:
            raise Busy("the server is busy")
        self._semaphores[principal] = semaphore, count + 1
        self._count += 1
        try:
            await semaphore.acquire()
        except BaseException:
            self._forget(principal)
            raise

    def leave(self, principal: str) -> None:
        """Give the place to the next call of the same principal."""
        semaphore, _ = self._semaphores[principal]
        semaphore.release()
        self._forget(principal)

    def _forget(self, principal: str) -> None:
        semaphore, count = self._semaphores[principal]
        self._count -= 1
        if count > 1:
            self._semaphores[principal] = semaphore, count - 1
        else:
            del self._semaphores[principal]
