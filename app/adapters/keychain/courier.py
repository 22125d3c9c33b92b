"""Runs calls that may never come back."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from app.domain.errors import VaultSilent

T = TypeVar("T")


class Courier:
    """One call at a time, each on a daemon thread, none waited for longer than `timeout` seconds.

    The threads of `asyncio.to_thread` are joined when the program ends, so a keychain that never
    answers would hang the quit; nobody joins a daemon. While a call is stuck, later ones fail at
    once instead of piling up behind it; when it comes back after all, they work again.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._under_way: Future[object] | None = None
        self._stuck = False
        self._turn = asyncio.Lock()

    async def run(self, call: Callable[[], T], seconds: float = 0.0) -> T:
        """Return what `call` returns; raise what it raises, or VaultSilent.

        `seconds` replaces the usual timeout, for a call in which a person is asked.
        """
        async with self._turn:
            await self._previous()
            answer: Future[T] = Future()
            self._under_way = answer  # type: ignore[assignment]  # Future is invariant; only its end is looked at
            threading.Thread(target=_carry, args=(call, answer), name="keychain", daemon=True).start()
            return await self._wait(answer, seconds or self.timeout)

    async def wait_for_last(self, seconds: float) -> None:
        """Wait for the call under way to come back, at most so many seconds; its caller has gone away."""
        if self._under_way is not None:
            await asyncio.wait([_quietly(self._under_way)], timeout=seconds)

    async def _previous(self) -> None:
        """A call whose caller went away (cancelled, timed out) may still be running."""
        previous = self._under_way
        if previous is None or previous.done():
            self._stuck = False
            return
        if self._stuck:
            raise _silent(self.timeout)
        await asyncio.wait([_quietly(previous)], timeout=self.timeout)
        if not previous.done():
            self._stuck = True
            raise _silent(self.timeout)

    async def _wait(self, answer: "Future[T]", seconds: float) -> T:
        waiter = _quietly(answer)
        done, _ = await asyncio.wait([waiter], timeout=seconds)
        if not done:
            self._stuck = True
            raise _silent(seconds)
        return waiter.result()


def patiently(call: Callable[[], T], seconds: float) -> T:
    """Return what `call` returns; call again, for so many seconds, when it raises TimeoutError.

    The libraries below wait less than a person wants to: jeepney gives a busy bus one second to let us in
    (`auth_timeout`), and nothing was asked before that.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            return call()
        except TimeoutError:
            if time.monotonic() >= end:
                raise


def _carry(call: Callable[[], T], answer: "Future[T]") -> None:
    answer.set_running_or_notify_cancel()
    try:
        answer.set_result(call())
    except BaseException as error:  # handed over, not swallowed: the waiting side raises it
        answer.set_exception(error)


def _quietly(future: "Future[T]") -> "asyncio.Future[T]":
    waiter = asyncio.wrap_future(future)
    waiter.add_done_callback(_heard)
    return waiter


def _heard(future: "asyncio.Future[T]") -> None:
    """Take note of an error that nobody waits for any more, so that asyncio does not report it."""
    if not future.cancelled():
        future.exception()


def _silent(timeout: float) -> VaultSilent:
    return VaultSilent(
        f"the keychain did not answer within {timeout:g} s",
        hint="answer its prompt if it shows one, or restart it; "
        "GUMLOOP_ACCESS_TOKEN and CHAINLOOP_TOKEN work without it",
    )
