"""Event loops whose results never become text."""

import asyncio
from collections.abc import Awaitable
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class LoopRunner:
    """An `asyncio.Runner` whose results do not travel through the loop's task.

    When `asyncio.Runner.run` gives SIGINT its handler back, the standard library makes a `repr` of the
    finished task with its result, and drops it. Of a long list that takes a second, and it would be of a
    secret too.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, work: Awaitable[T]) -> T:
        """Run `work` to its end in this runner's loop, and return what it returns."""
        results: list[T] = []

        async def store_result() -> None:
            results.append(await work)

        self._runner.run(store_result())
        return results[0]

    def close(self) -> None:
        """Cancel what is left in the loop, and close it; a second time does nothing."""
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def run_to_end(work: Awaitable[T]) -> T:
    """Run `work` in an event loop of its own, as `asyncio.run` does, and return what it returns."""
    with LoopRunner() as runner:
        return runner.run(work)
