"""The trail of what this program did."""

from collections.abc import Sequence

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Provider
from app.domain.errors import LoopinError
from app.domain.organizations import Identity
from app.domain.ports import ActivityStore, Clock


class Trail:
    """Writes and reads the trail. A trail that cannot be written never fails the work it tells of."""

    def __init__(self, store: ActivityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
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
    ) -> None:
        """Append one entry, now. What went wrong with the last one is in `problem`."""
        who, where = (identity.name, identity.organization) if identity else ("", "")
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
        )
        try:
            await self._store.append(entry)
            self.problem = None
        except LoopinError as error:
            self.problem = error

    async def entries(self) -> Sequence[ActivityEntry]:
        """What happened, newest first. A beginning is left out once its end is there: one that stays
        was interrupted."""
        entries = await self._store.entries()
        ended = {e.operation for e in entries if e.operation and e.outcome is not Outcome.STARTED}
        return tuple(
            e for e in reversed(entries) if e.outcome is not Outcome.STARTED or e.operation not in ended
        )
