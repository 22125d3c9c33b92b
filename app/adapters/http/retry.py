"""Asks again where asking twice does no harm and a moment may help.

For reads alone (RFC 9110 §9.2.2): what creates, changes, ends or uses up something is sent once, and when its
answer got lost the server is asked what became of it. gRPC's reads are repeated by gRPC (chainloop_wire).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from app.domain.errors import BrokenOff, Failed, LoopinError, RateLimited, TLSFailed, Unreachable

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
TRIES = 4
FIRST, LONGEST = 0.2, 2.0
"""Seconds: the longest first pause, and the longest of all. Each lasts anything from nothing to that."""


async def again(ask: Callable[[], Awaitable[T]], patience: float) -> T:
    """Return what `ask` returns, asking up to TRIES times while it fails in a way that may pass.

    No further try begins more than `patience` seconds after the first. A server that says how long to wait
    (Retry-After, RFC 9110 §10.2.3) is waited for, where that is not longer.
    """
    began = time.monotonic()
    try:
        return await ask()
    except LoopinError as error:
        left = patience - (time.monotonic() - began)
        if not _may_pass(error) or left <= 0:
            raise
        return await _repeat(ask, error, left)


async def _repeat(ask: Callable[[], Awaitable[T]], first: LoopinError, left: float) -> T:
    # Most answers are good, and wait for no import.
    import tenacity

    failed = [first]

    async def attempt() -> T:
        if failed:
            raise failed.pop()
        return await ask()

    return await tenacity.AsyncRetrying(
        sleep=asyncio.sleep,
        stop=tenacity.stop_after_attempt(TRIES) | tenacity.stop_before_delay(left),
        wait=_Pause(tenacity.wait_random_exponential(FIRST, LONGEST)),
        retry=tenacity.retry_if_exception(_may_pass),
        reraise=True,
    )(attempt)


class _Pause:
    """What the server asks for, else `usual`."""

    def __init__(self, usual: "Callable[[RetryCallState], float]") -> None:
        self._usual = usual

    def __call__(self, state: "RetryCallState") -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after if isinstance(error, RateLimited | Failed) else None
        return self._usual(state) if asked is None else asked


def _may_pass(error: BaseException) -> bool:
    """Nobody there, cut off, too many requests, a failure of the server's own; no answer that would stay."""
    if isinstance(error, TLSFailed):
        return False
    return isinstance(error, Unreachable | RateLimited | BrokenOff) or type(error) is Failed
