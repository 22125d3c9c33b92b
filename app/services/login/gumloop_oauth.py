"""Sign in to Gumloop in the browser: authorization code with PKCE (RFC 6749 §4.1, RFC 7636, RFC 8252)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from datetime import timedelta

from app.domain.credentials import Method
from app.domain.errors import AccessDenied, LoginFailed, LoopinError, StateMismatch
from app.domain.gumloop import (
    API_PATH,
    CALLBACK_PATH,
    CALLBACK_PORT,
    AuthorizationRequest,
    GumloopLogin,
    GumloopTokens,
    IssuerFacts,
    root_of,
)
from app.domain.login import LoginStep, Step
from app.domain.ports import Browser, Clock, GumloopOAuth, Listeners
from app.domain.text import clean
from app.services.login.browser import InBrowser, Visit
from app.services.login.callback_answers import Arrival
from app.services.login.gumloop import GumloopSaver, NewLogin
from app.services.login.progress import Progress
from app.services.login.round_trip import BrowserLogin


class GumloopOAuthLogin(InBrowser[NewLogin]):
    """Keychain → listening → browser → waiting → state → code exchanged → verified → saved."""

    def __init__(
        self, saver: GumloopSaver, oauth: GumloopOAuth, listeners: Listeners, browser: Browser, clock: Clock
    ) -> None:
        super().__init__(saver, listeners, browser, clock, CALLBACK_PATH)
        self._oauth = oauth
        self._early: asyncio.Task[IssuerFacts] | None = None

    async def drop(self) -> None:
        """Give up what was kept. Tokens that nobody keeps should not live on at the server."""
        if self._kept is not None:
            kept, self._kept = self._kept.login, None
            with suppress(LoopinError):
                revoking = self._oauth.revoke(self._saver.endpoint, kept.refresh_token or kept.secret)
                await self._saver.changes.run("giving a sign-in up", revoking)

    def do(self, how: BrowserLogin | None = None) -> AsyncGenerator[LoginStep, None]:
        """Sign in, on the vendor's own port unless `how` says another."""
        return super().do(how or BrowserLogin(CALLBACK_PORT))

    async def _steps(self, how: BrowserLogin, progress: Progress) -> AsyncGenerator[LoginStep, None]:
        def visit(listening: str) -> Visit:
            redirect = listening or f"http://127.0.0.1:{how.port or CALLBACK_PORT}{CALLBACK_PATH}"
            asked = self._oauth.authorization(self._saver.endpoint, redirect)
            # While the person is in the browser; afterwards somebody would wait for it.
            self._early = asyncio.create_task(self._oauth.discover(self._saver.endpoint))
            return Visit(
                asked.url, asked.state, lambda arrival: self._conclude(arrival, asked, how, progress)
            )

        await self._check_address(progress)
        try:
            async with aclosing(self._there_and_back(how, progress, visit)) as steps:
                async for step in steps:
                    yield step
        finally:
            await self._end_early()

    async def _check_address(self, progress: Progress) -> None:
        """The sign-in page does not hang under the API: a base URL cut short would show only after it.

        A whole one is not asked about, so that the usual way takes no longer.
        """
        address = self._saver.endpoint.address
        if address != root_of(address) or await self._oauth.serves_api(self._saver.endpoint):
            return
        progress.start(Step.SERVER)
        raise LoginFailed(f"there is no Gumloop API at {address}", hint=f"try {address}{API_PATH}")

    async def _end_early(self) -> None:
        early, self._early = self._early, None
        if early is not None:
            early.cancel()
            await asyncio.gather(early, return_exceptions=True)

    async def _server(self) -> IssuerFacts:
        """What the server says of itself; asked once more where that was nothing the first time."""
        early, self._early = self._early, None
        found = await early if early is not None else IssuerFacts()
        return found if found.issuer else await self._oauth.discover(self._saver.endpoint)

    async def _conclude(
        self, arrival: Arrival, request: AuthorizationRequest, how: BrowserLogin, progress: Progress
    ) -> AsyncIterator[LoginStep]:
        """Check, exchange, verify and save."""
        yield progress.start(Step.STATE)
        server = await self._server()
        try:
            code = code_of(arrival, server, root_of(self._saver.endpoint.address))
        except AccessDenied:
            # The state was right; there is no code to exchange.
            yield progress.done()
            progress.start(Step.EXCHANGE)
            raise
        yield progress.done("pasted by you" if arrival.pasted else "")
        yield progress.start(Step.EXCHANGE)
        tokens = await self._oauth.exchange(self._saver.endpoint, request, code)
        yield progress.done(_life(tokens))
        async for step in self._finish(self._new(tokens, server), how, progress):
            yield step

    def _new(self, tokens: GumloopTokens, server: IssuerFacts) -> NewLogin:
        lives, endpoint = tokens.expires_in, self._saver.endpoint
        return NewLogin(
            GumloopLogin(Method.OAUTH, tokens.access_token, endpoint, "", tokens.refresh_token),
            lambda: self._oauth.person(endpoint, server, tokens.access_token),
            self._clock.now() + timedelta(seconds=lives) if lives is not None else None,
        )


def code_of(arrival: Arrival, server: IssuerFacts, root: str) -> str:
    """The code in an answer whose state was checked; raise for one that carries none.

    `iss` must name the server we asked (RFC 9207 §2.4), also in an error answer.
    """
    if arrival.pasted:
        return arrival.pasted
    named = arrival.params.get("iss", "")
    if (named and named not in {root, server.issuer}) or (server.names_itself and not named):
        raise StateMismatch(
            f"the answer comes from another server than {root}", hint="start the sign-in again"
        )
    if error := arrival.params.get("error", ""):
        raise _refusal(error, arrival.params.get("error_description", ""))
    if not (code := arrival.params.get("code", "")):
        raise LoginFailed("the answer carries no code", hint="start the sign-in again")
    return code


def _refusal(error: str, description: str) -> LoginFailed:
    words = clean(description or error.replace("_", " "), 200)
    if error == "access_denied":
        return AccessDenied(f"access was denied: {words}", hint="start again, and choose Allow")
    return LoginFailed(f"Gumloop did not sign you in: {words}", hint="start the sign-in again")


def _life(tokens: GumloopTokens) -> str:
    return "access and refresh token" if tokens.refresh_token else "access token, no refresh token"
