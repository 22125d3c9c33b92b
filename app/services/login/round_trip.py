"""The way through the browser: open the page, then wait for the one answer that belongs to it."""

from collections.abc import AsyncIterator

from app.domain.errors import BrowserUnavailable, StateMismatch
from app.domain.login import LoginStep, Step, StepState
from app.domain.ports import Browser, Listener
from app.services.login.inbox import Arrival, Inbox, failure_page
from app.services.login.steps import Progress


class RoundTrip:
    """Opens `url` and receives the answer; afterwards `arrival` holds it, its state checked."""

    def __init__(self, browser: Browser, inbox: Inbox, progress: Progress, url: str, state: str) -> None:
        self._browser = browser
        self._inbox = inbox
        self._progress = progress
        self._url = url
        self._state = state
        self.arrival = Arrival({})

    async def open(self, wanted: bool) -> AsyncIterator[LoginStep]:
        """Open the page; a browser that cannot be opened is no failure, the address is there."""
        yield self._progress.start(Step.BROWSER)
        if not wanted:
            yield LoginStep(Step.BROWSER, StepState.SKIPPED, "open the address yourself", url=self._url)
            return
        try:
            yield self._progress.done(await self._browser.open(self._url), url=self._url)
        except BrowserUnavailable as error:
            yield LoginStep(Step.BROWSER, StepState.SKIPPED, error.message, url=self._url, error=error)

    async def receive(self, listener: Listener | None) -> AsyncIterator[LoginStep]:
        """Wait; an answer to another request is refused and waiting goes on."""
        self._inbox.begin()
        self._progress.start(Step.WAITING)
        yield self._waiting(listener)
        while True:
            self.arrival = await self._inbox.next(listener)
            try:
                self.arrival.check_state(self._state)
                break
            except StateMismatch as error:
                await self.arrival.show(failure_page(error))
                yield self._waiting(listener, error.message)
        yield self._progress.done()

    def _waiting(self, listener: Listener | None, detail: str = "") -> LoginStep:
        return LoginStep(
            Step.WAITING,
            StepState.RUNNING,
            detail,
            url=self._url,
            callback=listener.address if listener else "",
            deadline=self._inbox.deadline,
        )
