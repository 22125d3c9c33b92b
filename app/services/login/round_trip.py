"""The way through the browser: open the page, wait for the one answer that belongs to it, tell the end."""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

from app.domain.errors import (
    BrowserUnavailable,
    Failed,
    LoopinError,
    RateLimited,
    StateMismatch,
    Unreachable,
    VaultError,
)
from app.domain.login import BrowserPage, LoginStep, Step, StepState
from app.domain.ports import Browser, Listener
from app.services.login.callback_answers import Arrival, Inbox, failure_page
from app.services.login.progress import Progress

PATIENCE = timedelta(seconds=300)
MAY_PASS = (Unreachable, Failed, RateLimited, VaultError)
"""What may work a minute later, with the same answer of the server."""
SIGNED_IN = BrowserPage(True, "You are signed in", "You can close this window and go back to Loopin.")


@dataclass(frozen=True, slots=True)
class BrowserLogin:
    """How to do it: `port` 0 takes any free one; `headless` listens nowhere, the person pastes.

    With `keep`, what the server gave outlives a failure that may pass (no network, a locked keychain):
    the flow is `resumable` then, a second `do` goes on from there, and `drop` gives it up.
    """

    port: int = 0
    open_browser: bool = True
    headless: bool = False
    keep: bool = False


class RoundTrip:
    """Opens `url` and receives the answer; afterwards `arrival` holds it, its state checked."""

    def __init__(self, browser: Browser, inbox: Inbox, progress: Progress, url: str, state: str) -> None:
        self._browser = browser
        self._inbox = inbox
        self._progress = progress
        self._url = url
        self._state = state
        self.arrival = Arrival({})

    async def open(self, how: BrowserLogin) -> AsyncGenerator[LoginStep, None]:
        """Open the page; a browser that cannot be opened is no failure, the address is there."""
        yield self._progress.start(Step.BROWSER)
        if how.headless or not how.open_browser:
            yield LoginStep(Step.BROWSER, StepState.SKIPPED, "open the address yourself", url=self._url)
            return
        try:
            yield self._progress.done(await self._browser.open(self._url), url=self._url)
        except BrowserUnavailable as error:
            yield LoginStep(Step.BROWSER, StepState.SKIPPED, error.message, url=self._url, error=error)

    async def receive(self, listener: Listener | None) -> AsyncGenerator[LoginStep, None]:
        """Wait; an answer to another request is refused and waiting goes on."""
        self._inbox.begin()
        self._progress.start(Step.WAITING)
        callback = listener.address if listener else ""
        waiting = LoginStep(
            Step.WAITING,
            StepState.RUNNING,
            url=self._url,
            callback=callback,
            deadline=self._inbox.deadline,
        )
        yield waiting
        while True:
            self.arrival = await self._inbox.next(listener)
            try:
                self.arrival.check_state(self._state)
                break
            except StateMismatch as error:
                await self.arrival.show(failure_page(error))
                yield replace(waiting, detail=error.message)
        yield self._progress.done()

    async def conclude(self, steps: AsyncIterator[LoginStep]) -> AsyncGenerator[LoginStep, None]:
        """Pass on the steps that check, verify and save; the browser is told how they ended."""
        try:
            async for step in steps:
                # Before the last step is told: who got it may look no further.
                if step.result is not None:
                    await self.arrival.show(SIGNED_IN)
                yield step
        except LoopinError as error:
            await self.arrival.show(failure_page(error))
            raise
