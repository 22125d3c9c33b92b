"""Questions that are asked at the same time, answered by one call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Together(Generic[Q, A]):
    """Collects what is asked in one turn of the event loop, and answers it with one call of `answer`.

    `answer` gets the questions in their order and returns an answer to each, an exception in the place of
    one that there is not. What it raises is raised to everybody who asked.
    """

    def __init__(self, answer: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]]) -> None:
        self._answer = answer
        self._asked: list[Q] = []
        self._answers: asyncio.Task[Sequence[A | Exception]] | None = None

    async def ask(self, question: Q) -> A:
        """Return the answer, or raise what stands in its place."""
        place = len(self._asked)
        self._asked.append(question)
        if self._answers is None:
            self._answers = asyncio.create_task(self._all())
        # One who goes away does not take the answer from the others.
        answer = (await asyncio.shield(self._answers))[place]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _all(self) -> Sequence[A | Exception]:
        # A task starts after all that was ready to run when it was made, so nobody is waited for.
        asked, self._asked, self._answers = self._asked, [], None
        return await self._answer(asked)
