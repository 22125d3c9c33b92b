"""Worker threads for requests, with a share for each principal."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from app.server.limits import FairShare

# How many workers one principal may have at once, how many requests with those that wait, and all of them.
SHARE, MAX_OF_ONE, MAX_WAITING = 6, 60, 400
# A gRPC connection is on one process, and carries up to 20 calls.
LEAST_OF_ONE = 20
_P = ParamSpec("_P")
_T = TypeVar("_T")


class FairExecutor:
    """Hands work from an event loop to `pool`. It runs in the context of its caller: log id, deadline.

    `share` says what this process has of a limit that is a total.
    """

    def __init__(self, pool: Executor, share: Callable[[int], int] = int) -> None:
        self._pool = pool
        self._shares = FairShare(share(SHARE), max(share(MAX_OF_ONE), LEAST_OF_ONE), share(MAX_WAITING))

    async def run(self, principal: str, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What `work` returns. Raises Busy where too many requests of `principal` wait already."""
        await self._shares.enter(principal)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[_T] = loop.create_future()

        def finish(job: Future[_T]) -> None:
            # The end of the work gives the share back, not that of the request: else one principal that sends
            # and cancels would have every worker.
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
    # A loop that is closed belongs to a server that has stopped.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(finish, job)
