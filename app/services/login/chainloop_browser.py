"""Sign in to Chainloop in the browser.

The control plane's login page sends the person back to a loopback address with `t=<jwt>` added. It
keeps the query parameters that the callback address already has, so Loopin puts a random `state`
there and takes no answer without it (as RFC 6749 §10.12 asks of an OAuth client).
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from app.domain.errors import LoginFailed
from app.domain.login import LoginStep, Step
from app.domain.ports import Browser, Clock, Gateways, Listeners
from app.domain.secret import Secret
from app.domain.text import clean
from app.services.login.chainloop import ChainloopSaver
from app.services.login.inbox import Arrival, Inbox
from app.services.login.round_trip import MAY_PASS, PATIENCE, BrowserLogin, RoundTrip
from app.services.login.steps import Progress, told

CALLBACK_PATH = "/auth/callback"


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
        self._kept: Secret | None = None

    @property
    def resumable(self) -> bool:
        """True when `do` goes on with the token that the server gave: nobody has to sign in again."""
        return self._kept is not None

    async def drop(self) -> None:
        """Give up what was kept."""
        self._kept = None

    def paste(self, text: str) -> None:
        """Hand in the address that the browser ended on, or the token; it races the listener."""
        self._inbox.paste(text)

    def do(self, how: BrowserLogin) -> AsyncGenerator[LoginStep, None]:
        """Sign in. Closing the iterator cancels, and frees the port at once."""
        progress = Progress(self._clock)
        return told(lambda: self._steps(how, progress), progress)

    async def _steps(self, how: BrowserLogin, progress: Progress) -> AsyncIterator[LoginStep]:
        async for step in self._saver.keychain(progress):
            yield step
        if self._kept is not None:
            async for step in self._finish(self._kept, how, progress):
                yield step
            return
        yield progress.start(Step.SERVER)
        login_url = await self._login_page()
        yield progress.done(clean(urlsplit(login_url).netloc, 100))
        async with AsyncExitStack() as stack:
            listener, state = None, secrets.token_urlsafe(32)
            if not how.headless:
                yield progress.start(Step.LISTENING)
                listener = await stack.enter_async_context(
                    await self._listeners.listen(how.port, CALLBACK_PATH)
                )
                yield progress.done(listener.address)
            url = page_address(login_url, f"{listener.address}?state={state}" if listener else "")
            trip = RoundTrip(self._browser, self._inbox, progress, url, state)
            async for step in trip.open(how):
                yield step
            async for step in trip.receive(listener):
                yield step
            async for step in trip.conclude(self._conclude(trip.arrival, how, progress)):
                yield step

    async def _login_page(self) -> str:
        info = await self._gateways.open(self._saver.endpoint, None).server_info()
        if not is_web_address(info.login_url):
            raise LoginFailed(
                f"{self._saver.endpoint.address} names no login page",
                hint="sign in with an API token instead",
            )
        return info.login_url

    async def _conclude(
        self, arrival: Arrival, how: BrowserLogin, progress: Progress
    ) -> AsyncIterator[LoginStep]:
        yield progress.start(Step.STATE)
        yield progress.done("pasted by you" if arrival.pasted else "")
        async for step in self._finish(_token(arrival), how, progress):
            yield step

    async def _finish(self, token: Secret, how: BrowserLogin, progress: Progress) -> AsyncIterator[LoginStep]:
        """Verify and save."""
        self._kept = None
        try:
            async for step in self._saver.finish(token, progress):
                yield step
        except MAY_PASS:
            self._kept = token if how.keep else None
            raise


def _token(arrival: Arrival) -> Secret:
    token = arrival.pasted or arrival.params.get("t", "")
    if not token:
        raise LoginFailed("the answer carries no token", hint="start the sign-in again")
    return Secret(token)


def is_web_address(text: str) -> bool:
    """True for http and https with a host: nothing else that a server names is opened."""
    try:
        parts = urlsplit(text)
        return parts.scheme in {"https", "http"} and bool(parts.hostname)
    except ValueError:
        return False


def page_address(login_url: str, callback: str) -> str:
    """The login page's address with `callback` (empty = show the token instead) and `long-lived`."""
    parts = urlsplit(login_url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("callback", callback), ("long-lived", "true")]
    return urlunsplit(parts._replace(query=urlencode(query)))
