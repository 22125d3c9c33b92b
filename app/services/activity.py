"""The trail of what this program did."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
from app.domain.errors import LoopinError

if TYPE_CHECKING:
    from app.domain.organizations import Identity
    from app.domain.ports import ActivityStore, Clock

PROCESS = "process"
"""The name under which a beginning keeps the number of its process."""


class Trail:
    """Writes and reads the trail. A trail that cannot be written never fails the work it tells of.

    `running` tells whether the process with a number runs: what another Loopin is still busy with was
    not interrupted.
    """

    def __init__(
        self, store: ActivityStore, clock: Clock, running: Callable[[int], bool] = lambda pid: False
    ) -> None:
        self._store = store
        self._clock = clock
        self._running = running
        self.problem: LoopinError | None = None

    async def add(
        self,
        action: Action,
        *,
        outcome: Outcome = Outcome.DONE,
        provider: Provider = Provider.CHAINLOOP,
        identity: Identity | None = None,
        endpoint: str = "",
        subject: str = "",
        subject_id: str = "",
        detail: str = "",
        operation: str = "",
        extra: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Append one entry, now. What went wrong with the first that could not be is in `problem`."""
        who, where = (identity.name, identity.organization) if identity else ("", "")
        if outcome is Outcome.STARTED:
            extra = (*extra, (PROCESS, str(os.getpid())))
        entry = ActivityEntry(
            self._clock.now(),
            action,
            outcome,
            provider,
            who,
            where,
            endpoint,
            subject,
            subject_id,
            detail,
            operation,
            extra,
        )
        await self._append(entry)

    async def end(self, begun: ActivityEntry, outcome: Outcome, detail: str) -> None:
        """Append the end of what `begun` began, for one who was not there."""
        extra = tuple(pair for pair in begun.extra if pair[0] != PROCESS)
        await self._append(replace(begun, at=self._clock.now(), outcome=outcome, detail=detail, extra=extra))

    async def _append(self, entry: ActivityEntry) -> None:
        try:
            await self._store.append(entry)
        except LoopinError as error:
            self.problem = self.problem or error

    async def entries(self) -> Sequence[ActivityEntry]:
        """What happened, newest first. A beginning is left out once its end is there: one that stays
        was interrupted."""
        return _told(await self._store.entries())

    async def interrupted(self) -> Sequence[ActivityEntry]:
        """Beginnings without an end, newest first, unless another Loopin is still busy with them."""
        return tuple(
            e
            for e in _told(await self._store.operations())
            if e.outcome is Outcome.STARTED and not self._under_way(e)
        )

    def _under_way(self, entry: ActivityEntry) -> bool:
        number = dict(entry.extra).get(PROCESS, "")
        return number.isdecimal() and int(number) != os.getpid() and self._running(int(number))


def _told(entries: Sequence[ActivityEntry]) -> tuple[ActivityEntry, ...]:
    """`entries` newest first, without beginnings that have their end."""
    last = {e.operation: e for e in entries if e.operation}
    return tuple(
        e for e in reversed(entries) if e.outcome is not Outcome.STARTED or last.get(e.operation) is e
    )
