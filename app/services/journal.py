"""Changes in the activity log: the beginning is written before the request, the end after the answer.

| what became of the request                       | the entry                                           |
|--------------------------------------------------|-----------------------------------------------------|
| it was answered                                  | ends as done                                        |
| it was refused                                   | ends as failed, with the reason                     |
| no answer, and the server shows the change       | is handled as if the answer had arrived             |
| no answer, and the server shows that it is not   | ends as failed                                      |
| no answer, and the server cannot be asked        | stays without an end                                |
| this process ended before the answer             | stays without an end                                |

A revocation whose answer was lost ends as failed where the list cannot be read: to revoke again is harmless.

An entry without an end is reported by the next start, see `app.services.interrupted`. A request whose answer
was lost is never repeated before the server has shown that it had no effect.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from app.domain.activity import Action, Outcome
from app.domain.errors import Failed, LoopinError, Unreachable

if TYPE_CHECKING:
    from app.domain.organizations import Identity
    from app.services.activity import ActivityLog

CLOCK_SKEW = timedelta(minutes=10)
"""How far the clocks of this machine and of the server may be apart."""

BULK, IDS, COUNT = "bulk", "ids", "count"
"""Facts of a revocation of several tokens: its operation in the entries of the tokens; in its own entry the
ids of the tokens, and their number."""
NEW_ID, HANDED_OVER = "made", "seen"
"""Facts of a rotation: the id of the new token, and whether its secret was handed over."""
DAYS = "days"
"""Fact of a change of the threshold: the new one."""

Facts = tuple[tuple[str, str], ...]


def answer_lost(error: LoopinError | None) -> bool:
    """Return whether the server may have made the change although `error` was raised."""
    return isinstance(error, Failed | Unreachable)


@dataclass(slots=True)
class Operation:
    """A change in the activity log. All its entries carry `id` and name the same subject."""

    log: ActivityLog
    action: Action
    subject: str
    subject_id: str = ""
    identity: Identity | None = None
    endpoint: str = ""
    facts: Facts = ()
    id: str = field(default_factory=lambda: uuid4().hex)

    async def record(self, outcome: Outcome, detail: str = "", *facts: tuple[str, str]) -> None:
        """Append an entry; `facts` are those of this entry alone."""
        await self.log.add(
            self.action,
            outcome=outcome,
            identity=self.identity,
            endpoint=self.endpoint,
            subject=self.subject,
            subject_id=self.subject_id,
            detail=detail,
            operation=self.id,
            extra=(*self.facts, *facts),
        )
