"""The auto-revoke threshold of an organization: preview, review and change it."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.errors import LoopinError, ReadOnly, UsageError
from app.domain.inactivity import check_threshold
from app.domain.organizations import Identity, Organization
from app.domain.ports import Gateway
from app.domain.preview import Partition, Preview
from app.domain.request_context import RequestContext
from app.domain.text import clean
from app.domain.tokens import StatusFilter
from app.services.activity import ActivityLog
from app.services.chainloop_session import ChainloopSession
from app.services.journal import DAYS, Operation, answer_lost
from app.services.tokens import TokenService

MAX_NAMES = 3
"""So many tokens are named in a message."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The tokens that the identity may see, by what becomes of them; read at `as_of`."""

    partition: Partition
    identity: Identity
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ThresholdReview:
    """What is shown before the threshold is changed to `days`, 0 = off."""

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
        """The unrevoked tokens, by what becomes of them."""
        return self.preview.at(self.days)

    def outdated_by(self, current: "ThresholdReview") -> str:
        """Say why this is not what would happen now, `current`; empty when it is.

        A token that was used meanwhile, and will not be revoked, is no reason.
        """
        if current.before != self.before:
            old, new = format_threshold(self.before), format_threshold(current.before)
            return f"the threshold was changed meanwhile: it is {new} and no longer {old}"
        shown = {token.id for token in self.partition.announced}
        more = [token.name for token in current.partition.announced if token.id not in shown]
        if not more:
            return ""
        rest = f" and {len(more) - MAX_NAMES} others" if len(more) > MAX_NAMES else ""
        return f"more would be revoked than was shown: {', '.join(map(clean, more[:MAX_NAMES]))}{rest}"


class ReviewOutdated(LoopinError):
    """What was confirmed is not what would happen now. Nothing was sent; `review` is the current one."""

    def __init__(self, message: str, review: ThresholdReview) -> None:
        super().__init__(message, hint="nothing was changed: look again, and confirm that")
        self.review = review


@dataclass(frozen=True, slots=True)
class InterruptedThreshold:
    """An interrupted change of the threshold; `now` is the threshold that was read since, 0 = off."""

    entry: ActivityEntry
    now: int

    @property
    def days(self) -> int:
        """The days that were asked for; -1 where the log does not have them."""
        days = dict(self.entry.extra).get(DAYS, "")
        return int(days) if days.isdecimal() else -1

    @property
    def words(self) -> str:
        """What became of it, after "auto-revoke"; not cleaned."""
        result = "it was saved" if self.now == self.days else f"it is {format_threshold(self.now)}"
        return f"{self.entry.subject} in {self.entry.organization}: {result}"


class ThresholdService:
    """Changes after how many days without use a token is auto-revoked.

    A change has its beginning in the activity log before its request, and its end after the answer.
    """

    def __init__(self, session: ChainloopSession, log: ActivityLog, tokens: TokenService) -> None:
        self._session = session
        self._log = log
        self._tokens = tokens
        self._operations: set[str] = set()
        """Those of this run, which were not interrupted."""

    async def preview_auto_revoke(self, days: int | None = None) -> Forecast:
        """Tell what a threshold of `days` revokes, at the next sweep and later; None is the one in effect.

        Raise UsageError where that cannot be read.
        """
        if days is not None:
            check_threshold(days)
        listing = await self._tokens.list_tokens(StatusFilter.ACTIVE)
        threshold = listing.identity.threshold if days is None else days
        if threshold is None:
            raise UsageError("this credential may not read the threshold", hint="give one: --days 90")
        return Forecast(Preview(listing.tokens, listing.as_of).at(threshold), listing.identity, listing.as_of)

    async def review_threshold(self, days: int) -> ThresholdReview:
        """Read what setting it to `days` would do in the organization in use.

        Raise ReadOnly where the identity may not change it, before anything is listed.
        """
        check_threshold(days)
        context, identity = await self._session.identify()
        await self._session.check_organization(context, identity)
        _check_may_change(identity)
        return await self._review(days, context, identity)

    async def _review(self, days: int, context: RequestContext, identity: Identity) -> ThresholdReview:
        listing = await self._tokens.list_tokens_in(context, identity, StatusFilter.ACTIVE)
        preview = await asyncio.to_thread(Preview, listing.tokens, listing.as_of)
        return ThresholdReview(days, context, identity, preview)

    async def update_threshold(self, days: int, shown: ThresholdReview | None = None) -> Organization:
        """Set it to 1-365, or 0 for off, and return the organization as read back from the server.

        `shown` is the review that was confirmed, None for the organization in use without a confirmation.
        Before anything is sent, raise ReadOnly where the identity may not change it, and ReviewOutdated when
        `shown` is not what would happen now.
        """
        check_threshold(days)
        context, identity = await self._session.check_context(shown.context if shown else None)
        _check_may_change(identity)
        if shown:
            # Nothing is revoked when it is turned off.
            current = (
                await self._review(days, context, identity)
                if days
                else replace(shown, context=context, identity=identity)
            )
            if why := shown.outdated_by(current):
                raise ReviewOutdated(why, current)
        return await self._send(days, context, identity)

    async def _send(self, days: int, context: RequestContext, identity: Identity) -> Organization:
        gateway, endpoint = await self._session.open_gateway_in(context), context.credential.endpoint.address
        subject, before = format_threshold(days), f"was {format_threshold(identity.threshold or 0)}"
        facts = ((DAYS, str(days)),)
        operation = Operation(self._log, Action.THRESHOLD, subject, "", identity, endpoint, facts)
        self._operations.add(operation.id)
        await operation.record(Outcome.STARTED, before)
        try:
            organization = await gateway.set_threshold(context.organization.name, days)
        except LoopinError as error:
            current = await _read_organization(gateway) if answer_lost(error) else None
            if current is None or (current.threshold or 0) != days:
                await _record_failure(error, current, operation)
                raise
            organization = current
        await operation.record(Outcome.DONE, before)
        return await _read_organization(gateway) or organization

    async def end_interrupted(
        self, context: RequestContext, identity: Identity
    ) -> tuple[InterruptedThreshold, ...]:
        """Return the changes in this organization that earlier runs did not finish, and end their entries.

        The oldest is first. `identity` was read since, and has the threshold; that of an API token has not.
        """
        if identity.is_token or not identity.organization:
            return ()
        place = (context.credential.endpoint.address, identity.organization)
        changes = []
        for entry in reversed(await self._log.interrupted()):
            if entry.action is not Action.THRESHOLD or entry.operation in self._operations:
                continue
            if (entry.endpoint, entry.organization) == place:
                change = InterruptedThreshold(entry, identity.threshold or 0)
                outcome = Outcome.DONE if change.now == change.days else Outcome.FAILED
                await self._log.end(entry, outcome, f"interrupted; it is {format_threshold(change.now)}")
                changes.append(change)
        return tuple(changes)


def _check_may_change(identity: Identity) -> None:
    if why := identity.why_no_settings():
        raise ReadOnly(f"the threshold cannot be changed: {why}", hint="sign in as an owner or admin")


def format_threshold(days: int) -> str:
    """Format a threshold for the activity log."""
    return f"{days} days" if days else "off"


async def _read_organization(gateway: Gateway) -> Organization | None:
    """Read the organization; None when that is not possible."""
    try:
        membership = (await gateway.current()).membership
    except LoopinError:
        return None
    return membership.organization if membership else None


async def _record_failure(error: LoopinError, current: Organization | None, operation: Operation) -> None:
    """Record how the change failed; without an end where `current` was needed and could not be read."""
    if answer_lost(error) and current is None:
        await operation.record(Outcome.STARTED, "its answer was lost")
        return
    if current is not None:
        error.hint = "it was not changed: try again"
    await operation.record(Outcome.FAILED, error.message)
