"""Limits of one server process: requests at the same work, worker threads per principal, file descriptors."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from app.domain.errors import LoopinError, RateLimited

# Seconds after which a client that got Busy may try again.
RETRY_AFTER = 2.0
# Of one principal: worker threads at once, and requests with those that wait. Of all: requests.
SHARE, MAX_OF_ONE, MAX_WAITING = 6, 60, 400
# MAX_OF_ONE is at least this in each process: a gRPC connection is on one process and carries up to 20 calls.
MIN_OF_ONE = 20
MAX_DESCRIPTORS = 8192
_WINDOWS_DESCRIPTORS = 1024
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Busy(RateLimited):
    """The limit is reached; nothing was begun."""

    def __init__(self, message: str = "many people are signing in at this moment") -> None:
        super().__init__(message, hint="try again in a moment", retry_after=RETRY_AFTER)


class Limit:
    """A semaphore for threads: after `patience` seconds of waiting, `refusal` is raised."""

    def __init__(self, at_once: int, patience: float, refusal: Callable[[], LoopinError]) -> None:
        self._semaphore = threading.BoundedSemaphore(at_once)
        self._patience = patience
        self._refusal = refusal

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the semaphore during the block."""
        if not self._semaphore.acquire(timeout=self._patience):
            raise self._refusal()
        try:
            yield
        finally:
            self._semaphore.release()


class FairShare:
    """A semaphore for each principal, on one event loop: no principal waits for another.

    Each holds up to `at_once`, and has up to `most` with those that wait. All together have up to `total`.
    """

    def __init__(self, at_once: int, most: int, total: int) -> None:
        self._at_once = at_once
        self._most = most
        self._total = total
        self._count = 0
        self._semaphores: dict[str, tuple[asyncio.Semaphore, int]] = {}

    async def enter(self, principal: str) -> None:
        """Acquire. Raises Busy where too many wait already."""
        semaphore, count = self._semaphores.get(principal) or (asyncio.Semaphore(self._at_once), 0)
        if count >= self._most or self._count >= self._total:
            raise Busy("the server is busy")
        self._semaphores[principal] = semaphore, count + 1
        self._count += 1
        try:
            await semaphore.acquire()
        except BaseException:
            self._decrement(principal)
            raise

    def leave(self, principal: str) -> None:
        """Release."""
        self._semaphores[principal][0].release()
        self._decrement(principal)

    def _decrement(self, principal: str) -> None:
        semaphore, count = self._semaphores[principal]
        self._count -= 1
        if count > 1:
            self._semaphores[principal] = semaphore, count - 1
        else:
            del self._semaphores[principal]


class FairExecutor:
    """Runs work of an event loop in `pool`, with a share for each principal.

    The work has the context of its caller: request id and deadline. `share` divides a total by the number of
    processes.
    """

    def __init__(self, pool: Executor, share: Callable[[int], int] = int) -> None:
        self._pool = pool
        self._shares = FairShare(share(SHARE), max(share(MAX_OF_ONE), MIN_OF_ONE), share(MAX_WAITING))

    async def run(self, principal: str, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What `work` returns. Raises Busy where too many requests of `principal` wait already."""
        await self._shares.enter(principal)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()

        def finish(job: Future[_T]) -> None:
            # Released when the work ends, not when the request ends: otherwise a principal that sends and
            # cancels would get every worker.
            self._shares.leave(principal)
            error = None if job.cancelled() else job.exception()
            if answer.done():
                return
            if job.cancelled():
                answer.cancel()
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(job.result())

        try:
            job = self._pool.submit(copy_context().run, partial(work, *args, **kwargs))
        except BaseException:
            self._shares.leave(principal)
            raise
        job.add_done_callback(partial(_call_soon, loop, finish))
        try:
            return await answer
        except asyncio.CancelledError:
            job.cancel()
            raise


def _call_soon(
    loop: asyncio.AbstractEventLoop, finish: Callable[[Future[_T]], None], job: Future[_T]
) -> None:
    # The loop is closed after a stop that did not wait for the worker.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(finish, job)


def raise_descriptor_limit() -> None:
    """Raise the soft limit of file descriptors, up to the hard limit."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(MAX_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def half_of_descriptors() -> int:
    """The most connections of one listener: the other one and the database need descriptors too."""
    if sys.platform == "win32":
        return _WINDOWS_DESCRIPTORS // 2
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft) // 2
