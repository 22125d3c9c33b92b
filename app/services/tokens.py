"""List and create API tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from app.domain.activity import Action, Outcome
from app.domain.errors import Failed, LoopinError, Unreachable, UsageError
from app.domain.server_info import TOKEN_PERMISSIONS
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft

if TYPE_CHECKING:
    from app.domain.credentials import Credential
    from app.domain.organizations import Identity
    from app.domain.ports import Clock, Gateway
    from app.domain.request_context import RequestContext
    from app.services.activity import Trail
    from app.services.chainloop_session import ChainloopSession
    from app.services.changes import Changes


@dataclass(frozen=True, slots=True)
class Listing:
    """The tokens this identity may see, and when and where they were read.

    What is changed on the strength of a listing goes where `context` says. `whole` is false when a scope or a
    project was asked for: then what is missing says nothing.
    """

    tokens: tuple[APIToken, ...]
    identity: Identity
    as_of: datetime
    context: RequestContext
    status: StatusFilter = StatusFilter.ALL
    whole: bool = True

    @property
    def endpoint(self) -> str:
        """The address of the server."""
        return self.context.credential.endpoint.address


class ListTokens:
    """All tokens that the credential in effect may see."""

    def __init__(self, session: ChainloopSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    async def do(
        self,
        status: StatusFilter = StatusFilter.ALL,
        scope: ScopeFilter = ScopeFilter.ANY,
        project: str = "",
    ) -> Listing:
        """Ask the server; raise PermissionDenied without asking when the role may not list."""
        context, identity = await self._session.identify()
        return await self.list_in(context, identity, status, scope, project)

    async def list_again(self, listing: Listing, status: StatusFilter = StatusFilter.ALL) -> Listing:
        """All tokens of `status`, of the organization of `listing` and with its credential."""
        return await self.list_in(listing.context, listing.identity, status)

    async def list_in(
        self,
        context: RequestContext,
        identity: Identity,
        status: StatusFilter,
        scope: ScopeFilter = ScopeFilter.ANY,
        project: str = "",
    ) -> Listing:
        """All tokens of an organization that `identity` may see, read with the credential of `context`."""
        await self._session.check_organization(context, identity)
        identity.check_may_manage()
        tokens = await (await self._session.gateway_in(context)).list_tokens(status, scope, project)
        whole = scope is ScopeFilter.ANY and not project
        return Listing(tuple(tokens), identity, self._clock.now(), context, status, whole)


class CreationWatch(Protocol):
    """Hears how far the creation of a token has come, to write it down. It raises nothing."""

    async def begun(self, identity: Identity, endpoint: str) -> None:
        """Everything was checked; the request is about to be sent."""

    async def created(self, token: APIToken) -> None:
        """The server has made it."""

    async def failed(self, error: LoopinError) -> None:
        """The server has not made it. Where that is not known, nothing is heard any more."""


class CreateToken:
    """A new token. A create whose answer got lost is never repeated: the list is asked what came of it.

    From the request on it runs to its end: the secret is sent once.
    """

    def __init__(self, session: ChainloopSession, trail: Trail, changes: Changes, clock: Clock) -> None:
        self._session = session
        self._trail = trail
        self._changes = changes
        self._clock = clock

    def check_end(self, life: timedelta | None, credential: Credential) -> None:
        """Raise UsageError for a life, None for no end, that is too long for the API token in effect."""
        # A list, which imports this module, needs none of it.
        from app.domain import expiry

        expiry.check_end(life, self._clock.now(), self._session.latest_end(credential))

    async def check_life(self, life: timedelta | None) -> None:
        """The same for the credential in effect; nothing is sent."""
        self.check_end(life, await self._session.credential())

    async def do(
        self,
        draft: TokenDraft,
        operation: str = "",
        watch: CreationWatch | None = None,
        shown: RequestContext | None = None,
    ) -> CreatedToken:
        """Create it and return it with its secret, which is told only this once.

        `shown` is what the form was filled in for, None for the organization in use. With an `operation`
        the trail has its beginning before the call, and the caller writes the end once somebody has the
        token. Raise UsageError, before anything is sent, for one that would outlive the API token in effect.
        """
        draft.check()
        doing = f"creating the API token {draft.name}"
        checked = self._session.check_context(shown, partial(self.check_end, draft.expires_in))
        context, identity = await self._changes.before(doing, checked)
        identity.check_may_manage(in_organization=not draft.project)
        gateway, endpoint = await self._session.gateway_in(context), context.credential.endpoint.address
        await self._changes.before(doing, _check_permissions(draft, gateway))
        note = partial(
            self._trail.add,
            Action.CREATE,
            identity=identity,
            endpoint=endpoint,
            subject=draft.name,
            operation=operation,
        )

        async def create() -> CreatedToken:
            if operation:
                await note(outcome=Outcome.STARTED)
            if watch is not None:
                await watch.begun(identity, endpoint)
            try:
                created = await gateway.create_token(draft)
            except LoopinError as error:
                await _end_creation(error, draft, gateway, _Ends(note, operation, watch))
                raise
            outcome = Outcome.STARTED if operation else Outcome.DONE
            await note(outcome=outcome, subject_id=created.token.id, detail=f"scope {created.token.scope}")
            if watch is not None:
                await watch.created(created.token)
            return created

        return await self._changes.run(
            doing,
            create(),
            hint="loopin chainloop organization api-token list shows whether it exists",
            lost=lambda created: f"its secret was not shown; to revoke it: {_REVOKE} --id {created.token.id}",
        )


_REVOKE = "loopin chainloop organization api-token revoke"


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where the end of a creation is written down."""

    note: Callable[..., Awaitable[None]]
    operation: str
    watch: CreationWatch | None


async def _end_creation(error: LoopinError, draft: TokenDraft, gateway: Gateway, ends: _Ends) -> None:
    """Write down how a creation ended that gave no token, and give `error` the next step.

    One whose answer got lost is a failure only when the list shows so: else its beginning stays without an
    end, and the next start tells it.
    """
    lost = isinstance(error, Failed | Unreachable)
    found = await _find_created(draft, gateway) if lost else ()
    if found is None:
        if not ends.operation:
            await ends.note(outcome=Outcome.FAILED, detail=f"not known: {error.message}")
        return
    if found:
        (token,) = found
        error.hint = f"the token was created; its secret was not shown: revoke it ({token.id}), and try again"
        outcome = Outcome.STARTED if ends.operation else Outcome.DONE
        detail = f"scope {token.scope}; its answer was lost"
        await ends.note(outcome=outcome, subject_id=token.id, detail=detail)
        if ends.watch is not None:
            await ends.watch.created(token)
        return
    if lost:
        error.hint = "the list shows that it was not created: try again"
    await ends.note(outcome=Outcome.FAILED, detail=error.message)
    if ends.watch is not None:
        await ends.watch.failed(error)


async def _find_created(draft: TokenDraft, gateway: Gateway) -> tuple[APIToken, ...] | None:
    """The unrevoked token of this name in the draft's scope, if there is one; None where nobody can tell.

    Names are unique among unrevoked tokens of one scope, so one of this name is the one just made.
    """
    try:
        listed = await gateway.list_tokens(StatusFilter.ACTIVE)
    except LoopinError:
        return None
    for token in listed:
        if token.name == draft.name and (token.project.name if token.project else "") == draft.project:
            return (token,)
    return ()


async def _check_permissions(draft: TokenDraft, gateway: Gateway) -> None:
    """A control plane that does not know permissions would make an unlimited token, and say nothing."""
    if draft.permissions and TOKEN_PERMISSIONS not in (await gateway.server_info()).capabilities:
        raise UsageError(
            "this control plane cannot limit what a token may do",
            hint="create it without permissions, or use the account server",
        )
