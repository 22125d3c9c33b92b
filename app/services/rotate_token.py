"""Replace an API token by a new one, without a moment in which neither works."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Method
from app.domain.errors import Refused
from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.rotation import successor
from app.domain.tokens import APIToken, CreatedToken
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession
from app.services.revoke_tokens import Revocation, RevokeTokens
from app.services.tokens import CreateToken


@dataclass(frozen=True, slots=True)
class Rotation:
    """Both tokens live; `operation` ties the entries of the trail together."""

    old: APIToken
    created: CreatedToken
    operation: str


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A rotation that was begun and never ended: nobody may have seen `new`, and the old token lives."""

    entry: ActivityEntry
    new: APIToken


class RotateToken:
    """Begin, verify, finish. The old token lives until `finish` is told to revoke it.

    The trail has the rotation before the new token exists, so that a crash at any moment leaves a
    beginning without an end, which `interrupted` finds.
    """

    def __init__(
        self,
        session: ChainloopSession,
        create: CreateToken,
        revoke: RevokeTokens,
        trail: Trail,
        clock: Clock,
    ) -> None:
        self._session = session
        self._create = create
        self._revoke = revoke
        self._trail = trail
        self._clock = clock

    async def begin(self, token: APIToken, listed: Sequence[APIToken]) -> Rotation:
        """Create the successor of `token`; names of unrevoked tokens in `listed` count as taken."""
        self._session.check_may_change()
        taken = {t.name for t in listed if t.revoked_at is None}
        draft = successor(token, taken, self._clock.now())
        operation = uuid4().hex
        await self._note(token, Outcome.STARTED, draft.name, operation)
        try:
            created = await self._create.do(draft)
        except Refused as error:
            # Any other error may hide a token that was made: then the beginning stays without an end.
            await self._note(token, Outcome.FAILED, error.message, operation)
            raise
        return Rotation(token, created, operation)

    async def verify(self, rotation: Rotation) -> Identity:
        """Make a real call with the new token; raise SessionEnded when it does not work."""
        credential = await self._session.credential()
        new = replace(credential, secret=rotation.created.secret, method=Method.API_TOKEN)
        return await self._session.identity(new)

    async def finish(self, rotation: Rotation, *, revoke_old: bool) -> Revocation | None:
        """End the rotation: revoke the old token, or keep both. A failed revocation leaves both."""
        if not revoke_old:
            await self._note(rotation.old, Outcome.DONE, "both are kept", rotation.operation)
            return None
        (result,) = await self._revoke.do([(rotation.old.id, rotation.old.name)], "rotated")
        if result.error is not None:
            raise result.error
        name = rotation.created.token.name
        await self._note(rotation.old, Outcome.DONE, f"replaced by {name}", rotation.operation)
        return result

    async def interrupted(self, listed: Sequence[APIToken]) -> tuple[Interrupted, ...]:
        """Beginnings without an end whose new token is among `listed` and lives."""
        alive = {token.name: token for token in listed if token.revoked_at is None}
        return tuple(
            Interrupted(entry, alive[entry.detail])
            for entry in await self._trail.entries()
            if entry.action is Action.ROTATE
            and entry.outcome is Outcome.STARTED
            and entry.detail in alive
            and alive[entry.detail].created_at >= entry.at.replace(microsecond=0)
        )

    async def settle(self, found: Interrupted, *, revoke_new: bool) -> None:
        """End an interrupted rotation: revoke the token that nobody saw, or keep it."""
        if revoke_new:
            (result,) = await self._revoke.do([(found.new.id, found.new.name)], "nobody saw it")
            if result.error is not None:
                raise result.error
        detail = "interrupted; the new token was revoked" if revoke_new else "interrupted; both are kept"
        await self._trail.add(
            Action.ROTATE,
            outcome=Outcome.FAILED if revoke_new else Outcome.DONE,
            endpoint=found.entry.endpoint,
            subject=found.entry.subject,
            subject_id=found.entry.subject_id,
            detail=detail,
            operation=found.entry.operation,
        )

    async def _note(self, old: APIToken, outcome: Outcome, detail: str, operation: str) -> None:
        credential = await self._session.credential()
        await self._trail.add(
            Action.ROTATE,
            outcome=outcome,
            endpoint=credential.endpoint.address,
            subject=old.name,
            subject_id=old.id,
            detail=detail,
            operation=operation,
        )
