"""What can be done with tokens, each a flow from the question to the proof.

A dialog is imported by the flow that opens it: who only looks at the list has none of them in memory.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from app.domain import expiry
from app.domain.credentials import Provider
from app.domain.errors import LoopinError
from app.domain.times import local
from app.domain.token_index import Book
from widgets.presenter import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app.domain.request_context import RequestContext
    from app.domain.tokens import APIToken, CreatedToken
    from app.services.rotation import Rotation
    from app.services.tokens import Listing
    from app.tui.screens.base_screen import RoomScreen
    from app.tui.screens.tokens.services import TokenServices
    from widgets.token_browser import TokenBrowser


class TokenFlows:
    """Each flow reads from top to bottom: ask, do, list again as the proof.

    They ask and tell through `room`, each in a worker of it, and work on what `browser` shows. `list_again`
    gets the id of the token on which the cursor is to stand then, "" for the one on which it stands.
    `listing` is what the browser shows: a change goes where it was read, whatever is switched meanwhile.
    """

    def __init__(
        self,
        room: RoomScreen,
        browser: TokenBrowser,
        services: TokenServices,
        list_again: Callable[[str], object],
    ) -> None:
        self._room = room
        self._browser = browser
        self._services = services
        self._list_again = list_again
        self.listing: Listing | None = None

    @property
    def _context(self) -> RequestContext | None:
        """Where the list was read; before the first list, where the account was looked at."""
        if self.listing is not None:
            return self.listing.context
        status = self._room.frame.presence.of(Provider.CHAINLOOP)
        return status.context if status else None

    async def create(self) -> None:
        """Create a token, show it once, and list again. It need not wait for the first list."""
        frame = self._room.frame
        identity = self._browser.identity or frame.presence.identity
        if identity is None:
            return
        book = self._browser.book or Book((), frame.clock.now(), identity.threshold, timedelta())
        from app.tui.screens.tokens.create_token import CreateTokenDialog

        permissions = self._browser.permissions
        create = partial(self._services.token_creation.create_token, shown=self._context)
        dialog = CreateTokenDialog(create, identity, book, frame, permissions=permissions)
        if (created := await self._room.app.push_screen_wait(dialog)) is not None:
            self._list_again(created.token.id)

            async def settle(kept: bool) -> None:
                await self._services.token_creation.end_creation(created.token, saved=kept)

            await self._reveal(created, settle)

    async def _reveal(self, created: CreatedToken, settle: Callable[[bool], Awaitable[object]]) -> None:
        from app.tui.screens.tokens.reveal import RevealDialog

        frame = self._room.frame
        dialog = RevealDialog(created, self._services, frame.clock, settle, lives_on=frame.demo is None)
        await self._room.app.push_screen_wait(dialog)

    async def revoke(self) -> None:
        """Ask, revoke what is marked or under the cursor, and list again as the proof."""
        chosen, identity, listing = self._browser.chosen_as_shown(), self._browser.identity, self.listing
        if not chosen or identity is None or listing is None:
            return
        from app.tui.screens.tokens.revoke_many import Countdown, RevokeMany
        from app.tui.screens.tokens.revoke_tokens import ConfirmRevoke

        ask, clock = self._room.app.push_screen_wait, self._room.frame.clock
        with self._room.doing("reading which tokens were created with it"):
            created = await self._services.tokens.find_descendants({token.id for token in chosen}, listing)
        if (confirmed := await ask(ConfirmRevoke(chosen, identity, clock, created))) is None:
            return
        tokens, reason, shown = confirmed.tokens, confirmed.reason, listing.context
        if len(tokens) == 1:
            await self._revoke_one(tokens[0], reason, shown)
        elif await ask(Countdown(len(tokens), clock)):
            await ask(
                RevokeMany(tokens, partial(self._services.revocation.revoke_tokens, shown=shown), reason)
            )
        else:
            return
        self._browser.marks = frozenset()
        self._list_again("")

    async def _revoke_one(self, token: APIToken, reason: str, shown: RequestContext | None) -> None:
        with self._room.doing(f"revoking {clean(token.name, 40)}"):
            wanted = [(token.id, token.name)]
            (result,) = await self._services.revocation.revoke_tokens(wanted, reason, shown=shown)
        if result.error is not None:
            raise result.error
        at = result.revoked_at
        proof = f"revoked at {local(at):%H:%M:%S}, read back from the server" if at else "revoked"
        self._tell("Revoked", f"{clean(token.name, 80)}: {proof}")

    async def rotate(self) -> None:
        """Create the successor, show it once, try it, and only then ask about the old one."""
        row, listing = self._browser.row, self.listing
        if row is None or listing is None:
            return
        from app.domain.rotation import NewLife, successor
        from app.tui.screens.tokens.rotate_messages import may_end_old, may_rotate

        ask, old = self._room.app.push_screen_wait, row.token
        now, latest = self._room.frame.clock.now, listing.identity.latest_end
        draft = successor(old, {t.name for t in listing.tokens if t.revoked_at is None}, listing.as_of)
        cut = expiry.is_too_long(draft.expires_in, now(), latest)
        organization = listing.identity.organization
        if not await ask(may_rotate(old, draft.name, organization, latest, cut=cut)):
            return
        life = NewLife(expiry.longest(now(), latest)) if cut and latest is not None else None
        with self._room.doing(f"rotating {clean(old.name, 40)}"):
            try:
                rotation = await self._services.rotation.create_successor(old, listing, life)
            except LoopinError:
                # Where the answer was lost, the token may be there.
                self._list_again("")
                raise
        self._list_again(rotation.created.token.id)
        await self._reveal(rotation.created, lambda kept: self._services.rotation.record_handover(rotation))
        revoke = await ask(may_end_old(rotation, await self._try(rotation)))
        with self._room.doing(f"rotating {clean(old.name, 40)}"):
            await self._services.rotation.end_rotation(rotation, revoke_old=bool(revoke))
        self._list_again("")
        self._tell("Rotated", f"{clean(old.name, 60)} is revoked" if revoke else "both tokens are kept")

    async def _try(self, rotation: Rotation) -> str:
        try:
            with self._room.doing("trying the new token"):
                await self._services.rotation.verify_new(rotation)
        except LoopinError as error:
            return error.message
        return ""

    async def notice_vanished(self, listing: Listing) -> None:
        """Tell what somebody else revoked since the last listing; it is in the trail then."""
        try:
            gone = await self._services.vanished_tokens.find_vanished(listing)
        except LoopinError:
            # What cannot be remembered is compared with the next list; nobody can do anything about it here.
            return
        if gone:
            names = ", ".join(clean(one.token.name, 40) for one in gone[:3])
            more = f" and {len(gone) - 3:,} more" if len(gone) > 3 else ""
            self._tell("Revoked outside Loopin", f"{names}{more}: see Activity")

    async def tell_interrupted(self, listing: Listing) -> None:
        """Tell what a crash left: revocations that are half done, new tokens that nobody may have seen."""
        from app.tui.screens.messages import interrupted_threshold
        from app.tui.screens.tokens.rotate_messages import was_half_done, was_interrupted, was_not_saved

        ask = self._room.app.push_screen_wait
        for change in await self._services.threshold.end_interrupted(listing.context, listing.identity):
            words = interrupted_threshold(change)
            self._room.notify(words, severity="warning", timeout=20, markup=False)
        for half in await self._services.interrupted.end_revocations(listing):
            if await ask(was_half_done(half)):
                self._browser.marks = frozenset(half.left)
        for unsaved in await self._services.interrupted.find_creations(listing):
            revoke = await ask(was_not_saved(unsaved))
            await self._services.interrupted.end_creation(unsaved, revoke=bool(revoke))
            self._list_again("")
        for found in await self._services.interrupted.find_rotations(listing):
            revoke = await ask(was_interrupted(found))
            await self._services.interrupted.end_rotation(found, revoke_new=bool(revoke))
            self._list_again("")

    async def export(self) -> None:
        """Write what is shown to a file."""
        book, identity = self._browser.book, self._browser.identity
        if book is None or identity is None:
            return
        from app.tui.screens.tokens.export_tokens import ExportTokensDialog

        rows, where = list(self._browser.rows), clean(identity.organization)
        dialog = ExportTokensDialog(self._services.export, rows, book, where)
        if (path := await self._room.app.push_screen_wait(dialog)) is not None:
            self._tell("Exported", f"{len(rows):,} tokens written to {clean(path)}")

    def _tell(self, title: str, words: str) -> None:
        self._room.notify(words, title=title, markup=False)
