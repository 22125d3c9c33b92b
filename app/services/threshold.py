"""The auto-revoke threshold of an organization, and changes of it that were interrupted."""

from dataclasses import dataclass
from uuid import uuid4

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.errors import Failed, LoopinError, ReadOnly, Unreachable
from app.domain.inactivity import check_threshold
from app.domain.organizations import Identity, Organization
from app.domain.ports import Gateway
from app.domain.request_context import RequestContext
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession

_DAYS = "days"


@dataclass(frozen=True, slots=True)
class InterruptedThreshold:
    """A change of the threshold whose end nobody saw; `now` is the threshold that was read since, 0 = off."""

    entry: ActivityEntry
    now: int

    @property
    def wanted(self) -> int:
        """The days that were asked for; -1 where the trail does not tell."""
        days = dict(self.entry.extra).get(_DAYS, "")
        return int(days) if days.isdecimal() else -1

    @property
    def words(self) -> str:
        """What became of it, after "auto-revoke"; not cleaned."""
        made = "it was saved" if self.now == self.wanted else f"it is {threshold_words(self.now)}"
        return f"{self.entry.subject} in {self.entry.organization}: {made}"


class UpdateThreshold:
    """Set after how many days without use a token is auto-revoked.

    The trail has the beginning before the call, and the end after it: what a crash or a lost answer leaves
    between them `interrupted` finds.
    """

    def __init__(self, session: ChainloopSession, trail: Trail) -> None:
        self._session = session
        self._trail = trail
        self._begun: set[str] = set()
        """The operations of this run: not interrupted."""

    async def do(self, days: int, shown: RequestContext | None = None) -> Organization:
        """Set it to 1-365, or 0 for off, and return the organization as read back from the server.

        `shown` is what the confirmation was made for, None for the organization in use. Raise ReadOnly,
        before anything is sent, where the identity may not.
        """
        check_threshold(days)
        context, identity = await self._session.check_context(shown)
        if why := identity.why_no_settings():
            raise ReadOnly(f"the threshold cannot be changed: {why}", hint="sign in as an owner or admin")
        gateway, endpoint = self._session.gateway_in(context), context.credential.endpoint.address
        change = _Change(identity, endpoint, identity.threshold or 0, days, uuid4().hex)
        self._begun.add(change.operation)
        await self._note(change, Outcome.STARTED)
        try:
            changed = await gateway.set_threshold(context.organization.name, days)
        except LoopinError as error:
            changed = await self._after(error, change, gateway)
        await self._note(change, Outcome.DONE)
        return await _read_back(gateway, changed)

    async def _after(self, error: LoopinError, change: "_Change", gateway: Gateway) -> Organization:
        """The organization where the change was made all the same; else raise `error` with the next step.

        Where nobody can tell, the beginning stays without an end: the next start tells it.
        """
        lost = isinstance(error, Failed | Unreachable)
        found = await _look_again(gateway) if lost else None
        if found is not None and (found.threshold or 0) == change.days:
            return found
        if lost and found is None:
            await self._note(change, Outcome.STARTED, "its answer was lost")
        else:
            error.hint = "it was not changed: try again" if found else error.hint
            await self._note(change, Outcome.FAILED, error.message)
        raise error

    async def interrupted(
        self, context: RequestContext, identity: Identity
    ) -> tuple[InterruptedThreshold, ...]:
        """Changes of earlier runs in this organization whose end nobody saw, oldest first; each is told once.

        `identity` was read since, and tells what became of them; that of an API token does not.
        """
        if identity.is_token or not identity.organization:
            return ()
        endpoint = context.credential.endpoint.address
        told = []
        for entry in reversed(await self._trail.interrupted()):
            here = (entry.endpoint, entry.organization) == (endpoint, identity.organization)
            if entry.action is Action.THRESHOLD and here and entry.operation not in self._begun:
                found = InterruptedThreshold(entry, identity.threshold or 0)
                outcome = Outcome.DONE if found.now == found.wanted else Outcome.FAILED
                await self._trail.end(entry, outcome, f"interrupted; it is {threshold_words(found.now)}")
                told.append(found)
        return tuple(told)

    async def _note(self, change: "_Change", outcome: Outcome, detail: str = "") -> None:
        await self._trail.add(
            Action.THRESHOLD,
            outcome=outcome,
            identity=change.identity,
            endpoint=change.endpoint,
            subject=threshold_words(change.days),
            detail=detail or f"was {threshold_words(change.before)}",
            operation=change.operation,
            extra=((_DAYS, str(change.days)),),
        )


@dataclass(frozen=True, slots=True)
class _Change:
    identity: Identity
    endpoint: str
    before: int
    days: int
    operation: str


def threshold_words(days: int) -> str:
    """A threshold in the trail."""
    return f"{days} days" if days else "off"


async def _look_again(gateway: Gateway) -> Organization | None:
    """How it is after an answer that got lost; None when that cannot be read."""
    try:
        membership = (await gateway.current()).membership
    except LoopinError:
        return None
    return membership.organization if membership else None


async def _read_back(gateway: Gateway, changed: Organization) -> Organization:
    """What the server holds now; its answer to the change when it cannot be asked again."""
    return await _look_again(gateway) or changed
