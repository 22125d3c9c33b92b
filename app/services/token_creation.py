"""Create API tokens, and note who has their secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from app.domain import expiry
from app.domain.activity import Action, Outcome
from app.domain.errors import LoopinError, UsageError
from app.domain.server_info import TOKEN_PERMISSIONS
from app.domain.tokens import APIToken, CreatedToken, StatusFilter, TokenDraft
from app.services.journal import Operation, answer_lost

if TYPE_CHECKING:
    from collections.abc import Iterable

    from app.domain.credentials import Credential
    from app.domain.organizations import Identity
    from app.domain.ports import Clock, Gateway
    from app.domain.request_context import RequestContext
    from app.services.activity import ActivityLog
    from app.services.chainloop_session import ChainloopSession
    from app.services.changes import Changes

_REVOKE = "loopin chainloop organization api-token revoke"


class CreationRecord(Protocol):
    """Writes down how far a creation has come. Nothing is raised."""

    async def begin(self, identity: Identity, endpoint: str) -> None:
        """Everything was checked; the request is about to be sent."""

    async def created(self, token: APIToken, detail: str) -> None:
        """The server has created the token."""

    async def failed(self, error: LoopinError) -> None:
        """The server has not created it."""

    async def unknown(self, error: LoopinError) -> None:
        """No answer came, and nothing shows what the server did."""


class TokenCreationService:
    """Creates tokens. From the request on, a creation runs to its end: the secret is sent once.

    A created token has an entry without an end in the activity log, until its secret was handed over.
    """

    def __init__(self, session: ChainloopSession, log: ActivityLog, changes: Changes, clock: Clock) -> None:
        self._session = session
        self._log = log
        self._changes = changes
        self._clock = clock
        self._records: list[_Record] = []
        """Those of this run whose operations have no end."""

    def check_end(self, life: timedelta | None, credential: Credential) -> None:
        """Raise UsageError for a life, None for no end, that is too long for the API token in effect."""
        expiry.check_end(life, self._clock.now(), self._session.latest_end(credential))

    async def check_life(self, life: timedelta | None) -> None:
        """Check it for the credential in effect, like `check_end`; nothing is sent."""
        self.check_end(life, await self._session.credential())

    async def create_token(self, draft: TokenDraft, shown: RequestContext | None = None) -> CreatedToken:
        """Create the token and return it with its secret; call `end_creation` once the secret is stored.

        `shown` is the context that the form was filled in for, None for the organization in use. Raise
        UsageError, before anything is sent, for a token that would outlive the API token in effect.
        """
        record = _Record(Operation(self._log, Action.CREATE, draft.name))
        self._records.append(record)
        return await self.create_recorded(draft, record, shown)

    async def end_creation(self, token: APIToken, *, saved: bool) -> None:
        """Note that the secret of `token` was stored, or that a person left it without storing it."""
        for record in [record for record in self._records if record.operation.subject_id == token.id]:
            self._records.remove(record)
            detail = f"{record.detail}{'' if saved else ', left unsaved'}"
            ending = record.operation.record(Outcome.DONE, detail)
            await self._changes.run("writing into the activity", ending)

    def is_of_this_run(self, operation: str) -> bool:
        """Return whether a creation without an end belongs to this run, and so was not interrupted."""
        return any(record.operation.id == operation for record in self._records)

    async def create_recorded(
        self, draft: TokenDraft, record: CreationRecord, shown: RequestContext | None = None
    ) -> CreatedToken:
        """Create a token for a caller that writes down the creation in its own way."""
        draft.check()
        doing = f"creating the API token {draft.name}"
        checking = self._session.check_context(shown, partial(self.check_end, draft.expires_in))
        context, identity = await self._changes.before(doing, checking)
        identity.check_may_manage(in_organization=not draft.project)
        gateway, endpoint = await self._session.open_gateway_in(context), context.credential.endpoint.address
        await self._changes.before(doing, _check_permissions(draft, gateway))

        async def create() -> CreatedToken:
            await record.begin(identity, endpoint)
            try:
                created = await gateway.create_token(draft)
            except LoopinError as error:
                await _record_failure(error, draft, gateway, record)
                raise
            await record.created(created.token, f"scope {created.token.scope}")
            return created

        return await self._changes.run(
            doing,
            create(),
            hint="loopin chainloop organization api-token list shows whether it exists",
            lost=lambda created: f"its secret was not shown; to revoke it: {_REVOKE} --id {created.token.id}",
        )


@dataclass(eq=False, slots=True)
class _Record:
    """The record of a token that a person is to store."""

    operation: Operation
    detail: str = field(default="")

    async def begin(self, identity: Identity, endpoint: str) -> None:
        self.operation.identity, self.operation.endpoint = identity, endpoint
        await self.operation.record(Outcome.STARTED)

    async def created(self, token: APIToken, detail: str) -> None:
        self.operation.subject_id, self.detail = token.id, detail
        await self.operation.record(Outcome.STARTED, detail)

    async def failed(self, error: LoopinError) -> None:
        await self.operation.record(Outcome.FAILED, error.message)

    async def unknown(self, error: LoopinError) -> None:
        """The entry stays without an end."""


async def _record_failure(
    error: LoopinError, draft: TokenDraft, gateway: Gateway, record: CreationRecord
) -> None:
    """Record how a creation ended that returned no secret, and give `error` the next step."""
    if not answer_lost(error):
        await record.failed(error)
        return
    try:
        token = _find_token(draft, await gateway.list_tokens(StatusFilter.ACTIVE))
    except LoopinError:
        await record.unknown(error)
        return
    if token is None:
        error.hint = "the list shows that it was not created: try again"
        await record.failed(error)
    else:
        error.hint = f"the token was created; its secret was not shown: revoke it ({token.id}), and try again"
        await record.created(token, f"scope {token.scope}; its answer was lost")


def _find_token(draft: TokenDraft, tokens: Iterable[APIToken]) -> APIToken | None:
    """Return the token of the draft's name and scope: among unrevoked tokens there is at most one."""
    for token in tokens:
        if token.name == draft.name and (token.project.name if token.project else "") == draft.project:
            return token
    return None


async def _check_permissions(draft: TokenDraft, gateway: Gateway) -> None:
    """A control plane without permissions would create an unlimited token without saying so."""
    if draft.permissions and TOKEN_PERMISSIONS not in (await gateway.server_info()).capabilities:
        raise UsageError(
            "this control plane cannot limit what a token may do",
            hint="create it without permissions, or use the account server",
        )
