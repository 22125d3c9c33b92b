"""Sign in to Gumloop in the browser: authorization code with PKCE (RFC 6749 §4.1, RFC 7636, RFC 8252)."""

import asyncio
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from app.domain.credentials import Endpoint, Method
from app.domain.errors import AccessDenied, LoginFailed, LoopinError, StateMismatch
from app.domain.gumloop import (
    API_PATH,
    CALLBACK_PATH,
    CALLBACK_PORT,
    AuthorizationRequest,
    GumloopLogin,
    IssuerFacts,
    root_of,
)
from app.domain.login import SignedIn, Step
from app.domain.ports import Browser, Clock, GumloopOAuth, Listeners
from app.domain.text import clean
from app.services.login.browser import BrowserOptions, BrowserSignIn
from app.services.login.callback import CallbackAnswer
from app.services.login.gumloop import GumloopLoginStore, NewLogin
from app.services.login.progress import Progress, Report


class GumloopBrowserSignIn(BrowserSignIn[NewLogin]):
    """Keychain → listening → browser → waiting → state → code exchanged → verified → saved."""

    def __init__(
        self,
        store: GumloopLoginStore,
        oauth: GumloopOAuth,
        listeners: Listeners,
        browser: Browser,
        clock: Clock,
    ) -> None:
        super().__init__(store, listeners, browser, clock, CALLBACK_PATH)
        self._oauth = oauth

    async def sign_in(self, options: BrowserOptions, pasted: asyncio.Queue[str], report: Report) -> SignedIn:
        """Sign in. The answer is taken from the browser or from `pasted`, whichever is first.

        When it is cancelled before the answer, the port is free at once; afterwards it runs to its end.
        """
        progress = Progress(self._clock, report)
        with progress.report_failure(), self._store.keychain_open():
            endpoint = await self._store.prepare(progress)
            if self._unsaved is not None:
                return await self._resume(self._unsaved, options, progress)
            await self._check_base_url(endpoint, progress)
            async with AsyncExitStack() as stack:
                listener = await self._listen(stack, options, progress)
                default_redirect = f"http://127.0.0.1:{options.port or CALLBACK_PORT}{CALLBACK_PATH}"
                redirect = listener.address if listener else default_redirect
                request = self._oauth.authorization(endpoint, redirect)
                # It runs while the person is in the browser.
                discovery = asyncio.create_task(self._oauth.discover(endpoint))
                stack.push_async_callback(_cancel, discovery)
                await self._open_page(request.url, options, progress)
                answer = await self._wait_for_answer(request.url, request.state, listener, pasted, progress)
                redeeming = self._redeem(answer, request, endpoint, discovery, progress)
                return await self._conclude(stack.pop_all(), answer, redeeming, options, progress)

    async def discard(self) -> None:
        """Give up the tokens of the last attempt, and revoke them: nobody stores them."""
        if self._unsaved is not None:
            login, self._unsaved = self._unsaved.login, None
            with suppress(LoopinError):
                revoking = self._oauth.revoke(login.endpoint, login.refresh_token or login.secret)
                await self._store.changes.run("giving a sign-in up", revoking)

    async def _check_base_url(self, endpoint: Endpoint, progress: Progress) -> None:
        """Raise LoginFailed for a base URL without its path, which would show only after the sign-in page.

        A whole one is not asked about, so that the usual way takes no longer.
        """
        address = endpoint.address
        if address != root_of(address) or await self._oauth.serves_api(endpoint):
            return
        progress.mark(Step.SERVER)
        raise LoginFailed(f"there is no Gumloop API at {address}", hint=f"try {address}{API_PATH}")

    async def _redeem(
        self,
        answer: CallbackAnswer,
        request: AuthorizationRequest,
        endpoint: Endpoint,
        discovery: asyncio.Task[IssuerFacts],
        progress: Progress,
    ) -> NewLogin:
        """Exchange the code of the answer for tokens."""
        progress.start(Step.STATE)
        # Asked once more where the server said nothing the first time.
        issuer = await discovery
        issuer = issuer if issuer.issuer else await self._oauth.discover(endpoint)
        try:
            code = code_of(answer, issuer, root_of(endpoint.address))
        except AccessDenied:
            # The state was right; there is no code to exchange.
            progress.done()
            progress.mark(Step.EXCHANGE)
            raise
        progress.done("pasted by you" if answer.pasted else "")
        progress.start(Step.EXCHANGE)
        tokens = await self._oauth.exchange(endpoint, request, code)
        has_refresh = tokens.refresh_token is not None
        progress.done("access and refresh token" if has_refresh else "access token, no refresh token")
        seconds = tokens.expires_in
        return NewLogin(
            GumloopLogin(Method.OAUTH, tokens.access_token, endpoint, "", tokens.refresh_token),
            lambda: self._oauth.person(endpoint, issuer, tokens.access_token),
            self._clock.now() + timedelta(seconds=seconds) if seconds is not None else None,
        )


async def _cancel(task: asyncio.Task[IssuerFacts]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def code_of(answer: CallbackAnswer, issuer: IssuerFacts, root: str) -> str:
    """Return the code in an answer whose state was checked; raise for one without a code.

    `iss` must name the server that was asked (RFC 9207 §2.4), also in an error answer.
    """
    if answer.pasted:
        return answer.pasted
    iss = answer.params.get("iss", "")
    if (iss and iss not in {root, issuer.issuer}) or (issuer.names_itself and not iss):
        raise StateMismatch(
            f"the answer comes from another server than {root}", hint="start the sign-in again"
        )
    if error := answer.params.get("error", ""):
        raise _error_of(error, answer.params.get("error_description", ""))
    if not (code := answer.params.get("code", "")):
        raise LoginFailed("the answer carries no code", hint="start the sign-in again")
    return code


def _error_of(error: str, description: str) -> LoginFailed:
    """The error of an error response (RFC 6749 §4.1.2.1)."""
    text = clean(description or error.replace("_", " "), 200)
    if error == "access_denied":
        return AccessDenied(f"access was denied: {text}", hint="start again, and choose Allow")
    return LoginFailed(f"Gumloop did not sign you in: {text}", hint="start the sign-in again")
