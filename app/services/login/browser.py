"""What both sign-ins in the browser share: the listener, the page, the answer, and a second attempt."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from app.domain.errors import (
    BrowserUnavailable,
    Failed,
    LoopinError,
    RateLimited,
    StateMismatch,
    Unreachable,
    VaultError,
)
from app.domain.login import BrowserPage, LoginStep, SignedIn, Step, StepState
from app.domain.ports import Browser, Clock, Listener, Listeners
from app.services.login.callback import TIMEOUT, CallbackAnswer, next_answer
from app.services.login.login_store import SHOW_STORED, LoginStore
from app.services.login.progress import Progress

New = TypeVar("New")
RETRYABLE = (Unreachable, Failed, RateLimited, VaultError)
"""Errors after which the same credential may be accepted or stored a minute later."""
_SIGNED_IN = BrowserPage(True, "You are signed in", "You can close this window and go back to Loopin.")


@dataclass(frozen=True, slots=True)
class BrowserOptions:
    """`port` 0 takes any free one. With `headless` nothing listens, and the person pastes the answer.

    With `keep`, a credential from the server outlives a retryable failure (no network, a locked keychain): a
    second `sign_in` goes on from there, and `discard` gives it up.
    """

    port: int = 0
    open_browser: bool = True
    headless: bool = False
    keep: bool = False


class BrowserSignIn(Generic[New]):
    """Helpers of a sign-in in the browser; `New` is the credential from the server, before it is verified."""

    def __init__(
        self,
        store: LoginStore[New, Any, Any],
        listeners: Listeners,
        browser: Browser,
        clock: Clock,
        callback_path: str,
    ) -> None:
        self._store = store
        self._listeners = listeners
        self._browser = browser
        self._clock = clock
        self._callback_path = callback_path
        self._unsaved: New | None = None
        self._cancelled = False

    @property
    def resumable(self) -> bool:
        """Whether `sign_in` goes on with the credential of the last attempt."""
        return self._unsaved is not None

    async def discard(self) -> None:
        """Give up the credential of the last attempt."""
        self._unsaved = None

    async def _listen(
        self, stack: AsyncExitStack, options: BrowserOptions, progress: Progress
    ) -> Listener | None:
        """Listen until `stack` is closed; None when the person pastes the answer."""
        if options.headless:
            return None
        progress.start(Step.LISTENING)
        listening = await self._listeners.listen(options.port, self._callback_path)
        listener = await stack.enter_async_context(listening)
        progress.done(listener.address)
        return listener

    async def _open_page(self, url: str, options: BrowserOptions, progress: Progress) -> None:
        """Open the page. A browser that cannot be opened is no failure: the person gets the address."""
        progress.start(Step.BROWSER)
        skipped = LoginStep(Step.BROWSER, StepState.SKIPPED, "open the address yourself", url=url)
        if options.headless or not options.open_browser:
            progress.report(skipped)
            return
        try:
            progress.done(await self._browser.open(url), url=url)
        except BrowserUnavailable as error:
            progress.report(replace(skipped, detail=error.message, error=error))

    async def _wait_for_answer(
        self,
        url: str,
        state: str,
        listener: Listener | None,
        pasted: asyncio.Queue[str],
        progress: Progress,
    ) -> CallbackAnswer:
        """Return the answer that carries `state`; others are refused, and the waiting goes on."""
        deadline = self._clock.now() + TIMEOUT
        progress.mark(Step.WAITING)
        waiting = LoginStep(
            Step.WAITING,
            StepState.RUNNING,
            url=url,
            callback=listener.address if listener else "",
            deadline=deadline,
        )
        progress.report(waiting)
        while True:
            answer = await next_answer(listener, pasted, deadline, self._clock)
            try:
                answer.check_state(state)
            except StateMismatch as error:
                await answer.show_failure(error)
                progress.report(replace(waiting, detail=error.message))
            else:
                progress.done()
                return answer

    async def _conclude(
        self,
        resources: AsyncExitStack,
        answer: CallbackAnswer,
        redeeming: Coroutine[Any, Any, New],
        options: BrowserOptions,
        progress: Progress,
    ) -> SignedIn:
        """Redeem the answer, verify and save what it gives, and tell the browser how it ended.

        An answer can be used once: this runs to its end when the caller is cancelled, and closes `resources`,
        the listener among them, then.
        """

        async def conclude() -> SignedIn:
            with self._store.keychain_open():
                async with resources:
                    try:
                        result = await self._save(await redeeming, options, progress)
                    except LoopinError as error:
                        await answer.show_failure(error)
                        raise
                    # Before the last step is reported: the program may end then.
                    await answer.show(_SIGNED_IN)
                    return progress.finish(result)

        return await self._run_to_end(conclude())

    async def _resume(self, new: New, options: BrowserOptions, progress: Progress) -> SignedIn:
        """Verify and save the credential of the last attempt."""

        async def resume() -> SignedIn:
            with self._store.keychain_open():
                return progress.finish(await self._save(new, options, progress))

        return await self._run_to_end(resume())

    async def _run_to_end(self, work: Coroutine[Any, Any, SignedIn]) -> SignedIn:
        try:
            return await self._store.changes.run(self._store.doing, work, hint=SHOW_STORED)
        except asyncio.CancelledError:
            self._cancelled = True
            raise

    async def _save(self, new: New, options: BrowserOptions, progress: Progress) -> SignedIn:
        self._unsaved = None
        try:
            return await self._store.verify_and_save(new, progress)
        except LoopinError as error:
            self._unsaved = new
            if self._cancelled or not options.keep or not isinstance(error, RETRYABLE):
                await self.discard()
            raise
