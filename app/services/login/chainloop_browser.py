"""Sign in to Chainloop in the browser.

The control plane's sign-in page sends the person back to a loopback address with `t=<jwt>` added. It keeps
the query parameters of the callback address, so Loopin puts a random `state` there and refuses an answer
without it (RFC 6749 §10.12).
"""

import asyncio
import secrets
from contextlib import AsyncExitStack
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from app.domain.credentials import Endpoint
from app.domain.errors import LoginFailed
from app.domain.login import SignedIn, Step
from app.domain.ports import Browser, Clock, Gateways, Listeners, Loader
from app.domain.secret import Secret
from app.domain.server_info import is_page
from app.domain.text import clean
from app.services.login.browser import BrowserOptions, BrowserSignIn
from app.services.login.callback import CallbackAnswer
from app.services.login.chainloop import ChainloopLoginStore, NewLogin
from app.services.login.progress import Progress, Report

CALLBACK_PATH = "/auth/callback"


class ChainloopBrowserSignIn(BrowserSignIn[NewLogin]):
    """Keychain → server → listening → browser → waiting → state → verified → saved."""

    def __init__(
        self,
        store: ChainloopLoginStore,
        load_gateways: Loader[Gateways],
        listeners: Listeners,
        browser: Browser,
        clock: Clock,
    ) -> None:
        super().__init__(store, listeners, browser, clock, CALLBACK_PATH)
        self._load_gateways = load_gateways

    async def sign_in(self, options: BrowserOptions, pasted: asyncio.Queue[str], report: Report) -> SignedIn:
        """Sign in. The answer is taken from the browser or from `pasted`, whichever is first.

        When it is cancelled before the answer, the port is free at once; afterwards it runs to its end.
        """
        progress = Progress(self._clock, report)
        with progress.report_failure(), self._store.keychain_open():
            endpoint = await self._store.prepare(progress)
            if self._unsaved is not None:
                return await self._resume(self._unsaved, options, progress)
            progress.start(Step.SERVER)
            login_url = await self._read_login_url(endpoint)
            progress.done(clean(urlsplit(login_url).netloc, 100))
            async with AsyncExitStack() as stack:
                listener = await self._listen(stack, options, progress)
                state = secrets.token_urlsafe(32)
                url = page_url(login_url, f"{listener.address}?state={state}" if listener else "")
                await self._open_page(url, options, progress)
                answer = await self._wait_for_answer(url, state, listener, pasted, progress)
                redeeming = _redeem(answer, endpoint, progress)
                return await self._conclude(stack.pop_all(), answer, redeeming, options, progress)

    async def _read_login_url(self, endpoint: Endpoint) -> str:
        info = await (await self._load_gateways()).open(endpoint, None).server_info()
        if not is_page(info.login_url):
            raise LoginFailed(
                f"{endpoint.address} names no sign-in page", hint="sign in with an API token instead"
            )
        return info.login_url


async def _redeem(answer: CallbackAnswer, endpoint: Endpoint, progress: Progress) -> NewLogin:
    """Read the token in an answer whose state was checked."""
    progress.start(Step.STATE)
    token = answer.pasted or answer.params.get("t", "")
    if not token:
        raise LoginFailed("the answer carries no token", hint="start the sign-in again")
    progress.done("pasted by you" if answer.pasted else "")
    return NewLogin(Secret(token), endpoint)


def page_url(login_url: str, callback: str) -> str:
    """Return the sign-in page's URL with `callback` (empty: it shows the token) and `long-lived`."""
    parts = urlsplit(login_url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), ("callback", callback), ("long-lived", "true")]
    return urlunsplit(parts._replace(query=urlencode(query)))
