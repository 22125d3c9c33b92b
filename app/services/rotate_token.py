"""Replace an API token by a new one, without a moment in which neither works."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.credentials import Method
from app.domain.errors import LoopinError
from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.request_context import RequestContext
from app.domain.rotation import NewLife, successor
from app.domain.tokens import APIToken, CreatedToken
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession
from app.services.changes import Changes
from app.services.revoke_tokens import Revocation, RevokeTokens
from app.services.tokens import CreateToken, Listing

CLOCKS_DIFFER = timedelta(minutes=10)
"""How far this clock and the server's may be apart."""
_MADE, _SEEN = "made", "seen"


@dataclass(frozen=True, slots=True)
class Rotation:
    """Both tokens live. `context` is where both are, and where the rest of the rotation happens.

    `operation` and `identity` are what the entries of the trail have in common.
    """

    old: APIToken
    created: CreatedToken
    operation: str
    context: RequestContext
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A rotation that was begun and never ended; the old token lives.

    `seen`: the new token was handed out, or something uses it already.
    """

    entry: ActivityEntry
    new: APIToken
    context: RequestContext
    seen: bool = False


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
        changes: Changes,
    ) -> None:
        self._changes = changes
        self._session = session
        self._create = create
        self._revoke = revoke
        self._trail = trail
        self._clock = clock

    async def begin(self, token: APIToken, listing: Listing, life: NewLife | None = None) -> Rotation:
        """Create the successor of `token`; names of unrevoked tokens in `listing` count as taken.

        It lives as long as `token` did, unless `life` says otherwise.

        The trail has the beginning when everything was checked that can be checked here, and an end where the
        server has made no token.
        """
        self._session.check_may_change()
        taken = {t.name for t in listing.tokens if t.revoked_at is None}
        draft = successor(token, taken, self._clock.now(), life)
        journal = _Journal(self._trail, token, draft.name)
        created = await self._create.do(draft, watch=journal, shown=listing.context)
        return Rotation(token, created, journal.operation, listing.context, journal.identity)

    async def shown(self, rotation: Rotation) -> None:
        """Note that the new token was handed out: saved, copied or about to be printed."""
        extra = (*_made(rotation.created.token), (_SEEN, "yes"))
        noting = self._note(rotation, Outcome.STARTED, rotation.created.token.name, extra)
        await self._changes.run(_doing(rotation), noting)

    async def verify(self, rotation: Rotation) -> Identity:
        """Make a real call with the new token; raise SessionEnded when it does not work."""
        context = rotation.context
        new = replace(context.credential, secret=rotation.created.secret, method=Method.API_TOKEN)
        return await self._session.ask(new, context.organization)

    async def finish(self, rotation: Rotation, *, revoke_old: bool) -> Revocation | None:
        """End the rotation: revoke the old token, or keep both. A failed revocation leaves both."""
        return await self._changes.run(_doing(rotation), self._finish(rotation, revoke_old))

    async def _finish(self, rotation: Rotation, revoke_old: bool) -> Revocation | None:
        if not revoke_old:
            await self._note(rotation, Outcome.DONE, "both are kept", _made(rotation.created.token))
            return None
        old = [(rotation.old.id, rotation.old.name)]
        (result,) = await self._revoke.do(old, "rotated", shown=rotation.context)
        if result.error is not None:
            raise result.error
        new = rotation.created.token
        await self._note(rotation, Outcome.DONE, f"replaced by {new.name}", _made(new))
        return result

    async def take_back(self, rotation: Rotation) -> None:
        """End a rotation whose new token reached nobody: revoke that one; the old one lives."""
        await self._changes.run(_doing(rotation), self._take_back(rotation))

    async def _take_back(self, rotation: Rotation) -> None:
        new = rotation.created.token
        (result,) = await self._revoke.do([(new.id, new.name)], "nobody got it", shown=rotation.context)
        if result.error is not None:
            raise result.error
        await self._note(rotation, Outcome.FAILED, "nobody got the new token; it was revoked")

    async def interrupted(self, listing: Listing) -> tuple[Interrupted, ...]:
        """Beginnings without an end whose new token is in `listing` and lives.

        Names are unique only within a scope, and another organization may have the same: the new token
        is one of the old one's scope, made when the rotation began. Where the old one is revoked by now,
        the rotation came to its end all the same, and its entry is ended.
        """
        begun = [entry for entry in await self._trail.interrupted() if entry.action is Action.ROTATE]
        if not begun:
            return ()
        known = {token.id: token for token in listing.tokens}
        alive = {(token.name, token.scope): token for token in listing.tokens if token.revoked_at is None}
        found = []
        for entry in begun:
            old, facts = known.get(entry.subject_id), dict(entry.extra)
            if old is None:
                continue
            if old.revoked_at is not None:
                await self._trail.end(entry, Outcome.DONE, f"interrupted; replaced by {entry.detail}")
                continue
            new = alive.get((entry.detail, old.scope))
            if new is not None and (
                new.id == facts.get(_MADE) or (_MADE not in facts and _made_by(entry, new))
            ):
                seen = _SEEN in facts or new.last_used_at is not None
                found.append(Interrupted(entry, new, listing.context, seen))
        return tuple(found)

    async def settle(self, found: Interrupted, *, revoke_new: bool) -> None:
        """End an interrupted rotation: revoke the token whose secret was not saved, or keep it."""
        await self._changes.run(f"rotating {found.entry.subject}", self._settle(found, revoke_new))

    async def _settle(self, found: Interrupted, revoke_new: bool) -> None:
        if revoke_new:
            new = [(found.new.id, found.new.name)]
            (result,) = await self._revoke.do(new, "its secret was not saved", shown=found.context)
            if result.error is not None:
                raise result.error
        outcome = Outcome.FAILED if revoke_new else Outcome.DONE
        detail = "the new token was revoked" if revoke_new else "both are kept"
        await self._trail.end(found.entry, outcome, f"interrupted; {detail}")

    async def _note(
        self, rotation: Rotation, outcome: Outcome, detail: str, extra: tuple[tuple[str, str], ...] = ()
    ) -> None:
        await self._trail.add(
            Action.ROTATE,
            outcome=outcome,
            identity=rotation.identity,
            endpoint=rotation.context.credential.endpoint.address,
            subject=rotation.old.name,
            subject_id=rotation.old.id,
            detail=detail,
            operation=rotation.operation,
            extra=extra,
        )


class _Journal:
    """Writes down how far the creation of a successor has come."""

    def __init__(self, trail: Trail, old: APIToken, new_name: str) -> None:
        self._trail = trail
        self._old = old
        self._new_name = new_name
        self.operation = uuid4().hex
        self.endpoint = ""
        self.identity: Identity | None = None

    async def begun(self, identity: Identity, endpoint: str) -> None:
        """Before the request: whatever happens from here on leaves a beginning without an end."""
        self.identity, self.endpoint = identity, endpoint
        await self._note(Outcome.STARTED, self._new_name)

    async def created(self, token: APIToken) -> None:
        """Which one it is."""
        await self._note(Outcome.STARTED, self._new_name, _made(token))

    async def failed(self, error: LoopinError) -> None:
        """The end."""
        await self._note(Outcome.FAILED, error.message)

    async def _note(self, outcome: Outcome, detail: str, extra: tuple[tuple[str, str], ...] = ()) -> None:
        await self._trail.add(
            Action.ROTATE,
            outcome=outcome,
            identity=self.identity,
            endpoint=self.endpoint,
            subject=self._old.name,
            subject_id=self._old.id,
            detail=detail,
            operation=self.operation,
            extra=extra,
        )


def rotations(entries: Iterable[ActivityEntry]) -> frozenset[tuple[str, str]]:
    """Ids of the tokens that `entries` say were rotated, each with that of its successor."""
    rotated = [(entry.subject_id, dict(entry.extra)) for entry in entries if entry.action is Action.ROTATE]
    return frozenset((old, extra[_MADE]) for old, extra in rotated if _MADE in extra)


def _made(new: APIToken) -> tuple[tuple[str, str], ...]:
    return ((_MADE, new.id),)


def _doing(rotation: Rotation) -> str:
    return f"rotating the API token {rotation.old.name}"


def _made_by(entry: ActivityEntry, new: APIToken) -> bool:
    """True when `new` was made when `entry` was written: the answer that would have told got lost."""
    return abs(new.created_at - entry.at) <= CLOCKS_DIFFER
