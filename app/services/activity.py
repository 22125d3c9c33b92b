"""The trail of what this program did."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
from app.domain.errors import LoopinError

if TYPE_CHECKING:
    from app.domain.organizations import Identity
    from app.domain.ports import AccountStore, ActivityStore, Clock

_GAP, _FROM, _UNTIL = ("activity", "gap"), "from", "until"
"""Where it is remembered that entries are missing, beside what is remembered of logins."""
PROCESS = "process"
"""The name under which a beginning keeps the number of its process."""


class Trail:
    """Writes and reads the trail. A trail that cannot be written never fails the work it tells of.

    `running` tells whether the process with a number runs: what another Loopin is still busy with was
    not interrupted. `notify` tells a person that something could not be written. When that was is remembered
    in `accounts`, which lies in another folder: what happened meanwhile may have been done by this program.
    """

    def __init__(
        self,
        store: ActivityStore,
        clock: Clock,
        running: Callable[[int], bool] = lambda pid: False,
        notify: Callable[[str], None] = lambda words: None,
        accounts: AccountStore | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._running = running
        self._notify = notify
        self._accounts = accounts
        self._unwritten: list[ActivityEntry] = []

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
        """Append one entry, now."""
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
        await self._append(begun._replace(at=self._clock.now(), outcome=outcome, detail=detail, extra=extra))

    async def _append(self, entry: ActivityEntry) -> None:
        try:
            await self._store.append(entry)
        except LoopinError as error:
            if not self._unwritten:
                self._notify(f"this could not be written into the activity: {error.message}")
            self._unwritten.append(entry)
            await self._remember_gap(entry.at)

    async def _remember_gap(self, at: datetime) -> None:
        if self._accounts is None:
            return
        # Nothing else can be done about a folder that takes nothing either.
        with suppress(LoopinError):
            known = await self._accounts.facts(*_GAP)
            facts = {_FROM: known.get(_FROM) or at.isoformat(), _UNTIL: at.isoformat()}
            await self._accounts.update(*_GAP, facts)

    async def gap(self) -> tuple[datetime, datetime] | None:
        """From when until when entries could not be written, in any run; None for never."""
        if self._accounts is None:
            return None
        try:
            known = await self._accounts.facts(*_GAP)
            return datetime.fromisoformat(known[_FROM]), datetime.fromisoformat(known[_UNTIL])
        except (LoopinError, KeyError, ValueError):
            return None

    async def entries(self) -> Sequence[ActivityEntry]:
        """What happened, newest first, also what could not be written in this run. A beginning is left out
        once its end is there: one that stays was interrupted."""
        return _told([*await self._store.entries(), *self._unwritten])

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
