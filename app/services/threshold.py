"""The auto-revoke threshold of an organization: look first, change it, tell what was interrupted."""

import asyncio
from dataclasses import dataclass, replace
from uuid import uuid4

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.errors import Failed, LoopinError, ReadOnly, Unreachable
from app.domain.inactivity import check_threshold
from app.domain.organizations import Identity, Organization
from app.domain.ports import Gateway
from app.domain.preview import Partition, Preview
from app.domain.request_context import RequestContext
from app.domain.text import clean
from app.domain.tokens import StatusFilter
from app.services.activity import Trail
from app.services.chainloop_session import ChainloopSession
from app.services.tokens import ListTokens

_DAYS = "days"
_FEW = 3


@dataclass(frozen=True, slots=True)
class ThresholdReview:
    """What somebody is shown before the threshold is changed to `days`, 0 = off."""

    days: int
    context: RequestContext
    identity: Identity
    preview: Preview

    @property
    def before(self) -> int:
        """The threshold when it was read, 0 = off."""
        return self.identity.threshold or 0

    @property
    def partition(self) -> Partition:
        """The unrevoked tokens, parted by what becomes of them."""
        return self.preview.at(self.days)

    def outdated_by(self, now: "ThresholdReview") -> str:
        """Why what was shown is not what would happen now; empty when it is.

        A token that was used meanwhile, and so is spared, is no reason.
        """
        if now.before != self.before:
            was, is_ = threshold_words(self.before), threshold_words(now.before)
            return f"the threshold was changed meanwhile: it is {is_} and no longer {was}"
        shown = {token.id for token in self.partition.announced}
        more = [token.name for token in now.partition.announced if token.id not in shown]
        if not more:
            return ""
        rest = f" and {len(more) - _FEW} others" if len(more) > _FEW else ""
        return f"more would be revoked than was shown: {', '.join(map(clean, more[:_FEW]))}{rest}"


class ReviewOutdated(LoopinError):
    """What was confirmed is not what would happen now. Nothing was sent; `review` is to be shown instead."""

    def __init__(self, message: str, review: ThresholdReview) -> None:
        super().__init__(message, hint="nothing was changed: look again, and confirm that")
        self.review = review


@dataclass(frozen=True, slots=True)
class InterruptedThreshold:
    """An interrupted change of the threshold; `now` is the threshold that was read since, 0 = off."""

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

    def __init__(self, session: ChainloopSession, trail: Trail, tokens: ListTokens) -> None:
        self._session = session
        self._trail = trail
        self._tokens = tokens
        self._begun: set[str] = set()
        """The operations of this run: not interrupted."""

    async def review(self, days: int) -> ThresholdReview:
        """Read what setting it to `days` would do in the organization in use.

        Raise ReadOnly where the identity may not change it, before anything is listed.
        """
        check_threshold(days)
        context, identity = await self._session.identify()
        await self._session.check_organization(context, identity)
        _check_may(identity)
        return await self._look(days, context, identity)

    async def _look(self, days: int, context: RequestContext, identity: Identity) -> ThresholdReview:
        listing = await self._tokens.list_in(context, identity, StatusFilter.ACTIVE)
        preview = await asyncio.to_thread(Preview, listing.tokens, listing.as_of)
        return ThresholdReview(days, context, identity, preview)

    async def do(self, days: int, shown: ThresholdReview | None = None) -> Organization:
        """Set it to 1-365, or 0 for off, and return the organization as read back from the server.

        `shown` is what was confirmed; None asks nobody, and means the organization in use. Before anything is
        sent, raise ReadOnly where the identity may not, and ReviewOutdated when what was shown is not what
        would happen now.
        """
        check_threshold(days)
        context, identity = await self._session.check_context(shown.context if shown else None)
        _check_may(identity)
        if shown:
            await self._compare(shown, days, context, identity)
        gateway, endpoint = await self._session.gateway_in(context), context.credential.endpoint.address
        change = _Change(identity, endpoint, identity.threshold or 0, days, uuid4().hex)
        self._begun.add(change.operation)
        await self._note(change, Outcome.STARTED)
        try:
            changed = await gateway.set_threshold(context.organization.name, days)
        except LoopinError as error:
            changed = await self._after(error, change, gateway)
        await self._note(change, Outcome.DONE)
        return await _read_back(gateway, changed)

    async def _compare(
        self, shown: ThresholdReview, days: int, context: RequestContext, identity: Identity
    ) -> None:
        """Raise ReviewOutdated when a token that was not shown would fall, or the threshold is another."""
        if days:
            now = await self._look(days, context, identity)
        else:
            # Nothing falls when it is turned off.
            now = replace(shown, context=context, identity=identity)
        if why := shown.outdated_by(now):
            raise ReviewOutdated(why, now)

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
        """Changes in this organization that earlier runs did not finish, oldest first; each is reported once.

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


def _check_may(identity: Identity) -> None:
    if why := identity.why_no_settings():
        raise ReadOnly(f"the threshold cannot be changed: {why}", hint="sign in as an owner or admin")


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
