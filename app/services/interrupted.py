"""What an earlier run began and never ended: a crash, a lost machine, a kill."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.tokens import APIToken, StatusFilter
from app.services.activity import Trail
from app.services.revoke_tokens import BULK, IDS
from app.services.tokens import Listing, ListTokens


@dataclass(frozen=True, slots=True)
class InterruptedRevocation:
    """A revocation of one token or of several that never ended.

    Of `wanted` tokens `revoked` are revoked, and `failed` are not because the call was refused. The call
    for each in `uncertain` was sent, and nobody heard the answer. `untouched` were not begun; `left` are the
    ids of those and of the failed ones, as far as the trail tells and they still live. `waiting` are the
    names of what was not begun, once a listing has told them.
    """

    entry: ActivityEntry
    wanted: int
    revoked: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def untouched(self) -> int:
        """How many were not begun."""
        return max(self.wanted - len(self.revoked) - len(self.failed) - len(self.uncertain), 0)

    @property
    def words(self) -> str:
        """All of it in one sentence, for the trail and for a person. Names are not cleaned."""
        parts = [f"{len(self.revoked)} of {self.wanted} revoked"]
        if self.failed:
            parts.append(f"{len(self.failed)} not revoked")
        if self.uncertain:
            parts.append(f"{len(self.uncertain)} not known ({', '.join(self.uncertain[:4])})")
        if self.untouched:
            named = f" ({', '.join(self.waiting[:4])})" if self.waiting else ""
            parts.append(f"{self.untouched} not begun{named}")
        return ", ".join(parts)


class InterruptedWork:
    """Finds interrupted revocations in the trail, and ends them once a listing tells what became of them."""

    def __init__(self, trail: Trail, list_tokens: ListTokens) -> None:
        self._trail = trail
        self._list = list_tokens

    async def revocations(self) -> tuple[InterruptedRevocation, ...]:
        """Every one that the trail knows, newest first, from the trail alone; nothing is sent."""
        return tuple(found for found, _ in await self._found())

    async def settle(self, listing: Listing) -> tuple[InterruptedRevocation, ...]:
        """Return those of the listing's organization, with what the listing proves, and end their entries:
        each is told once. A listing of a part is not enough: then all tokens are listed."""
        here = [(found, parts) for found, parts in await self._found() if _same_place(found.entry, listing)]
        if not here:
            return ()
        if listing.status is not StatusFilter.ALL or not listing.whole:
            listing = await self._list.list_again(listing)
        listed = {t.id: t for t in listing.tokens}
        return tuple([await self._end(found, parts, listed) for found, parts in here])

    async def _found(self) -> list[tuple[InterruptedRevocation, list[ActivityEntry]]]:
        begun = await self._trail.interrupted()
        if not any(entry.action is Action.REVOKE for entry in begun):
            return []
        return _sorted_out(await self._trail.entries(), {entry.operation for entry in begun})

    async def _end(
        self,
        found: InterruptedRevocation,
        parts: Sequence[ActivityEntry],
        listed: dict[str, APIToken],
    ) -> InterruptedRevocation:
        revoked, failed, uncertain = list(found.revoked), list(found.failed), []
        for part in parts:
            if part.subject_id not in listed:
                uncertain.append(part.subject)
                await self._trail.end(part, Outcome.FAILED, "interrupted; whether it is revoked is not known")
            elif listed[part.subject_id].revoked_at is None:
                failed.append(part.subject)
                await self._trail.end(part, Outcome.FAILED, "interrupted; the list shows that it is active")
            else:
                revoked.append(part.subject)
                await self._trail.end(part, Outcome.DONE, "interrupted; the list shows that it is revoked")
        alive = [i for i in (*found.left, *(p.subject_id for p in parts)) if i in listed]
        left = [i for i in alive if listed[i].revoked_at is None]
        begun = {*failed, *uncertain}
        waiting = [listed[i].name for i in left if listed[i].name not in begun]
        told = replace(
            found,
            revoked=tuple(revoked),
            failed=tuple(failed),
            uncertain=tuple(uncertain),
            left=tuple(left),
            waiting=tuple(waiting),
        )
        if found.entry not in parts:
            await self._trail.end(found.entry, Outcome.FAILED, f"interrupted; {told.words}")
        return told


def _same_place(entry: ActivityEntry, listing: Listing) -> bool:
    return entry.endpoint == listing.endpoint and entry.organization == listing.identity.organization


def _sorted_out(
    entries: Sequence[ActivityEntry], interrupted: Collection[str]
) -> list[tuple[InterruptedRevocation, list[ActivityEntry]]]:
    """Each interrupted revocation, with the entries of its tokens that have no end."""
    revocations = [e for e in entries if e.action is Action.REVOKE]
    begun = [e for e in revocations if e.outcome is Outcome.STARTED and e.operation in interrupted]
    bulks = {e.operation: e for e in begun if not e.subject_id}
    of_bulk: dict[str, list[ActivityEntry]] = {operation: [] for operation in bulks}
    for entry in revocations:
        if (bulk := dict(entry.extra).get(BULK, "")) in of_bulk:
            of_bulk[bulk].append(entry)
    found = [_bulk(entry, of_bulk[operation]) for operation, entry in bulks.items()]
    alone = [e for e in begun if e.subject_id and dict(e.extra).get(BULK) not in bulks]
    return [*found, *((InterruptedRevocation(e, 1, uncertain=(e.subject,)), [e]) for e in alone)]


def _bulk(
    entry: ActivityEntry, tokens: Sequence[ActivityEntry]
) -> tuple[InterruptedRevocation, list[ActivityEntry]]:
    def names(outcome: Outcome) -> tuple[str, ...]:
        return tuple(e.subject for e in tokens if e.outcome is outcome)

    count = dict(entry.extra).get("count", "")
    wanted = int(count) if count.isdecimal() else len(tokens)
    over = {e.subject_id for e in tokens if e.outcome is not Outcome.FAILED}
    failed = [e.subject_id for e in tokens if e.outcome is Outcome.FAILED]
    wished = dict.fromkeys([*dict(entry.extra).get(IDS, "").split(), *failed])
    told = InterruptedRevocation(
        entry,
        wanted,
        names(Outcome.DONE),
        names(Outcome.FAILED),
        names(Outcome.STARTED),
        tuple(one for one in wished if one not in over),
    )
    return told, [e for e in tokens if e.outcome is Outcome.STARTED]
