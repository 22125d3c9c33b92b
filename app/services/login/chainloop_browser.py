"""Sign in to Chainloop in the browser.

The control plane's sign-in page sends the person back to a loopback address with `t=<jwt>` added. It
keeps the query parameters that the callback address already has, so Loopin puts a random `state`
there and takes no answer without it (as RFC 6749 §10.12 asks of an OAuth client).
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from app.domain.errors import LoginFailed
from app.domain.login import LoginStep, Step
from app.domain.ports import Browser, Clock, Gateways, Listeners, Loader
from app.domain.secret import Secret
from app.domain.server_info import is_page
from app.domain.text import clean
from app.services.login.browser import InBrowser, Visit
from app.services.login.callback_answers import Arrival
from app.services.login.chainloop import ChainloopSaver
from app.services.login.progress import Progress
from app.services.login.round_trip import BrowserLogin

CALLBACK_PATH = "/auth/callback"


class ChainloopBrowserLogin(InBrowser[Secret]):
    """Keychain → server → listening → browser → waiting → state → verified → saved."""

    def __init__(
        self,
        saver: ChainloopSaver,
        load_gateways: Loader[Gateways],
        listeners: Listeners,
        browser: Browser,
        clock: Clock,
    ) -> None:
        super().__init__(saver, listeners, browser, clock, CALLBACK_PATH)
        self._load_gateways = load_gateways

    async def _steps(self, how: BrowserLogin, progress: Progress) -> AsyncGenerator[LoginStep, None]:
        yield progress.start(Step.SERVER)
        login_url = await self._sign_in_page()
        yield progress.done(clean(urlsplit(login_url).netloc, 100))
        state = secrets.token_urlsafe(32)

        def visit(listening: str) -> Visit:
            url = page_address(login_url, f"{listening}?state={state}" if listening else "")
            return Visit(url, state, lambda arrival: self._conclude(arrival, how, progress))

        async with aclosing(self._there_and_back(how, progress, visit)) as steps:
            async for step in steps:
                yield step

    async def _sign_in_page(self) -> str:
        info = await (await self._load_gateways()).open(self._saver.endpoint, None).server_info()
        if not is_page(info.login_url):
            raise LoginFailed(
                f"{self._saver.endpoint.address} names no sign-in page",
                hint="sign in with an API token instead",
            )
        return info.login_url

    async def _conclude(
        self, arrival: Arrival, how: BrowserLogin, progress: Progress
    ) -> AsyncIterator[LoginStep]:
        yield progress.start(Step.STATE)
        token = _token(arrival)
        yield progress.done("pasted by you" if arrival.pasted else "")
        async for step in self._finish(token, how, progress):
            yield step


def _token(arrival: Arrival) -> Secret:
    token = arrival.pasted or arrival.params.get("t", "")
    if not token:
        raise LoginFailed("the answer carries no token", hint="start the sign-in again")
    return Secret(token)


def page_address(login_url: str, callback: str) -> str:
    """The sign-in page's address with `callback` (empty = show the token instead) and `long-lived`."""
    parts = urlsplit(login_url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("callback", callback), ("long-lived", "true")]
    return urlunsplit(parts._replace(query=urlencode(query)))
