"""Verifies ID tokens with the issuer's published keys, which it reads when it must and remembers."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.domain.errors import LoopinError, TokenRejected, Unreachable
from app.domain.keyless import AUDIENCE
from app.domain.secret import Secret
from app.domain.text import clean
from app.oidc import keys, verify
from app.oidc.discovery import Fetch, read_keys
from app.oidc.verify import Outline

# Seconds. Keys are read again after LIFE; for an unknown key id at most every REFRESH; after a failure not
# before REST. So nobody can make this program ask an issuer again and again by sending made-up tokens.
LIFE, REFRESH, REST = 3600.0, 30.0, 10.0
# Keys that could not be read again are good for a day: an issuer may be down for a while.
STALE = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Known:
    """An issuer's keys as read at `read`; `asked` is the last try, and `problem` why that one failed."""

    keys: tuple[Mapping[str, Any], ...]
    read: float
    asked: float
    problem: LoopinError | None = None


class Verifier:
    """One for a process, also for event loops in several threads.

    Of all calls that need the keys of one issuer, one reads them and the others wait for it. `ticks` is in
    seconds and never goes back.
    """

    def __init__(self, fetch: Fetch, ticks: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._ticks = ticks
        self._known: dict[str, _Known] = {}
        self._reads: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    async def verify(
        self, token: Secret, issuer: str, audiences: Collection[str] = (AUDIENCE,), *, now: datetime
    ) -> Mapping[str, Any]:
        """Return the claims of a valid token. `issuer` is trusted, and never taken from the token.

        Raises TokenRejected for the token, and what `fetch` raises for the issuer.
        """
        outline = _outline(token, issuer)
        key = self._find(issuer, outline) or await self._read_or_stale(issuer, outline)
        return verify.check(token, key, issuer, audiences, now)

    async def _read_or_stale(self, issuer: str, outline: Outline) -> keys.PublicKey:
        """The key as the issuer has it now, or as it had it while it cannot be asked."""
        stale = self._find(issuer, outline, STALE)
        try:
            await self._read_once(issuer, wait=stale is None)
        except LoopinError:
            if stale is None:
                raise
            return stale
        return self._need(issuer, outline)

    async def _read_once(self, issuer: str, wait: bool) -> None:
        """Read the keys, or `wait` for the call that reads them, in whichever thread that is."""
        with self._lock:
            read = self._reads.get(issuer)
            if first := read is None:
                read = self._reads[issuer] = Future()
        if first:
            # Another call may wait for it: it goes on when this one is cancelled.
            await asyncio.shield(asyncio.create_task(self._read(issuer, read)))
            return
        if not wait:
            raise Unreachable(
                f"{clean(issuer, 120)} is being asked for its keys", hint="try again in a moment"
            )
        await asyncio.shield(asyncio.wrap_future(read))
        self._check_known(issuer)

    async def _read(self, issuer: str, read: "Future[None]") -> None:
        try:
            await self._refresh(issuer)
        finally:
            del self._reads[issuer]
            read.set_result(None)

    def _fresh(self, issuer: str, life: float = LIFE) -> bool:
        known = self._known.get(issuer)
        return known is not None and bool(known.keys) and self._ticks() - known.read < life

    def _find(self, issuer: str, outline: Outline, life: float = LIFE) -> keys.PublicKey | None:
        if not self._fresh(issuer, life):
            return None
        return keys.find(self._known[issuer].keys, outline.algorithm, outline.kid)

    def _need(self, issuer: str, outline: Outline) -> keys.PublicKey:
        if key := self._find(issuer, outline):
            return key
        which = (
            f"the key {clean(outline.kid, 60)!r} for {outline.algorithm}" if outline.kid else "one clear key"
        )
        raise TokenRejected(
            f"{clean(issuer, 120)} does not publish {which}",
            hint="the token was signed by somebody else, or with a key that is gone",
            code="unknown_key",
        )

    def _check_known(self, issuer: str) -> bool:
        """Whether the issuer was asked a moment ago. Raises what went wrong then."""
        known = self._known.get(issuer)
        if known is None or self._ticks() - known.asked >= (REST if known.problem else REFRESH):
            return False
        if known.problem is not None:
            # A fresh one each time: raising the kept one would grow its traceback.
            raise type(known.problem)(known.problem.message, hint=known.problem.hint)
        return True

    async def _refresh(self, issuer: str) -> None:
        if self._check_known(issuer):
            return
        known, now = self._known.get(issuer), self._ticks()
        try:
            self._known[issuer] = _Known(await read_keys(issuer, self._fetch), now, now)
        except LoopinError as error:
            # Keys that are there stay good for their life: a made-up key id must not end them.
            found, read = (known.keys, known.read) if known else ((), now)
            self._known[issuer] = _Known(found, read, self._ticks(), error)
            raise


def _outline(token: Secret, issuer: str) -> Outline:
    outline = verify.outline(token)
    # Before anyone is asked: a token of somebody else needs no key of ours.
    if outline.issuer != issuer:
        raise verify.wrong_issuer(outline.issuer, issuer)
    return outline
