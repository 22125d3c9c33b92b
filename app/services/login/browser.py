"""What both sign-ins in the browser share: the listener, the way there and back, what outlives a failure."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from app.domain.errors import LoopinError
from app.domain.login import LoginStep, Step
from app.domain.ports import Browser, Clock, Listeners
from app.services.login.callback_answers import Arrival, Inbox
from app.services.login.progress import Progress, to_the_end, told
from app.services.login.round_trip import MAY_PASS, PATIENCE, BrowserLogin, RoundTrip
from app.services.login.storing import Saver

New = TypeVar("New")


@dataclass(frozen=True, slots=True)
class Visit:
    """The page to open, the `state` its answer must carry, and the steps that follow the answer."""

    url: str
    state: str
    conclude: Callable[[Arrival], AsyncIterator[LoginStep]]


class InBrowser(ABC, Generic[New]):
    """A sign-in in the browser; `New` is what the server gives, before it is verified."""

    def __init__(
        self, saver: Saver[New, Any, Any], listeners: Listeners, browser: Browser, clock: Clock, path: str
    ) -> None:
        self._saver = saver
        self._listeners = listeners
        self._browser = browser
        self._clock = clock
        self._path = path
        self._inbox = Inbox(clock, PATIENCE)
        self._kept: New | None = None
        self._followed = True

    @property
    def resumable(self) -> bool:
        """True when `do` goes on with what the server gave: nobody has to sign in again."""
        return self._kept is not None

    async def drop(self) -> None:
        """Give up what was kept."""
        self._kept = None

    def paste(self, text: str) -> None:
        """Hand in the address that the browser ended on, or the bare answer; it races the listener."""
        self._inbox.paste(text)

    def do(self, how: BrowserLogin) -> AsyncGenerator[LoginStep, None]:
        """Sign in. Closing the iterator cancels, and frees the port at once."""
        progress = Progress(self._clock)
        return told(lambda: self._all(how, progress), progress)

    @abstractmethod
    def _steps(self, how: BrowserLogin, progress: Progress) -> AsyncGenerator[LoginStep, None]:
        """From the keychain, which is ready, to the login, which is saved."""

    async def _all(self, how: BrowserLogin, progress: Progress) -> AsyncIterator[LoginStep]:
        with self._saver.keychain_open():
            async for step in self._saver.keychain(progress):
                yield step
            kept = self._kept
            if kept is None:
                flow = self._steps(how, progress)
            else:
                flow = self._to_the_end(AsyncExitStack(), self._finish(kept, how, progress))
            # Left to the garbage collector, a flow that is given up would hold its port for a while.
            async with aclosing(flow) as steps:
                async for step in steps:
                    yield step

    async def _there_and_back(
        self, how: BrowserLogin, progress: Progress, visit: Callable[[str], Visit]
    ) -> AsyncGenerator[LoginStep, None]:
        """Listen, open the page, wait, conclude. `visit` gets the listener's address, empty without one."""
        async with AsyncExitStack() as stack:
            listener = None
            if not how.headless:
                yield progress.start(Step.LISTENING)
                listener = await stack.enter_async_context(await self._listeners.listen(how.port, self._path))
                yield progress.done(listener.address)
            wanted = visit(listener.address if listener else "")
            trip = RoundTrip(self._browser, self._inbox, progress, wanted.url, wanted.state)
            async for step in trip.open(how):
                yield step
            async for step in trip.receive(listener):
                yield step
            # From here on, what arrived is used up: the listener stays for the last page, whoever looks on.
            concluding = self._to_the_end(stack.pop_all(), trip.conclude(wanted.conclude(trip.arrival)))
            async with aclosing(concluding) as steps:
                async for step in steps:
                    yield step

    async def _to_the_end(
        self, held: AsyncExitStack, steps: AsyncIterator[LoginStep]
    ) -> AsyncGenerator[LoginStep, None]:
        """Pass on the steps that use up what the server gives once; they go on when nobody follows them."""

        async def holding() -> AsyncIterator[LoginStep]:
            with self._saver.keychain_open():
                async with held:
                    async for step in steps:
                        yield step

        try:
            async with aclosing(to_the_end(self._saver.changes, self._saver.doing, holding())) as shielded:
                async for step in shielded:
                    yield step
        except GeneratorExit:
            self._followed = False
            raise

    async def _finish(
        self, new: New, how: BrowserLogin, progress: Progress
    ) -> AsyncGenerator[LoginStep, None]:
        """Verify and save; keep what the server gave when a failure may pass."""
        self._kept = None
        try:
            async for step in self._saver.finish(new, progress):
                yield step
        except LoopinError as error:
            self._kept = new
            if not self._followed or not how.keep or not isinstance(error, MAY_PASS):
                await self.drop()
            raise
