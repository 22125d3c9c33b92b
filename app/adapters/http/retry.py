"""Retries of reads over HTTP.

Only what is safe is repeated (RFC 9110 §9.2.2): a request that creates, changes, ends or uses up something is
sent once. gRPC repeats reads by itself, with the numbers of this module (`adapters/chainloop/client.py`).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from app.domain.errors import BrokenOff, Failed, LoopinError, RateLimited, TLSFailed, Unreachable

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
ATTEMPTS = 4
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds: the longest first pause, and the longest of all. Each lasts a random part of that."""


async def retry_read(read: Callable[[], Awaitable[T]], limit: float) -> T:
    """Return what `read` returns, in up to ATTEMPTS attempts while it fails in a way that may pass.

    No attempt begins more than `limit` seconds after the first. A server that says how long to wait
    (Retry-After, RFC 9110 §10.2.3) is waited for, where that is not longer.
    """
    started = time.monotonic()
    try:
        return await read()
    except LoopinError as error:
        left = limit - (time.monotonic() - started)
        if not _is_temporary(error) or left <= 0:
            raise
        return await _repeat(read, error, left)


async def _repeat(read: Callable[[], Awaitable[T]], first_error: LoopinError, left: float) -> T:
    # Most answers are good, and wait for no import.
    import tenacity

    errors = [first_error]

    async def attempt() -> T:
        if errors:
            raise errors.pop()
        return await read()

    return await tenacity.AsyncRetrying(
        sleep=asyncio.sleep,
        stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_before_delay(left),
        wait=_Pause(tenacity.wait_random_exponential(FIRST_PAUSE, LONGEST_PAUSE)),
        retry=tenacity.retry_if_exception(_is_temporary),
        reraise=True,
    )(attempt)


class _Pause:
    """The pause that the server asks for, else `usual`."""

    def __init__(self, usual: "Callable[[RetryCallState], float]") -> None:
        self._usual = usual

    def __call__(self, state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        seconds = error.retry_after if isinstance(error, RateLimited | Failed) else None
        return self._usual(state) if seconds is None else seconds


def _is_temporary(error: BaseException) -> bool:
    """No answer, a broken connection, too many requests or a failure inside the server."""
    if isinstance(error, TLSFailed):
        return False
    return isinstance(error, Unreachable | RateLimited | BrokenOff) or type(error) is Failed
