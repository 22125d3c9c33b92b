"""Revoke API tokens."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.domain.activity import Action, Outcome
from app.domain.errors import Cancelled, InvalidInput, LoopinError, NotFound, PermissionDenied
from app.domain.organizations import ASK_ADMIN, Identity
from app.domain.ports import Gateway
from app.domain.request_context import RequestContext
from app.domain.tokens import StatusFilter
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.changes import Changes
from app.services.journal import BULK, COUNT, IDS, Operation, answer_lost

CONCURRENT_CALLS = 4
"""Enough to hide the network, few enough for any server."""
MAX_IDS = 10_000
"""More ids than these are not written into one entry of the log."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """The result for one token. `error` None: it is revoked, at `revoked_at` if the server could be asked.

    `already`: somebody else had revoked it.
    """

    token_id: str
    name: str
    error: LoopinError | None = None
    revoked_at: datetime | None = None
    already: bool = False


class RevocationService:
    """Revokes tokens, which cannot be undone, and lists them again as the proof.

    The activity log has the beginning of each revocation before its call, and several have one entry more
    around them: after an interruption the next start can say which tokens were revoked.
    """

    def __init__(self, session: ChainloopSession, log: ActivityLog, changes: Changes) -> None:
        self._session = session
        self._log = log
        self._changes = changes

    async def revoke_tokens(
        self,
        tokens: Sequence[tuple[str, str]],
        reason: str = "",
        *,
        on_start: Callable[[str], None] = lambda _: None,
        on_result: Callable[[Revocation], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
        retries: int = 0,
        shown: RequestContext | None = None,
    ) -> tuple[Revocation, ...]:
        """Revoke each (id, name), a few at a time, and return the results in the same order.

        `shown` is the context of the listing that the tokens are from, None for the organization in use.
        A failure does not stop the others. A call whose answer was lost is repeated up to `retries` times.
        `on_start` gets an id just before its call, `on_result` the result of each call. Once `stopped`
        returns true, no further call is made, and the rest is Cancelled. Afterwards the tokens are listed:
        what is revoked there counts as revoked, whatever its call answered.
        """
        names = dict(tokens)
        bulk = f"{len(names)} API tokens" if len(names) > 1 else ""
        doing = f"revoking {bulk or f'the API token {next(iter(names.values()), str())}'}"
        context, identity = await self._changes.before(doing, self._session.check_context(shown))
        identity.check_may_manage()
        endpoint = context.credential.endpoint.address
        run = _Run(
            await self._session.open_gateway_in(context),
            self._log,
            identity,
            endpoint,
            reason,
            names,
            on_start,
            on_result,
            lambda: stopped() or self._changes.closing,
        )
        if bulk:
            facts = ((COUNT, str(len(names))),)
            run.bulk = Operation(self._log, Action.REVOKE, bulk, "", identity, endpoint, facts)
        return await self._changes.run(
            doing,
            run.revoke(retries),
            hint="loopin chainloop organization api-token list shows what is revoked",
            remark=lambda results: f"but {text}" if (text := _summary(results)) else "",
        )

    async def revoke_token(self, token_id: str, name: str, reason: str, shown: RequestContext) -> Revocation:
        """Revoke one token where it was listed; raise its error when it was not revoked."""
        (result,) = await self.revoke_tokens([(token_id, name)], reason, shown=shown)
        if result.error is not None:
            raise result.error
        return result


def _summary(results: Sequence[Revocation]) -> str:
    """Say how many were not revoked; empty for none."""
    count = sum(result.error is not None for result in results)
    return f"{count} of {len(results)} were not revoked" if count else ""


@dataclass(slots=True)
class _Run:
    """The revocation of `names`, id → name. `bulk` is its entry in the log when there are several."""

    gateway: Gateway
    log: ActivityLog
    identity: Identity
    endpoint: str
    reason: str
    names: dict[str, str]
    on_start: Callable[[str], None]
    on_result: Callable[[Revocation], None]
    stopped: Callable[[], bool]
    bulk: Operation | None = None
    unsettled: dict[str, Operation] = field(default_factory=dict)
    """By id, the operations whose calls did not succeed: their entries are to be ended."""

    async def revoke(self, retries: int) -> tuple[Revocation, ...]:
        """Revoke them, own token last: without it no other can be revoked."""
        await self._begin_bulk()
        own = self.identity.token_id
        results = await self._call({i: name for i, name in self.names.items() if i != own})
        for _ in range(retries):
            lost = {i: result.name for i, result in results.items() if answer_lost(result.error)}
            # A revocation that worked although its answer was lost is not repeated.
            revoked = await self._revoked_at(set(lost)) if lost else {}
            results |= await self._call({i: name for i, name in lost.items() if i not in revoked})
        results |= await self._call({i: name for i, name in self.names.items() if i == own})
        revoked = await self._revoked_at(set(self.names))
        settled = tuple(_settle(results[token_id], revoked.get(token_id)) for token_id in self.names)
        await self._end(settled)
        return settled

    async def _begin_bulk(self) -> None:
        if self.bulk is not None:
            ids = [(IDS, " ".join(self.names))] if len(self.names) <= MAX_IDS else []
            await self.bulk.record(Outcome.STARTED, self.reason, *ids)

    async def _call(self, names: dict[str, str]) -> dict[str, Revocation]:
        semaphore = asyncio.Semaphore(CONCURRENT_CALLS)

        async def call(token_id: str, name: str) -> Revocation:
            async with semaphore:
                result = await self._revoke_one(token_id, name)
            self.on_result(result)
            return result

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call(token_id, name)) for token_id, name in names.items()]
        return {task.result().token_id: task.result() for task in tasks}

    async def _revoke_one(self, token_id: str, name: str) -> Revocation:
        if self.stopped():
            return Revocation(token_id, name, Cancelled("not begun: you stopped it"))
        operation = self.unsettled.pop(token_id, None) or self._operation(token_id, name)
        await operation.record(Outcome.STARTED, self.reason)
        self.on_start(token_id)
        try:
            await self.gateway.revoke_token(token_id)
        except LoopinError as error:
            if isinstance(error, PermissionDenied | InvalidInput) and (why := self.identity.only_projects()):
                error.hint = f"{why}; {ASK_ADMIN}"
            self.unsettled[token_id] = operation
            return Revocation(token_id, name, error)
        await operation.record(Outcome.DONE, self.reason)
        return Revocation(token_id, name)

    def _operation(self, token_id: str, name: str) -> Operation:
        facts = ((BULK, self.bulk.id),) if self.bulk is not None else ()
        return Operation(self.log, Action.REVOKE, name, token_id, self.identity, self.endpoint, facts)

    async def _revoked_at(self, ids: set[str]) -> dict[str, datetime]:
        """List when each was revoked; empty for an identity that may not list, or revoked its own token."""
        try:
            listed = await self.gateway.list_tokens(StatusFilter.REVOKED)
        except LoopinError:
            return {}
        return {t.id: t.revoked_at for t in listed if t.id in ids and t.revoked_at is not None}

    async def _end(self, results: Sequence[Revocation]) -> None:
        for result in results:
            if operation := self.unsettled.get(result.token_id):
                failed, detail = (
                    result.error is not None,
                    result.error.message if result.error else self.reason,
                )
                await operation.record(Outcome.FAILED if failed else Outcome.DONE, detail)
        if self.bulk is not None:
            problem = _summary(results)
            await self.bulk.record(Outcome.FAILED if problem else Outcome.DONE, problem or self.reason)


def _settle(result: Revocation, revoked_at: datetime | None) -> Revocation:
    """What the server lists decides, not the answer of the call."""
    if revoked_at is None:
        return result
    already = isinstance(result.error, NotFound)
    return Revocation(result.token_id, result.name, None, revoked_at, already)
