"""List and create API tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from app.domain.activity import Action, Outcome
from app.domain.errors import Failed, LoopinError, PermissionDenied, Unreachable, UsageError
from app.domain.server_info import TOKEN_PERMISSIONS
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft

if TYPE_CHECKING:
    from app.domain.organizations import Identity
    from app.domain.ports import Clock, Gateway
    from app.domain.request_context import RequestContext
    from app.services.activity import Trail
    from app.services.chainloop_session import ChainloopSession


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
        if why := identity.why_no_tokens():
            raise PermissionDenied(why, hint="ask an owner or admin of the organization")
        tokens = await self._session.gateway_in(context).list_tokens(status, scope, project)
        whole = scope is ScopeFilter.ANY and not project
        return Listing(tuple(tokens), identity, self._clock.now(), context, status, whole)


class CreateToken:
    """A new token. A create whose answer got lost is never repeated: the list is asked what came of it."""

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    async def do(
        self, draft: TokenDraft, operation: str = "", shown: RequestContext | None = None
    ) -> CreatedToken:
        """Create it and return it with its secret, which is told only this once.

        `shown` is what the form was filled in for, None for the organization in use. With an `operation`
        the trail has its beginning before the call, and the caller writes the end once somebody has the
        token.
        """
        draft.check()
        context, identity = await self._session.check_context(shown)
        gateway = self._session.gateway_in(context)
        await _check_permissions(draft, gateway)
        note = partial(
            self._trail.add,
            Action.CREATE,
            identity=identity,
            endpoint=context.credential.endpoint.address,
            subject=draft.name,
            operation=operation,
        )
        if operation:
            await note(outcome=Outcome.STARTED)
        try:
            created = await gateway.create_token(draft)
        except LoopinError as error:
            if isinstance(error, Failed | Unreachable):
                error.hint = await _what_came_of(draft, gateway, error.hint)
            await note(outcome=Outcome.FAILED, detail=error.message)
            raise
        outcome = Outcome.STARTED if operation else Outcome.DONE
        await note(outcome=outcome, subject_id=created.token.id, detail=f"scope {created.token.scope}")
        return created


async def _what_came_of(draft: TokenDraft, gateway: Gateway, unknown: str) -> str:
    """The next step after an answer that got lost; `unknown` where the list does not tell.

    Names are unique among unrevoked tokens of one scope, so one of this name is the one just made.
    """
    try:
        listed = await gateway.list_tokens(StatusFilter.ACTIVE)
    except LoopinError:
        return unknown
    for token in listed:
        if token.name == draft.name and (token.project.name if token.project else "") == draft.project:
            return (
                f"it was created all the same, and nobody has seen it: revoke it ({token.id}), and try again"
            )
    return "the list shows that it was not created: try again"


async def _check_permissions(draft: TokenDraft, gateway: Gateway) -> None:
    """A control plane that does not know permissions would make an unlimited token, and say nothing."""
    if draft.permissions and TOKEN_PERMISSIONS not in (await gateway.server_info()).capabilities:
        raise UsageError(
            "this control plane cannot limit what a token may do",
            hint="create it without permissions, or use the account server",
        )
