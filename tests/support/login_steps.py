"""The steps of a sign-in, as a test follows them."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress

from app.bootstrap import Container
from app.domain.errors import LoopinError
from app.domain.login import LoginStep, StepState
from app.services.login.browser import BrowserOptions
from app.services.login.chainloop_browser import ChainloopBrowserSignIn
from app.services.login.gumloop_browser import GumloopBrowserSignIn


def marked_once(steps: Sequence[LoginStep]) -> list[LoginStep]:
    """Return `steps`; fail when one of them was ticked, skipped or crossed more than once."""
    marks = Counter(step.step for step in steps if step.state is not StepState.RUNNING)
    assert max(marks.values(), default=0) <= 1, marks
    return list(steps)


async def steps_of(
    sign_in: Callable[..., Awaitable[object]], *arguments: object
) -> AsyncGenerator[LoginStep, None]:
    """Run a sign-in, and yield what it reports; its error is that of the last step.

    Closing the iterator cancels the sign-in.
    """
    steps: asyncio.Queue[LoginStep | None] = asyncio.Queue()

    async def run() -> None:
        try:
            with suppress(LoopinError):
                await sign_in(*arguments, steps.put_nowait)
        finally:
            steps.put_nowait(None)

    task = asyncio.create_task(run())
    try:
        while (step := await steps.get()) is not None:
            yield step
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Attempt:
    """One sign-in in the browser, and what is pasted meanwhile."""

    def __init__(self, sign_in: GumloopBrowserSignIn | ChainloopBrowserSignIn) -> None:
        self._sign_in = sign_in
        self._pasted: asyncio.Queue[str] = asyncio.Queue()

    def steps(self, options: BrowserOptions) -> AsyncGenerator[LoginStep, None]:
        """Begin, or go on after a failure."""
        return steps_of(self._sign_in.sign_in, options, self._pasted)

    def paste(self, text: str) -> None:
        """Hand in an answer."""
        self._pasted.put_nowait(text)


def browser_steps(
    sign_in: GumloopBrowserSignIn | ChainloopBrowserSignIn, options: BrowserOptions
) -> AsyncGenerator[LoginStep, None]:
    """Yield the steps of a sign-in in the browser."""
    return Attempt(sign_in).steps(options)


def gumloop_key_steps(box: Container, api_key: str, user_id: str) -> AsyncGenerator[LoginStep, None]:
    """Yield the steps of a sign-in with an API key."""
    return steps_of(box.gumloop_login_store.sign_in_with_key, api_key, user_id)


def gumloop_token_steps(box: Container, token: str) -> AsyncGenerator[LoginStep, None]:
    """Yield the steps of a sign-in with an access token."""
    return steps_of(box.gumloop_login_store.sign_in_with_token, token)


def chainloop_token_steps(box: Container, token: str) -> AsyncGenerator[LoginStep, None]:
    """Yield the steps of a sign-in with a token."""
    return steps_of(box.chainloop_login_store.sign_in_with_token, token)
