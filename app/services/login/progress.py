"""What all flows share: timing a step, and ending a flow with the step that failed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from app.domain.errors import LoopinError
from app.domain.login import LoginStep, SignedIn, Step, StepState
from app.domain.ports import Clock
from app.services.changes import Changes

STORED = "loopin status shows whether the login was stored"
"""The next step after a sign-in whose end is not known."""


class Progress:
    """Makes LoginStep values and remembers which step is under way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self.current = Step.KEYCHAIN

    def start(self, step: Step, detail: str = "") -> LoginStep:
        """`step` begins now."""
        self.current, self._since = step, self._clock.monotonic()
        return LoginStep(step, StepState.RUNNING, detail)

    def done(
        self,
        detail: str = "",
        *,
        url: str = "",
        result: SignedIn | None = None,
        server: str = "",
        replaces: str = "",
    ) -> LoginStep:
        """The step under way worked."""
        return LoginStep(
            self.current,
            StepState.DONE,
            detail,
            self._clock.monotonic() - self._since,
            url=url,
            result=result,
            server=server,
            replaces=replaces,
        )

    def failed(self, error: LoopinError) -> LoginStep:
        """The step under way did not work."""
        seconds = self._clock.monotonic() - self._since
        return LoginStep(self.current, StepState.FAILED, error.message, seconds, error=error)


async def told(
    steps: Callable[[], AsyncIterator[LoginStep]], progress: Progress
) -> AsyncGenerator[LoginStep, None]:
    """Pass the steps on; an error becomes the last of them, on the step during which it came.

    Closing this closes the flow inside too, at once: left to the garbage collector, its port would
    stay taken for a while.
    """
    flow = steps()
    try:
        async for step in flow:
            yield step
    except LoopinError as error:
        yield progress.failed(error)
    finally:
        if isinstance(flow, AsyncGenerator):
            await flow.aclose()


async def to_the_end(
    changes: Changes, doing: str, steps: AsyncIterator[LoginStep]
) -> AsyncGenerator[LoginStep, None]:
    """Pass on `steps`, which are a change: they go on when nobody follows them any more."""
    told: asyncio.Queue[LoginStep | None] = asyncio.Queue()

    async def work() -> None:
        try:
            async for step in steps:
                told.put_nowait(step)
        finally:
            told.put_nowait(None)

    task = changes.start(doing, work(), hint=STORED)
    try:
        while (step := await told.get()) is not None:
            yield step
    except BaseException:
        changes.abandon(task)
        raise
    await task
