"""List, create and revoke API tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.domain.activity import Action, Outcome
from app.domain.errors import LoopinError, NotFound, PermissionDenied, UsageError
from app.domain.organizations import Identity
from app.domain.ports import Clock, Gateway
from app.domain.server_info import TOKEN_PERMISSIONS
from app.domain.tokens import APIToken, CreatedToken, ScopeFilter, StatusFilter, TokenDraft
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession


@dataclass(frozen=True, slots=True)
class Listing:
    """The tokens this identity may see, and when they were read."""

    tokens: tuple[APIToken, ...]
    identity: Identity
    as_of: datetime


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
        return Listing(tuple(tokens), identity, self._clock.now())


class CreateToken:
    """A new token. A create whose answer got lost is never repeated: the list shows what came of it."""

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    async def do(self, draft: TokenDraft) -> CreatedToken:
        """Create it and return it with its secret, which is told only this once."""
        draft.check()
        credential = await self._session.credential()
        identity = await self._session.identity(credential)
        gateway = await self._session.gateway(credential)
        await _check_permissions(draft, gateway)
        endpoint = credential.endpoint.address
        try:
            created = await gateway.create_token(draft)
        except LoopinError as error:
            await self._trail.add(
                Action.CREATE,
                outcome=Outcome.FAILED,
                identity=identity,
                endpoint=endpoint,
                subject=draft.name,
                detail=error.message,
            )
            raise
        await self._trail.add(
            Action.CREATE,
            identity=identity,
            endpoint=endpoint,
            subject=draft.name,
            subject_id=created.token.id,
            detail=f"scope {created.token.scope}",
        )
        return created


async def _check_permissions(draft: TokenDraft, gateway: Gateway) -> None:
    """A control plane that does not know permissions would make an unlimited token, and say nothing."""
    if draft.permissions and TOKEN_PERMISSIONS not in (await gateway.server_info()).capabilities:
        raise UsageError(
            "this control plane cannot limit what a token may do",
            hint="create it without permissions, or use the account server",
        )


@dataclass(frozen=True, slots=True)
class Revocation:
    """What became of one token: `error` None means that it is revoked now."""

    token_id: str
    name: str
    error: LoopinError | None = None
    revoked_at: datetime | None = None
    already: bool = False


class RevokeTokens:
    """Revoke tokens for good, and re-list as the receipt."""

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail

    async def do(self, tokens: Sequence[tuple[str, str]], reason: str = "") -> tuple[Revocation, ...]:
        """Revoke each (id, name) once, in order; one failure does not stop the others.

        Afterwards all tokens are read again: what is revoked there is done, whatever the call
        answered, so a token that somebody else revoked counts as done too.
        """
        credential = await self._session.credential()
        identity = await self._session.identity(credential)
        gateway = await self._session.gateway(credential)
        tokens = tuple({token_id: (token_id, name) for token_id, name in tokens}.values())
        errors: dict[str, LoopinError] = {}
        for token_id, _ in tokens:
            try:
                await gateway.revoke_token(token_id)
            except LoopinError as error:
                errors[token_id] = error
        revoked_at = await self._receipts(gateway, {token_id for token_id, _ in tokens})
        results = tuple(_result(token, errors.get(token[0]), revoked_at) for token in tokens)
        for result in results:
            await self._trail.add(
                Action.REVOKE,
                outcome=Outcome.FAILED if result.error else Outcome.DONE,
                identity=identity,
                endpoint=credential.endpoint.address,
                subject=result.name,
                subject_id=result.token_id,
                detail=result.error.message if result.error else reason,
            )
        return results

    async def _receipts(self, gateway: Gateway, wanted: set[str]) -> dict[str, datetime]:
        """Read back when each was revoked; who may not list, or revoked itself, has no receipts."""
        try:
            listed = await gateway.list_tokens(StatusFilter.REVOKED)
        except LoopinError:
            return {}
        return {t.id: t.revoked_at for t in listed if t.id in wanted and t.revoked_at is not None}


def _result(token: tuple[str, str], error: LoopinError | None, revoked_at: dict[str, datetime]) -> Revocation:
    token_id, name = token
    at = revoked_at.get(token_id)
    # An answer that got lost may hide a revocation that worked: the list decides, not the call.
    if at is not None:
        return Revocation(token_id, name, None, at, already=isinstance(error, NotFound))
    return Revocation(token_id, name, error, at)
