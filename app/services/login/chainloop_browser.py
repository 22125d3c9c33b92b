"""Sign in to Chainloop in the browser.

The control plane's login page sends the person back to a loopback address with `t=<jwt>` added. It
keeps the query parameters that the callback address already has, so Loopin puts a random `state`
there and takes no answer without it (as RFC 6749 §10.12 asks of an OAuth client).
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from app.domain.errors import BrowserUnavailable, LoginFailed, LoopinError, StateMismatch
from app.domain.login import BrowserPage, LoginStep, Step, StepState
from app.domain.ports import Browser, Clock, Gateways, Listener, Listeners
from app.domain.secret import Secret
from app.services.login.chainloop import ChainloopSaver
from app.services.login.inbox import Arrival, Inbox, failure_page
from app.services.login.steps import Progress, told

CALLBACK_PATH = "/auth/callback"
PATIENCE = timedelta(seconds=300)
SIGNED_IN = BrowserPage(True, "You are signed in", "You can close this window and go back to Loopin.")


@dataclass(frozen=True, slots=True)
class BrowserLogin:
    """How to do it: `port` 0 takes any free one; `headless` listens nowhere, the person pastes."""

    port: int = 0
    open_browser: bool = True
    headless: bool = False


class ChainloopBrowserLogin:
    """Keychain → server → listening → browser → waiting → state → verified → saved."""

    def __init__(
        self, saver: ChainloopSaver, gateways: Gateways, listeners: Listeners, browser: Browser, clock: Clock
    ) -> None:
        self._saver = saver
        self._gateways = gateways
        self._listeners = listeners
        self._browser = browser
        self._clock = clock
        self._inbox = Inbox(clock, PATIENCE)

    def paste(self, text: str) -> None:
        """Hand in the address that the browser ended on, or the token; it races the listener."""
        self._inbox.paste(text)

    def do(self, how: BrowserLogin) -> AsyncGenerator[LoginStep, None]:
        """Sign in once. Closing the iterator cancels, and frees the port at once."""
        progress = Progress(self._clock)
        return told(lambda: self._steps(how, progress), progress)

    async def _steps(self, how: BrowserLogin, progress: Progress) -> AsyncIterator[LoginStep]:
        async for step in self._saver.keychain(progress):
            yield step
        yield progress.start(Step.SERVER)
        login_url = await self._login_page()
        yield progress.done(urlsplit(login_url).netloc)
        async with AsyncExitStack() as stack:
            listener, state = None, secrets.token_urlsafe(32)
            if not how.headless:
                yield progress.start(Step.LISTENING)
                listener = await stack.enter_async_context(
                    await self._listeners.listen(how.port, CALLBACK_PATH)
                )
                yield progress.done(listener.address)
            url = page_address(login_url, f"{listener.address}?state={state}" if listener else "")
            yield progress.start(Step.BROWSER)
            yield await self._open(url, how.open_browser and not how.headless, progress)
            async for step in self._receive(listener, state, url, progress):
                yield step

    async def _login_page(self) -> str:
        info = await self._gateways.open(self._saver.endpoint, None).server_info()
        if urlsplit(info.login_url).scheme not in {"https", "http"}:
            raise LoginFailed(
                f"{self._saver.endpoint.address} names no login page",
                hint="sign in with an API token instead",
            )
        return info.login_url

    async def _open(self, url: str, wanted: bool, progress: Progress) -> LoginStep:
        if not wanted:
            return LoginStep(Step.BROWSER, StepState.SKIPPED, "open the address yourself", url=url)
        try:
            return progress.done(await self._browser.open(url), url=url)
        except BrowserUnavailable as error:
            return LoginStep(Step.BROWSER, StepState.SKIPPED, error.message, url=url, error=error)

    async def _receive(
        self, listener: Listener | None, state: str, url: str, progress: Progress
    ) -> AsyncIterator[LoginStep]:
        self._inbox.begin()
        waiting = LoginStep(
            Step.WAITING,
            StepState.RUNNING,
            url=url,
            callback=listener.address if listener else "",
            deadline=self._inbox.deadline,
        )
        progress.start(Step.WAITING)
        yield waiting
        while True:
            arrival = await self._inbox.next(listener)
            try:
                arrival.check_state(state)
                break
            except StateMismatch as error:
                await arrival.show(failure_page(error))
                yield replace(waiting, detail=error.message)
        yield progress.done()
        yield progress.start(Step.STATE)
        yield progress.done("pasted by you" if arrival.pasted else "")
        async for step in self._conclude(arrival, progress):
            yield step

    async def _conclude(self, arrival: Arrival, progress: Progress) -> AsyncIterator[LoginStep]:
        """Verify and save; only then does the browser say that it worked."""
        try:
            async for step in self._saver.finish(_token(arrival), progress):
                # Before the last step is told: who got it may look no further.
                if step.result is not None:
                    await arrival.show(SIGNED_IN)
                yield step
        except LoopinError as error:
            await arrival.show(failure_page(error))
            raise


def _token(arrival: Arrival) -> Secret:
    token = arrival.pasted or arrival.params.get("t", "")
    if not token:
        raise LoginFailed("the answer carries no token", hint="start the sign-in again")
    return Secret(token)


def page_address(login_url: str, callback: str) -> str:
    """The login page's address with `callback` (empty = show the token instead) and `long-lived`."""
    parts = urlsplit(login_url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("callback", callback), ("long-lived", "true")]
    return urlunsplit(parts._replace(query=urlencode(query)))
