"""The one place that runs an event loop to the end of a coroutine."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


def run_to_end(work: Awaitable[T]) -> T:
    """Run `work` in an event loop of its own, as `asyncio.run` does, and return what it returns.

    The result does not travel through the loop's task: when `asyncio.run` gives SIGINT its handler back, the
    standard library makes a `repr` of the finished task with its result, and drops it. Of a long list that
    takes a second, and it would be of a secret too.
    """
    results: list[T] = []

    async def keep() -> None:
        results.append(await work)

    asyncio.run(keep())
    return results[0]
