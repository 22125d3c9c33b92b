"""Changes that an earlier run began and never ended: a crash, a kill, an answer that was lost."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.domain.activity import Action, ActivityEntry, Outcome
from app.domain.tokens import APIToken, StatusFilter
from app.services.journal import BULK, CLOCK_SKEW, COUNT, HANDED_OVER, IDS, NEW_ID

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from app.domain.request_context import RequestContext
    from app.services.activity import ActivityLog
    from app.services.changes import Changes
    from app.services.revocation import RevocationService
    from app.services.token_creation import TokenCreationService
    from app.services.tokens import Listing, TokenService


@dataclass(frozen=True, slots=True)
class InterruptedCreation:
    """An active token whose secret may not have been saved by anybody."""

    entry: ActivityEntry
    token: APIToken
    context: RequestContext


@dataclass(frozen=True, slots=True)
class InterruptedRotation:
    """A rotation without an end whose old and new token are active.

    `seen`: the secret of the new token was handed over, or something uses it already.
    """

    entry: ActivityEntry
    new: APIToken
    context: RequestContext
    seen: bool = False


@dataclass(frozen=True, slots=True)
class InterruptedRevocation:
    """A revocation, of one token or of several, without an end.

    Of `total` tokens `revoked` are revoked, and the calls for `failed` were refused. The answers to the calls
    for `uncertain` are not known. The others were not begun. `left` are the ids of those and of the failed
    ones, as far as the log has them and they are active; `waiting` the names of what was not begun, once a
    listing has told them.
    """

    entry: ActivityEntry
    total: int
    revoked: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def untouched(self) -> int:
        """How many were not begun."""
        return max(self.total - len(self.revoked) - len(self.failed) - len(self.uncertain), 0)

    @property
    def words(self) -> str:
        """All of it in one sentence, for the log and for a person. Names are not cleaned."""
        parts = [f"{len(self.revoked)} of {self.total} revoked"]
        if self.failed:
            parts.append(f"{len(self.failed)} not revoked")
        if self.uncertain:
            parts.append(f"{len(self.uncertain)} not known ({', '.join(self.uncertain[:4])})")
        if self.untouched:
            names = f" ({', '.join(self.waiting[:4])})" if self.waiting else ""
            parts.append(f"{self.untouched} not begun{names}")
        return ", ".join(parts)


class InterruptedChanges:
    """Finds interrupted changes of tokens in the activity log, and ends their entries.

    What became of a change is read from a listing of its organization, by the person who began it.
    """

    def __init__(
        self,
        log: ActivityLog,
        tokens: TokenService,
        creation: TokenCreationService,
        revocation: RevocationService,
        changes: Changes,
    ) -> None:
        self._log = log
        self._tokens = tokens
        self._creation = creation
        self._revocation = revocation
        self._changes = changes

    # ── creations ──

    async def find_creations(self, listing: Listing) -> tuple[InterruptedCreation, ...]:
        """Return the creations of earlier runs whose tokens are active; end the entries of the others."""
        listed = {token.id: token for token in listing.tokens}
        creations = []
        for entry in await self._log.interrupted():
            if not self._is_creation_in(entry, listing):
                continue
            token = listed.get(entry.subject_id) or _created_token(entry, listed)
            if token is None or token.revoked_at is not None:
                why = "the list does not have it" if token is None else "the list shows that it is revoked"
                await self._log.end(entry, Outcome.FAILED, f"interrupted; {why}")
            else:
                creations.append(InterruptedCreation(entry, token, listing.context))
        return tuple(creations)

    def _is_creation_in(self, entry: ActivityEntry, listing: Listing) -> bool:
        return (
            entry.action is Action.CREATE
            and not self._creation.is_of_this_run(entry.operation)
            and _is_in(entry, listing)
            # Another identity may not see the token.
            and entry.identity == listing.identity.name
        )

    async def end_creation(self, creation: InterruptedCreation, *, revoke: bool) -> None:
        """Revoke the token, or keep it."""
        outcome = Outcome.FAILED if revoke else Outcome.DONE
        detail = "the token was revoked" if revoke else "the token is kept"
        token = creation.token if revoke else None
        ending = self._revoke_and_end(creation, token, "nobody saved it", outcome, detail)
        doing = f"revoking the API token {creation.token.name}" if revoke else "writing into the activity"
        await self._changes.run(doing, ending)

    # ── rotations ──

    async def find_rotations(self, listing: Listing) -> tuple[InterruptedRotation, ...]:
        """Return the rotations whose old and new token are active in `listing`.

        A name is unique only within a scope, and another organization may have the same: the new token has
        the scope of the old one, and was created when the rotation began. Where the old token is revoked by
        now, the rotation came to its end, and its entry is ended.
        """
        entries = [entry for entry in await self._log.interrupted() if entry.action is Action.ROTATE]
        if not entries:
            return ()
        listed = {token.id: token for token in listing.tokens}
        active = {(token.name, token.scope): token for token in listing.tokens if token.revoked_at is None}
        rotations = []
        for entry in entries:
            old, facts = listed.get(entry.subject_id), dict(entry.extra)
            if old is None:
                continue
            if old.revoked_at is not None:
                await self._log.end(entry, Outcome.DONE, f"interrupted; replaced by {entry.detail}")
                continue
            new = active.get((entry.detail, old.scope))
            if new is not None and (
                new.id == facts[NEW_ID] if NEW_ID in facts else _is_created_at(entry, new)
            ):
                seen = HANDED_OVER in facts or new.last_used_at is not None
                rotations.append(InterruptedRotation(entry, new, listing.context, seen))
        return tuple(rotations)

    async def end_rotation(self, rotation: InterruptedRotation, *, revoke_new: bool) -> None:
        """Revoke the new token, whose secret was not saved, or keep both."""
        outcome = Outcome.FAILED if revoke_new else Outcome.DONE
        detail = "the new token was revoked" if revoke_new else "both are kept"
        new = rotation.new if revoke_new else None
        ending = self._revoke_and_end(rotation, new, "its secret was not saved", outcome, detail)
        await self._changes.run(f"rotating {rotation.entry.subject}", ending)

    async def _revoke_and_end(
        self,
        change: InterruptedCreation | InterruptedRotation,
        token: APIToken | None,
        reason: str,
        outcome: Outcome,
        detail: str,
    ) -> None:
        if token is not None:
            await self._revocation.revoke_token(token.id, token.name, reason, change.context)
        await self._log.end(change.entry, outcome, f"interrupted; {detail}")

    # ── revocations ──

    async def list_revocations(self) -> tuple[InterruptedRevocation, ...]:
        """Return every interrupted revocation, newest first, from the log alone; nothing is sent."""
        return tuple(revocation for revocation, _ in await self._revocations())

    async def end_revocations(self, listing: Listing) -> tuple[InterruptedRevocation, ...]:
        """Return those in the organization of `listing`, with what it shows of them, and end their entries.

        When `listing` does not have all tokens, they are listed.
        """
        revocations = [(r, entries) for r, entries in await self._revocations() if _is_in(r.entry, listing)]
        if not revocations:
            return ()
        if listing.status is not StatusFilter.ALL or not listing.whole:
            listing = await self._tokens.list_again(listing)
        listed = {token.id: token for token in listing.tokens}
        return tuple([await self._end(revocation, entries, listed) for revocation, entries in revocations])

    async def _revocations(self) -> list[tuple[InterruptedRevocation, list[ActivityEntry]]]:
        """Return the interrupted revocations, each with the entries of its tokens that have no end."""
        interrupted = await self._log.interrupted()
        if not any(entry.action is Action.REVOKE for entry in interrupted):
            return []
        operations = {entry.operation for entry in interrupted}
        entries = [entry for entry in await self._log.entries() if entry.action is Action.REVOKE]
        unended = [e for e in entries if e.outcome is Outcome.STARTED and e.operation in operations]
        bulks = {entry.operation: entry for entry in unended if not entry.subject_id}
        tokens_of: dict[str, list[ActivityEntry]] = {operation: [] for operation in bulks}
        for entry in entries:
            if (bulk := dict(entry.extra).get(BULK, "")) in tokens_of:
                tokens_of[bulk].append(entry)
        single = [e for e in unended if e.subject_id and dict(e.extra).get(BULK) not in bulks]
        return [
            *(_bulk(entry, tokens_of[operation]) for operation, entry in bulks.items()),
            *((InterruptedRevocation(e, 1, uncertain=(e.subject,)), [e]) for e in single),
        ]

    async def _end(
        self,
        revocation: InterruptedRevocation,
        entries: Sequence[ActivityEntry],
        listed: Mapping[str, APIToken],
    ) -> InterruptedRevocation:
        revoked, failed, uncertain = list(revocation.revoked), list(revocation.failed), list[str]()
        for entry in entries:
            token = listed.get(entry.subject_id)
            if token is None:
                names, outcome, what = uncertain, Outcome.FAILED, "whether it is revoked is not known"
            elif token.revoked_at is None:
                names, outcome, what = failed, Outcome.FAILED, "the list shows that it is active"
            else:
                names, outcome, what = revoked, Outcome.DONE, "the list shows that it is revoked"
            names.append(entry.subject)
            await self._log.end(entry, outcome, f"interrupted; {what}")
        ids = (*revocation.left, *(entry.subject_id for entry in entries))
        left = [i for i in ids if i in listed and listed[i].revoked_at is None]
        begun = {*failed, *uncertain}
        ended = replace(
            revocation,
            revoked=tuple(revoked),
            failed=tuple(failed),
            uncertain=tuple(uncertain),
            left=tuple(left),
            waiting=tuple(listed[i].name for i in left if listed[i].name not in begun),
        )
        if revocation.entry not in entries:
            await self._log.end(revocation.entry, Outcome.FAILED, f"interrupted; {ended.words}")
        return ended


def _is_in(entry: ActivityEntry, listing: Listing) -> bool:
    return (entry.endpoint, entry.organization) == (listing.endpoint, listing.identity.organization)


def _is_created_at(entry: ActivityEntry, token: APIToken) -> bool:
    """Return whether `token` was created when `entry` was written."""
    return abs(token.created_at - entry.at) <= CLOCK_SKEW


def _created_token(entry: ActivityEntry, listed: Mapping[str, APIToken]) -> APIToken | None:
    """Return the token of a creation whose answer was lost; None when it cannot be told."""
    tokens = [
        token
        for token in listed.values()
        if not entry.subject_id and token.name == entry.subject and _is_created_at(entry, token)
    ]
    return tokens[0] if len(tokens) == 1 else None


def _bulk(
    entry: ActivityEntry, tokens: Collection[ActivityEntry]
) -> tuple[InterruptedRevocation, list[ActivityEntry]]:
    def names(outcome: Outcome) -> tuple[str, ...]:
        return tuple(e.subject for e in tokens if e.outcome is outcome)

    facts = dict(entry.extra)
    count = facts.get(COUNT, "")
    failed = [e.subject_id for e in tokens if e.outcome is Outcome.FAILED]
    others = {e.subject_id for e in tokens if e.outcome is not Outcome.FAILED}
    revocation = InterruptedRevocation(
        entry,
        int(count) if count.isdecimal() else len(tokens),
        names(Outcome.DONE),
        names(Outcome.FAILED),
        names(Outcome.STARTED),
        tuple(i for i in dict.fromkeys([*facts.get(IDS, "").split(), *failed]) if i not in others),
    )
    return revocation, [e for e in tokens if e.outcome is Outcome.STARTED]
