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
    from app.services.activity import Trail
    from app.services.chainloop_session import ChainloopSession


@dataclass(frozen=True, slots=True)
class Listing:
    """The tokens this identity may see, and when and where they were read.

    `whole` is false when a scope or a project was asked for: then what is missing says nothing.
    """

    tokens: tuple[APIToken, ...]
    identity: Identity
    as_of: datetime
    endpoint: str = ""
    status: StatusFilter = StatusFilter.ALL
    whole: bool = True


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
        credential = await self._session.credential()
        identity = await self._session.identity(credential)
        if why := identity.why_no_tokens():
            raise PermissionDenied(why, hint="ask an owner or admin of the organization")
        gateway = await self._session.gateway(credential)
        tokens = await gateway.list_tokens(status, scope, project)
        whole = scope is ScopeFilter.ANY and not project
        return Listing(tuple(tokens), identity, self._clock.now(), credential.endpoint.address, status, whole)


class CreateToken:
    """A new token. A create whose answer got lost is never repeated: the list is asked what came of it."""

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    async def do(self, draft: TokenDraft, operation: str = "") -> CreatedToken:
        """Create it and return it with its secret, which is told only this once.

        With an `operation` the trail has its beginning before the call, and the caller writes the end once
        somebody has the token.
        """
        draft.check()
        self._session.check_may_change()
        credential = await self._session.credential()
        identity = await self._session.identity(credential)
        gateway = await self._session.gateway(credential)
        await _check_permissions(draft, gateway)
        note = partial(
            self._trail.add,
            Action.CREATE,
            identity=identity,
            endpoint=credential.endpoint.address,
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
