"""Revoke API tokens."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

from app.domain.activity import Action, Outcome
from app.domain.errors import (
    Cancelled,
    Failed,
    InvalidInput,
    LoopinError,
    NotFound,
    PermissionDenied,
    Unreachable,
)
from app.domain.organizations import ASK_ADMIN, Identity
from app.domain.ports import Gateway
from app.domain.request_context import RequestContext
from app.domain.tokens import StatusFilter
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession
from app.services.changes import Changes

AT_ONCE = 4
"""Calls under way at the same time: enough to hide the network, few enough for any server."""

BULK, IDS = "bulk", "ids"
"""Under these names the entries of one bulk keep its operation, and its beginning what is to be revoked."""
MOST_IDS = 10_000
"""More ids than these are not written into one line of the trail."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """What became of one token: `error` None means that it is revoked now."""

    token_id: str
    name: str
    error: LoopinError | None = None
    revoked_at: datetime | None = None
    already: bool = False


Told = Callable[[Revocation], None]


class RevokeTokens:
    """Revoke tokens for good, and re-list as the receipt.

    A token's entry in the trail is begun before its call and ended after it, and several have one entry
    more around them: whatever interrupts the work, the next start can tell how many were revoked, which
    may be, and which were not touched.
    """

    def __init__(self, session: ChainloopSession, trail: Trail, changes: Changes) -> None:
        self._session = session
        self._trail = trail
        self._changes = changes

    async def do(
        self,
        tokens: Sequence[tuple[str, str]],
        reason: str = "",
        *,
        begun: Callable[[str], None] = lambda _: None,
        told: Told = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
        retries: int = 0,
        shown: RequestContext | None = None,
    ) -> tuple[Revocation, ...]:
        """Revoke each (id, name) once, a few at a time; one failure does not stop the others.

        `shown` is that of the listing which the tokens are from, None for the organization in use.

        What failed without the server having said no is tried again, up to `retries` times. `begun`
        hears an id just before its call, `told` of each as soon as its call is answered; once `stopped`
        says so, no further call is made and the rest is Cancelled. Afterwards all tokens are read again:
        what is revoked there is done, whatever the call answered, so a token that somebody else revoked
        counts as done too. The results are in the order of `tokens`.
        """
        names = dict(tokens)
        bulk = uuid4().hex if len(names) > 1 else ""
        what = f"{len(names)} API tokens" if bulk else f"the API token {next(iter(names.values()), '')}"
        doing = f"revoking {what}"
        context, identity = await self._changes.before(doing, self._session.check_context(shown))
        identity.check_may_manage()
        gateway = await self._session.gateway_in(context)
        endpoint = context.credential.endpoint.address

        def stop() -> bool:
            return stopped() or self._changes.closing

        run = _Run(gateway, self._trail, identity, endpoint, reason, begun, told, stop, bulk)
        return await self._changes.run(
            doing,
            _revoke(run, names, retries),
            hint="loopin chainloop organization api-token list shows what is revoked",
            remark=_left,
        )


def _left(results: Sequence[Revocation]) -> str:
    """What became of a bulk whose results nobody reads."""
    left = sum(result.error is not None for result in results)
    return f"but {left} of {len(results)} were not revoked" if left else ""


async def _revoke(run: "_Run", names: dict[str, str], retries: int) -> tuple[Revocation, ...]:
    gateway, identity = run.gateway, run.identity
    await run.begin(tuple(names))
    first = await run.all({i: n for i, n in names.items() if i != identity.token_id})
    for _ in range(retries):
        open_ones = {i: r.name for i, r in first.items() if _worth_another(r.error)}
        # An answer that got lost may hide a revocation that worked: what the list shows is not repeated.
        gone = await _receipts(gateway, set(open_ones)) if open_ones else {}
        first |= await run.all({i: name for i, name in open_ones.items() if i not in gone})
    # The token that signs us in goes last: without it no other can be revoked.
    first |= await run.all({i: n for i, n in names.items() if i == identity.token_id})
    revoked_at = await _receipts(gateway, set(names))
    results = tuple(_settled(first[token_id], revoked_at.get(token_id)) for token_id in names)
    await run.close(results)
    return results


@dataclass(frozen=True, slots=True)
class _Run:
    """One bulk: what its calls share."""

    gateway: Gateway
    trail: Trail
    identity: Identity
    endpoint: str
    reason: str
    begun: Callable[[str], None]
    told: Told
    stopped: Callable[[], bool]
    bulk: str = ""
    open: dict[str, str] = field(default_factory=dict)
    """Operation of each token whose call did not succeed: its entry is still to be ended."""

    async def begin(self, ids: Sequence[str]) -> None:
        """Say that these are about to be revoked."""
        if self.bulk:
            kept = ((IDS, " ".join(ids)),) if len(ids) <= MOST_IDS else ()
            await self._note_bulk(Outcome.STARTED, len(ids), self.reason, kept)

    async def all(self, names: dict[str, str]) -> dict[str, Revocation]:
        """Revoke every one of id → name, AT_ONCE at a time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(token_id: str, name: str) -> Revocation:
            async with gate:
                result = await self._one(token_id, name)
            self.told(result)
            return result

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(token_id, name)) for token_id, name in names.items()]
        return {task.result().token_id: task.result() for task in tasks}

    async def _one(self, token_id: str, name: str) -> Revocation:
        if self.stopped():
            return Revocation(token_id, name, Cancelled("not begun: you stopped it"))
        operation = self.open.pop(token_id, "") or uuid4().hex
        await self._note(Revocation(token_id, name), Outcome.STARTED, operation)
        self.begun(token_id)
        try:
            await self.gateway.revoke_token(token_id)
        except LoopinError as error:
            if isinstance(error, PermissionDenied | InvalidInput) and (why := self.identity.only_projects()):
                error.hint = f"{why}; {ASK_ADMIN}"
            self.open[token_id] = operation
            return Revocation(token_id, name, error)
        result = Revocation(token_id, name)
        await self._note(result, Outcome.DONE, operation)
        return result

    async def close(self, results: Sequence[Revocation]) -> None:
        """End the entries of what failed, now that the list has told how it really is."""
        for result in results:
            if operation := self.open.get(result.token_id):
                await self._note(result, Outcome.FAILED if result.error else Outcome.DONE, operation)
        if self.bulk:
            left = sum(result.error is not None for result in results)
            said = f"{left} of {len(results)} were not revoked" if left else self.reason
            await self._note_bulk(Outcome.FAILED if left else Outcome.DONE, len(results), said)

    async def _note_bulk(
        self, outcome: Outcome, count: int, detail: str, more: tuple[tuple[str, str], ...] = ()
    ) -> None:
        await self.trail.add(
            Action.REVOKE,
            outcome=outcome,
            identity=self.identity,
            endpoint=self.endpoint,
            subject=f"{count} API tokens",
            detail=detail,
            operation=self.bulk,
            extra=(("count", str(count)), *more),
        )

    async def _note(self, result: Revocation, outcome: Outcome, operation: str) -> None:
        await self.trail.add(
            Action.REVOKE,
            outcome=outcome,
            identity=self.identity,
            endpoint=self.endpoint,
            subject=result.name,
            subject_id=result.token_id,
            detail=result.error.message if result.error else self.reason,
            operation=operation,
            extra=((BULK, self.bulk),) if self.bulk else (),
        )


def _worth_another(error: LoopinError | None) -> bool:
    """A server that said no says no again, and a person who stopped it meant it."""
    return isinstance(error, Failed | Unreachable)


async def _receipts(gateway: Gateway, wanted: set[str]) -> dict[str, datetime]:
    """Read back when each was revoked; who may not list, or revoked itself, has no receipts."""
    try:
        listed = await gateway.list_tokens(StatusFilter.REVOKED)
    except LoopinError:
        return {}
    return {t.id: t.revoked_at for t in listed if t.id in wanted and t.revoked_at is not None}


def _settled(result: Revocation, at: datetime | None) -> Revocation:
    # An answer that got lost may hide a revocation that worked: the list decides, not the call.
    if at is None:
        return result
    return Revocation(result.token_id, result.name, None, at, already=isinstance(result.error, NotFound))
