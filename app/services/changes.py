"""Changes that run to their end once begun, and the wait for them when the program ends.

A refresh token can be used once, the secret of a new token is sent once: a change that is cancelled between
the request and what has to follow it here leaves a state that cannot be repaired.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from app.domain.errors import LoopinError

T = TypeVar("T")
GRACE = 5.0
"""Seconds for which the end of the program waits for changes that are under way."""
_inside: ContextVar[bool] = ContextVar("inside a change", default=False)


class End(Enum):
    """How a change ended whose caller was cancelled."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It was cancelled: what the server did is not known."""
    NOT_BEGUN = "not begun"
    """It ended before anything was sent that changes something."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """A change whose caller was cancelled. `hint` is the next step, where there is one.

    `closing`: it ended while the program was about to end.
    """

    doing: str
    end: End
    hint: str = ""
    error: BaseException | None = None
    closing: bool = True
    remark: str = ""
    """What "finished" alone would hide."""

    @property
    def words(self) -> str:
        """The end in one sentence; not cleaned."""
        if self.end is End.DONE:
            return f"{self.doing}: finished{f', {self.remark}' if self.remark else ''}"
        if self.end is End.NOT_BEGUN:
            return f"{self.doing}: not begun"
        if self.end is End.UNKNOWN:
            return f"{self.doing}: no answer came, so it is not known whether it was done"
        why = self.error.message if isinstance(self.error, LoopinError) else "something unexpected happened"
        return f"{self.doing}: failed: {why}"


def _no_text(result: object) -> str:
    return ""


@dataclass(eq=False, slots=True)
class _Change:
    doing: str
    hint: str = ""
    lost: Callable[[Any], str] = _no_text
    remark: Callable[[Any], str] = _no_text
    abandoned: bool = False
    """Nobody waits for it any more."""
    reported: bool = False
    """The program is about to end: its caller may have no time to say how it ended."""


class Changes:
    """The changes under way in this process, each a task of its own.

    A caller that is cancelled leaves its change running; `finish` waits for what is under way. What runs
    inside a change is part of it: it is neither shielded again nor listed.
    """

    def __init__(self, grace: float = GRACE) -> None:
        self.grace = grace
        self._tasks: dict[asyncio.Task[Any], _Change] = {}
        self._orphans: dict[_Change, Orphan] = {}
        self.closing = False
        """True while the program is about to end: a change of many steps begins no further one."""

    async def run(
        self,
        doing: str,
        work: Coroutine[Any, Any, T],
        *,
        hint: str = "",
        lost: Callable[[T], str] = _no_text,
        remark: Callable[[T], str] = _no_text,
    ) -> T:
        """Run `work` to its end, even when the caller is cancelled, and return its result.

        `doing` names it, as in "signing out of Gumloop"; `hint` is the next step where its end stays unknown,
        `lost` returns the one for a result that no caller received. `remark` returns what "finished" alone
        would hide of a result.
        """
        if _inside.get():
            return await work
        change = _Change(doing, hint, lost, remark)
        task = asyncio.create_task(_run_inside(work), name=doing)
        self._tasks[task] = change
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            change.abandoned = True
            if task not in self._tasks:
                # It ended in the moment in which its caller was cancelled.
                self._record_end(task, change)
            raise

    async def before(self, doing: str, reading: Awaitable[T]) -> T:
        """Await what the change `doing` has to read first; cut off there, it is listed as not begun."""
        try:
            return await reading
        except asyncio.CancelledError:
            if not _inside.get():
                change = _Change(doing)
                self._orphans[change] = Orphan(doing, End.NOT_BEGUN, closing=self.closing)
            raise

    def under_way(self) -> tuple[str, ...]:
        """What is being done, in the order in which it was begun, each name once."""
        return tuple(dict.fromkeys(change.doing for change in self._running()))

    def orphans(self) -> tuple[Orphan, ...]:
        """How those ended whose callers had gone, and as unknown those that have not ended."""
        unknown = [Orphan(change.doing, End.UNKNOWN, change.hint) for change in self._running()]
        return (*self._orphans.values(), *unknown)

    def close(self) -> None:
        """The program is about to end: how what is under way ends is listed in `orphans`, too."""
        self.closing = True
        for change in self._running():
            change.reported = True

    def reopen(self) -> None:
        """The program goes on after all."""
        self.closing = False
        self._orphans.clear()

    async def finish(self, seconds: float | None = None) -> bool:
        """Wait until nothing is under way, `grace` or `seconds` at most; return whether that came about."""
        seconds = self.grace if seconds is None else seconds
        while tasks := list(self._tasks):
            loop = asyncio.get_running_loop()
            begun = loop.time()
            await asyncio.wait(tasks, timeout=max(seconds, 0.0))
            seconds -= loop.time() - begun
            if seconds <= 0:
                break
        return not self._tasks

    def _running(self) -> list[_Change]:
        # One that has ended is taken out by its callback, which runs after those who waited for it may run.
        return [change for task, change in self._tasks.items() if not task.done()]

    def _ended(self, task: asyncio.Task[Any]) -> None:
        change = self._tasks.pop(task)
        if not task.cancelled():
            # Asking for the error keeps asyncio from reporting one that nobody waits for.
            task.exception()
        if change.abandoned or change.reported or task.cancelled():
            self._record_end(task, change)

    def _record_end(self, task: asyncio.Task[Any], change: _Change) -> None:
        error = None if task.cancelled() else task.exception()
        # A second ctrl+c is raised in whatever runs at that moment.
        if task.cancelled() or isinstance(error, KeyboardInterrupt):
            orphan = Orphan(change.doing, End.UNKNOWN, change.hint)
        elif error is not None:
            hint = "" if isinstance(error, LoopinError) else change.hint
            orphan = Orphan(change.doing, End.FAILED, hint, error)
        else:
            result = task.result()
            hint = change.lost(result) if change.abandoned else ""
            orphan = Orphan(change.doing, End.DONE, hint, remark=change.remark(result))
        self._orphans[change] = replace(orphan, closing=self.closing)


async def _run_inside(work: Coroutine[Any, Any, T]) -> T:
    _inside.set(True)
    return await work
