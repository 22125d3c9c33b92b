"""Where the answer of a browser sign-in arrives: at the listener, or pasted by the person."""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl

from app.domain.errors import LoginTimedOut, LoopinError, StateMismatch
from app.domain.login import BrowserPage
from app.domain.ports import Callback, Clock, Listener
from app.domain.text import capital


@dataclass(frozen=True, slots=True)
class Arrival:
    """One answer. `pasted` is what was pasted when it is not an address; then there is no state to check."""

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
        """Tell the browser, where there is one, how it ended."""
        if self.callback is not None:
            await self.callback.answer(page)


class Inbox:
    """Races the listener against the paste field until the time is over."""

    def __init__(self, clock: Clock, patience: timedelta) -> None:
        self._clock = clock
        self._patience = patience
        self._pasted: asyncio.Queue[str] = asyncio.Queue()
        self.deadline = clock.now() + patience

    def paste(self, text: str) -> None:
        """Hand in the address that the browser ended on, or the bare code or token."""
        if text := text.strip():
            self._pasted.put_nowait(text)

    def begin(self) -> None:
        """The patience counts from here."""
        self.deadline = self._clock.now() + self._patience

    async def next(self, listener: Listener | None) -> Arrival:
        """Return the next answer; raise LoginTimedOut when the time is over."""
        left = (self.deadline - self._clock.now()).total_seconds()
        waits = [self._from_paste(), self._timeout(left)]
        if listener is not None:
            waits.insert(0, _from_listener(listener))
        tasks: list[asyncio.Task[Arrival]] = [asyncio.create_task(wait) for wait in waits]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # Where two ended at once, an answer counts before the end of the patience.
            return next(task for task in tasks if task in done).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _from_paste(self) -> Arrival:
        text = await self._pasted.get()
        text = "".join(text.split())
        if "://" not in text:
            return Arrival({}, pasted=text)
        _, _, query = text.partition("#")[0].partition("?")
        return Arrival(dict(reversed(parse_qsl(query, keep_blank_values=True))))

    async def _timeout(self, seconds: float) -> Arrival:
        await self._clock.sleep(max(seconds, 0.0))
        minutes = round(self._patience.total_seconds() / 60)
        raise LoginTimedOut(f"nobody finished the sign-in within {minutes} minutes", hint="start it again")


async def _from_listener(listener: Listener) -> Arrival:
    callback = await listener.next()
    return Arrival(callback.params, callback=callback)


def failure_page(error: LoopinError) -> BrowserPage:
    """What the browser shows when the sign-in did not work."""
    return BrowserPage(
        False, "You are not signed in", f"{capital(error.message)}. {capital(error.hint)}".strip()
    )
