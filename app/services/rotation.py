"""Replace an API token by a new one. Both work until the old one is revoked."""

from dataclasses import dataclass, replace

from app.domain.activity import Action, Outcome
from app.domain.credentials import Method
from app.domain.errors import LoopinError
from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.request_context import RequestContext
from app.domain.rotation import NewLife, successor
from app.domain.tokens import APIToken, CreatedToken
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.changes import Changes
from app.services.journal import HANDED_OVER, NEW_ID, Operation
from app.services.revocation import Revocation, RevocationService
from app.services.token_creation import TokenCreationService
from app.services.tokens import Listing


@dataclass(frozen=True, slots=True)
class Rotation:
    """A rotation whose new token exists. `context` is where both tokens are."""

    old: APIToken
    created: CreatedToken
    context: RequestContext
    operation: Operation

    @property
    def new_id(self) -> tuple[str, str]:
        """The fact that names the new token in the activity log."""
        return (NEW_ID, self.created.token.id)


class RotationService:
    """Creates the new token, verifies it, and revokes the old one.

    The activity log has the beginning before the new token exists, and the end once the old token is revoked
    or both are kept, so that an interrupted rotation can be found.
    """

    def __init__(
        self,
        session: ChainloopSession,
        creation: TokenCreationService,
        revocation: RevocationService,
        log: ActivityLog,
        changes: Changes,
        clock: Clock,
    ) -> None:
        self._session = session
        self._creation = creation
        self._revocation = revocation
        self._log = log
        self._changes = changes
        self._clock = clock

    async def create_successor(
        self, token: APIToken, listing: Listing, life: NewLife | None = None
    ) -> Rotation:
        """Create the successor of `token`; the names of unrevoked tokens in `listing` are taken.

        It lives as long as `token` did, unless `life` says otherwise.
        """
        self._session.check_may_change()
        taken = {other.name for other in listing.tokens if other.revoked_at is None}
        draft = successor(token, taken, self._clock.now(), life)
        record = _Record(
            Operation(self._log, Action.ROTATE, token.name, token.id),
            Operation(self._log, Action.CREATE, draft.name, id=""),
            draft.name,
        )
        created = await self._creation.create_recorded(draft, record, listing.context)
        return Rotation(token, created, listing.context, record.rotation)

    async def record_handover(self, rotation: Rotation) -> None:
        """Note that the secret of the new token was saved, copied, or is about to be printed."""
        name, facts = rotation.created.token.name, (rotation.new_id, (HANDED_OVER, "yes"))
        await self._changes.run(_doing(rotation), rotation.operation.record(Outcome.STARTED, name, *facts))

    async def verify_new(self, rotation: Rotation) -> Identity:
        """Make a call with the new token; raise SessionEnded when the server does not accept it."""
        context = rotation.context
        new = replace(context.credential, secret=rotation.created.secret, method=Method.API_TOKEN)
        return await self._session.identify_in(new, context.organization)

    async def end_rotation(self, rotation: Rotation, *, revoke_old: bool) -> Revocation | None:
        """Revoke the old token, or keep both. When the revocation fails, both are left, without an end."""

        async def end() -> Revocation | None:
            old, new = rotation.old, rotation.created.token
            if not revoke_old:
                await rotation.operation.record(Outcome.DONE, "both are kept", rotation.new_id)
                return None
            result = await self._revocation.revoke_token(old.id, old.name, "rotated", rotation.context)
            await rotation.operation.record(Outcome.DONE, f"replaced by {new.name}", rotation.new_id)
            return result

        return await self._changes.run(_doing(rotation), end())

    async def revoke_new(self, rotation: Rotation) -> None:
        """End a rotation whose new token nobody received: revoke that one."""

        async def revoke() -> None:
            new = rotation.created.token
            await self._revocation.revoke_token(new.id, new.name, "nobody got it", rotation.context)
            await rotation.operation.record(Outcome.FAILED, "nobody got the new token; it was revoked")

        await self._changes.run(_doing(rotation), revoke())


def _doing(rotation: Rotation) -> str:
    return f"rotating the API token {rotation.old.name}"


@dataclass(frozen=True, slots=True)
class _Record:
    """Records a rotation and, in an entry of its own, the creation that it begins with."""

    rotation: Operation
    creation: Operation
    new_name: str

    async def begin(self, identity: Identity, endpoint: str) -> None:
        for operation in (self.rotation, self.creation):
            operation.identity, operation.endpoint = identity, endpoint
        await self.rotation.record(Outcome.STARTED, self.new_name)

    async def created(self, token: APIToken, detail: str) -> None:
        self.creation.subject_id = token.id
        await self.creation.record(Outcome.DONE, detail)
        await self.rotation.record(Outcome.STARTED, self.new_name, (NEW_ID, token.id))

    async def failed(self, error: LoopinError) -> None:
        await self.creation.record(Outcome.FAILED, error.message)
        await self.rotation.record(Outcome.FAILED, error.message)

    async def unknown(self, error: LoopinError) -> None:
        await self.creation.record(Outcome.FAILED, f"not known: {error.message}")
