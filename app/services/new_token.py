"""A new token between its creation and the moment when somebody has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from app.domain.activity import Action, ActivityEntry, Outcome

if TYPE_CHECKING:
    from app.domain.request_context import RequestContext
    from app.domain.tokens import APIToken, CreatedToken, TokenDraft
    from app.services.activity import Trail
    from app.services.changes import Changes
    from app.services.revoke_tokens import RevokeTokens
    from app.services.tokens import CreateToken, Listing

CLOCKS_DIFFER = timedelta(minutes=10)
"""How far this clock and the server's may be apart."""
_NOTING = "writing into the activity"


@dataclass(frozen=True, slots=True)
class Unsaved:
    """An active token that was created, and of which nothing says that its secret was saved."""

    entry: ActivityEntry
    token: APIToken
    context: RequestContext


class NewToken:
    """Create a token for a person who has yet to keep it.

    The trail has the creation before the token exists, and its end once the token was kept or given up: a
    crash, a kill or a hang-up in between leaves a beginning without an end, which `interrupted` finds.
    """

    def __init__(self, create: CreateToken, revoke: RevokeTokens, trail: Trail, changes: Changes) -> None:
        self._changes = changes
        self._create = create
        self._revoke = revoke
        self._trail = trail
        self._begun: dict[str, str] = {}
        """Id of the token by operation, "" until it exists: of this run, so not interrupted."""

    async def do(self, draft: TokenDraft, shown: RequestContext | None = None) -> CreatedToken:
        """Create it where the form said, and return it with its secret, which is told only this once."""
        operation = uuid4().hex
        self._begun[operation] = ""
        created = await self._create.do(draft, operation, shown=shown)
        self._begun[operation] = created.token.id
        return created

    async def kept(self, token: APIToken) -> None:
        """Somebody has it: nothing is left to tell."""
        await self._changes.run(_NOTING, self._end(token, ""))

    async def given_up(self, token: APIToken) -> None:
        """It was left without being saved, and that was confirmed."""
        await self._changes.run(_NOTING, self._end(token, ", left unsaved"))

    async def _end(self, token: APIToken, more: str) -> None:
        operations = {operation for operation, of in self._begun.items() if of == token.id}
        for entry in await self._trail.interrupted():
            if entry.operation in operations:
                await self._trail.end(entry, Outcome.DONE, f"{entry.detail}{more}")
                del self._begun[entry.operation]

    async def interrupted(self, listing: Listing) -> tuple[Unsaved, ...]:
        """Those of earlier runs that live, of the listing's person and organization.

        The entries of those that do not live are ended.
        """
        listed = {token.id: token for token in listing.tokens}
        found = []
        for entry in await self._trail.interrupted():
            if not self._is_left(entry, listing):
                continue
            token = listed.get(entry.subject_id) or _made_then(entry, listed)
            if token is None or token.revoked_at is not None:
                words = "the list does not have it" if token is None else "the list shows that it is revoked"
                await self._trail.end(entry, Outcome.FAILED, f"interrupted; {words}")
            else:
                found.append(Unsaved(entry, token, listing.context))
        return tuple(found)

    def _is_left(self, entry: ActivityEntry, listing: Listing) -> bool:
        return (
            entry.action is Action.CREATE
            and entry.operation not in self._begun
            and entry.endpoint == listing.endpoint
            # Who else asks may not see the token, and could not tell that it is gone.
            and (entry.identity, entry.organization) == (listing.identity.name, listing.identity.organization)
        )

    async def settle(self, found: Unsaved, *, revoke: bool) -> None:
        """End it: revoke the token, or keep it."""
        doing = f"revoking the API token {found.token.name}" if revoke else _NOTING
        await self._changes.run(doing, self._settle(found, revoke))

    async def _settle(self, found: Unsaved, revoke: bool) -> None:
        if revoke:
            token = [(found.token.id, found.token.name)]
            (result,) = await self._revoke.do(token, "nobody saved it", shown=found.context)
            if result.error is not None:
                raise result.error
        outcome = Outcome.FAILED if revoke else Outcome.DONE
        words = "the token was revoked" if revoke else "the token is kept"
        await self._trail.end(found.entry, outcome, f"interrupted; {words}")


def _made_then(entry: ActivityEntry, listed: Mapping[str, APIToken]) -> APIToken | None:
    """The token whose creation was asked for when no answer came any more; None when it cannot be told."""
    made = [
        token
        for token in listed.values()
        if not entry.subject_id
        and token.name == entry.subject
        and abs(token.created_at - entry.at) <= CLOCKS_DIFFER
    ]
    return made[0] if len(made) == 1 else None
