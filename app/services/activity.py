"""The log of what this program did on this machine."""

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
"""Key and fields in the account store for the time in which entries could not be written."""
PROCESS = "process"
"""Fact of an entry without an end: the id of the process that wrote it."""


class ActivityLog:
    """Appends and reads entries. A log that cannot be written never fails the work that it describes.

    `is_running` says whether a process id is in use: what another Loopin process is still doing was not
    interrupted. `notify` shows a sentence when an entry could not be written. The times of such failures are
    stored in `accounts`, which is in another folder.
    """

    def __init__(
        self,
        store: ActivityStore,
        clock: Clock,
        is_running: Callable[[int], bool] = lambda pid: False,
        notify: Callable[[str], None] = lambda words: None,
        accounts: AccountStore | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._is_running = is_running
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

    async def end(self, entry: ActivityEntry, outcome: Outcome, detail: str) -> None:
        """Append the end of an operation that an earlier process began with `entry`."""
        extra = tuple(pair for pair in entry.extra if pair[0] != PROCESS)
        await self._append(entry._replace(at=self._clock.now(), outcome=outcome, detail=detail, extra=extra))

    async def _append(self, entry: ActivityEntry) -> None:
        try:
            await self._store.append(entry)
        except LoopinError as error:
            if not self._unwritten:
                self._notify(f"this could not be written into the activity: {error.message}")
            self._unwritten.append(entry)
            await self._store_gap(entry.at)

    async def _store_gap(self, at: datetime) -> None:
        if self._accounts is None:
            return
        # The other folder may be read-only as well.
        with suppress(LoopinError):
            known = await self._accounts.facts(*_GAP)
            facts = {_FROM: known.get(_FROM) or at.isoformat(), _UNTIL: at.isoformat()}
            await self._accounts.update(*_GAP, facts)

    async def gap(self) -> tuple[datetime, datetime] | None:
        """Return from when until when entries could not be written, in any run; None for never."""
        if self._accounts is None:
            return None
        try:
            known = await self._accounts.facts(*_GAP)
            return datetime.fromisoformat(known[_FROM]), datetime.fromisoformat(known[_UNTIL])
        except (LoopinError, KeyError, ValueError):
            return None

    async def entries(self) -> Sequence[ActivityEntry]:
        """Return the entries, newest first, with those of this run that could not be written.

        A beginning is left out once its end is there.
        """
        return _without_ended_beginnings([*await self._store.entries(), *self._unwritten])

    async def interrupted(self) -> Sequence[ActivityEntry]:
        """Return beginnings without an end, newest first, except those of other running processes."""
        return tuple(
            e
            for e in _without_ended_beginnings(await self._store.operations())
            if e.outcome is Outcome.STARTED and not self._under_way(e)
        )

    def _under_way(self, entry: ActivityEntry) -> bool:
        number = dict(entry.extra).get(PROCESS, "")
        return number.isdecimal() and int(number) != os.getpid() and self._is_running(int(number))


def _without_ended_beginnings(entries: Sequence[ActivityEntry]) -> tuple[ActivityEntry, ...]:
    """Return `entries`, newest first, without beginnings whose end is there."""
    last = {e.operation: e for e in entries if e.operation}
    return tuple(
        e for e in reversed(entries) if e.outcome is not Outcome.STARTED or last.get(e.operation) is e
    )
