"""What can be done with tokens, each a flow from the question to the proof. `tokens.py` shows the list.

A dialog is imported by the flow that opens it: who only looks at the list has none of them in memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work
from textual.worker import Worker

from app.domain.errors import LoopinError
from app.domain.server_info import TOKEN_PERMISSIONS, ServerInfo
from app.domain.text import clean, safe
from app.domain.tokens import APIToken, TokenState
from app.screens.room import RoomScreen
from widgets.filter_bar import FilterBar
from widgets.token_table import TokenTable

if TYPE_CHECKING:
    from app.domain.book import Book
    from app.domain.organizations import Identity
    from app.domain.tokens import CreatedToken
    from app.screens.frame import Frame
    from app.screens.tokens_work import TokenWork
    from app.services.rotate_token import Rotation
    from app.services.tokens import Listing


class TokenFlows(RoomScreen):
    """Each flow reads from top to bottom: ask, do, list again as the proof."""

    def __init__(self, frame: Frame, tokens: TokenWork) -> None:
        super().__init__(frame)
        self._use = tokens
        self._book: Book | None = None
        self._identity: Identity | None = None
        self._server: ServerInfo | None = None
        self._marks: frozenset[str] = frozenset()
        self._go_to = ""

    @property
    def _table(self) -> TokenTable:
        return self.query_one(TokenTable)

    def load(self) -> Worker[None]:
        """List the tokens."""
        raise NotImplementedError

    def _take_marks(self, marks: frozenset[str]) -> None:
        """Mark these tokens and no others."""
        raise NotImplementedError

    def _chosen(self) -> list[APIToken]:
        """The marked tokens, or else the one under the cursor; revoked ones are not among them."""
        if self._marks and self._book is not None:
            return [token for token in self._book.tokens if token.id in self._marks]
        row = self._table.row
        return [] if row is None or row.state is TokenState.REVOKED else [row.token]

    @work(group="new", exclusive=True, description="create a token", exit_on_error=False)
    async def action_new(self) -> None:
        """Create a token, show it once, and list again."""
        if self._identity is None or self._book is None:
            return
        from app.screens.create_token import CreateTokenDialog

        dialog = CreateTokenDialog(
            self._use.create_token,
            self._identity,
            self._book,
            self.frame.clock,
            permissions=self._knows_permissions(),
        )
        if (created := await self.app.push_screen_wait(dialog)) is None:
            return
        self._go_to = created.token.id
        self.load()
        await self._reveal(created)

    async def _reveal(self, created: CreatedToken) -> None:
        from app.screens.reveal import RevealDialog

        await self.app.push_screen_wait(RevealDialog(created, self._use, self.frame.clock))

    @work(group="revoke", exclusive=True, description="revoke tokens", exit_on_error=False)
    async def action_revoke(self) -> None:
        """Ask, revoke, and list again as the proof."""
        chosen = self._chosen()
        if not chosen or self._identity is None:
            return
        from app.screens.revoke_many import Countdown, RevokeMany
        from app.screens.revoke_tokens import ConfirmRevoke

        dialog = ConfirmRevoke(chosen, self._identity, self.frame.clock)
        if (reason := await self.app.push_screen_wait(dialog)) is None:
            return
        if len(chosen) == 1:
            await self._revoke_one(chosen[0], reason)
        elif await self.app.push_screen_wait(Countdown(len(chosen), self.frame.clock)):
            await self.app.push_screen_wait(RevokeMany(chosen, self._use.revoke_tokens, reason))
        else:
            return
        self._take_marks(frozenset())
        self.load()

    async def _revoke_one(self, token: APIToken, reason: str) -> None:
        self.busy = "revoking"
        try:
            (result,) = await self._use.revoke_tokens.do([(token.id, token.name)], reason)
        finally:
            self.busy = ""
        if result.error is not None:
            raise result.error
        at = result.revoked_at
        proof = f"revoked at {at.astimezone():%H:%M:%S}, read back from the server" if at else "revoked"
        self.notify(f"{clean(token.name, 80)}: {proof}", title="Revoked", markup=False)

    @work(group="rotate", exclusive=True, description="rotate the token", exit_on_error=False)
    async def action_rotate(self) -> None:
        """Create the successor, show it once, try it, and only then ask about the old one."""
        row, book = self._table.row, self._book
        if row is None or book is None:
            return
        from app.domain.rotation import successor
        from app.screens.rotate_words import may_end_old, may_rotate

        old, listed = row.token, list(book.tokens)
        name = successor(old, {t.name for t in listed if t.revoked_at is None}, book.now).name
        if not await self.app.push_screen_wait(may_rotate(old, name)):
            return
        rotation = await self._use.rotate.begin(old, listed)
        self._go_to = rotation.created.token.id
        self.load()
        await self._reveal(rotation.created)
        problem = await self._try(rotation)
        revoke = await self.app.push_screen_wait(may_end_old(rotation, problem))
        await self._use.rotate.finish(rotation, revoke_old=bool(revoke))
        self.load()
        said = f"{clean(old.name, 60)} is revoked" if revoke else "both tokens are kept"
        self.notify(said, title="Rotated", markup=False)

    async def _try(self, rotation: Rotation) -> str:
        self.busy = "trying the new token"
        try:
            await self._use.rotate.verify(rotation)
        except LoopinError as error:
            return error.message
        finally:
            self.busy = ""
        return ""

    @work(group="vanished", exclusive=True, description="compare with the last list", exit_on_error=False)
    async def notice_vanished(self, listing: Listing) -> None:
        """Tell what somebody else revoked since the last listing; it is in the trail then."""
        try:
            gone = await self._use.vanished.do(listing)
        except LoopinError:
            # What cannot be remembered is compared with the next list; nobody can do anything about it here.
            return
        if gone:
            names = ", ".join(clean(one.token.name, 40) for one in gone[:3])
            more = f" and {len(gone) - 3:,} more" if len(gone) > 3 else ""
            self.notify(f"{names}{more}: see Activity", title="Revoked outside Loopin", markup=False)

    @work(group="interrupted", exclusive=True, description="look for interrupted work", exit_on_error=False)
    async def look_for_interrupted(self, listing: Listing) -> None:
        """Tell what a crash left: revocations that are half done, new tokens that nobody may have seen."""
        if not await self._use.trail.interrupted():
            return
        from app.screens.rotate_words import was_half_done, was_interrupted

        for half in await self._use.interrupted.settle(listing):
            if await self.app.push_screen_wait(was_half_done(half)):
                self._take_marks(frozenset(half.left))
        listed = list(listing.tokens)
        for found in await self._use.rotate.interrupted(listed):
            revoke = await self.app.push_screen_wait(was_interrupted(found))
            await self._use.rotate.settle(found, revoke_new=bool(revoke))
            self.load()

    @work(group="export", exclusive=True, description="export the list", exit_on_error=False)
    async def action_export(self) -> None:
        """Write what is shown to a file."""
        if self._book is None or self._identity is None:
            return
        from app.screens.export_tokens import ExportTokensDialog

        rows, where = list(self._table.rows), clean(self._identity.organization)
        path = await self.app.push_screen_wait(ExportTokensDialog(self._use.export, rows, self._book, where))
        if path is not None:
            self.notify(f"{len(rows):,} tokens written to {clean(path)}", title="Exported", markup=False)

    def action_copy_id(self) -> None:
        """Copy the id of the token under the cursor."""
        if (row := self._table.row) is not None:
            self._copy(row.token.id, "the id")

    def action_copy_name(self) -> None:
        """Copy the name of the token under the cursor."""
        if (row := self._table.row) is not None:
            self._copy(safe(row.token.name), "the name")

    def _knows_permissions(self) -> bool:
        return self._server is not None and TOKEN_PERMISSIONS in self._server.capabilities

    @work(group="saved", exclusive=True, description="use saved filters", exit_on_error=False)
    async def action_saved(self) -> None:
        """Choose among the saved filters, or save the one that is typed."""
        from app.screens.saved_filters import SavedFiltersDialog

        bar = self.query_one(FilterBar)
        chosen = await self.app.push_screen_wait(SavedFiltersDialog(self._use.filters, bar.text))
        if chosen is not None:
            bar.type(chosen)

    def action_keyless(self) -> None:
        """Show the job that needs no token."""
        if (row := self._table.row) is not None:
            from app.screens.keyless_way import KeylessWayDialog

            self.app.push_screen(KeylessWayDialog(row.token, self._use.copy))

    @work(group="open", exclusive=True, description="open the web pages", exit_on_error=False)
    async def action_open(self) -> None:
        """Open the web pages of the control plane."""
        self.notify(f"opened in {await self._use.dashboard.do()}", markup=False)

    @work(group="copy", exclusive=True, description="copy", exit_on_error=False)
    async def _copy(self, text: str, what: str) -> None:
        self.notify(f"{what}: {await self._use.copy.do(text)}", markup=False)
