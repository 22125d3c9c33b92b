"""The answer to an authorization request: it arrives at the listener, or is pasted by the person."""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from app.domain.errors import LoginTimedOut, LoopinError, StateMismatch
from app.domain.login import BrowserPage
from app.domain.ports import Callback, Clock, Listener
from app.domain.text import capital

TIMEOUT = timedelta(minutes=5)
"""How long a person may take in the browser."""


@dataclass(frozen=True, slots=True)
class CallbackAnswer:
    """An answer. `pasted` is a bare code or token that was pasted, which comes without a state."""

    params: Mapping[str, str] = field(repr=False)
    pasted: str = field(default="", repr=False)
    callback: Callback | None = None

    def check_state(self, state: str) -> None:
        """Raise StateMismatch unless the answer belongs to our request (RFC 6749 §10.12)."""
        if self.pasted:
            return
        if not hmac.compare_digest(self.params.get("state", "").encode(), state.encode()):
            raise StateMismatch(
                "an answer arrived that belongs to another sign-in, and was refused",
                hint="finish the sign-in in the window that Loopin opened, or open it again",
            )

    async def show(self, page: BrowserPage) -> None:
        """Answer the browser, where there is one, with `page`."""
        if self.callback is not None:
            await self.callback.answer(page)

    async def show_failure(self, error: LoopinError) -> None:
        """Tell the browser that the sign-in did not work."""
        text = f"{capital(error.message)}. {capital(error.hint)}".strip()
        await self.show(BrowserPage(False, "You are not signed in", text))


async def next_answer(
    listener: Listener | None, pasted: asyncio.Queue[str], deadline: datetime, clock: Clock
) -> CallbackAnswer:
    """Return what arrives first, at the listener or pasted; raise LoginTimedOut at the deadline."""
    waits = [_next_pasted(pasted), _wait_until(deadline, clock)]
    if listener is not None:
        waits.insert(0, _next_received(listener))
    tasks: list[asyncio.Task[CallbackAnswer]] = [asyncio.create_task(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        # Of two that ended at once, an answer counts before the deadline.
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _next_received(listener: Listener) -> CallbackAnswer:
    callback = await listener.next()
    return CallbackAnswer(callback.params, callback=callback)


async def _next_pasted(pasted: asyncio.Queue[str]) -> CallbackAnswer:
    """Read the address that the browser ended on, or a bare code or token; a terminal may have wrapped it."""
    while not (text := "".join((await pasted.get()).split())):
        pass
    if "://" not in text:
        return CallbackAnswer({}, pasted=text)
    query = text.partition("#")[0].partition("?")[2]
    return CallbackAnswer(dict(reversed(parse_qsl(query, keep_blank_values=True))))


async def _wait_until(deadline: datetime, clock: Clock) -> CallbackAnswer:
    await clock.sleep(max((deadline - clock.now()).total_seconds(), 0.0))
    minutes = round(TIMEOUT.total_seconds() / 60)
    raise LoginTimedOut(f"nobody finished the sign-in within {minutes} minutes", hint="start it again")
