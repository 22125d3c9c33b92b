"""The flows of the Tokens screen: create, revoke, rotate, export, and what a crash interrupted.

A dialog is imported by the flow that opens it, so that the list alone needs none in memory.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from app.domain import expiry
from app.domain.credentials import Provider
from app.domain.durations import short
from app.domain.errors import LoopinError
from app.domain.expiry import MARGIN
from app.domain.times import local
from app.domain.token_index import TokenIndex
from app.tui.screens.dialogs.dialog import Confirm
from widgets.presenter import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from app.domain.export import Format
    from app.domain.request_context import RequestContext
    from app.domain.tokens import APIToken, CreatedToken
    from app.services.interrupted import InterruptedCreation, InterruptedRevocation, InterruptedRotation
    from app.services.rotation import Rotation
    from app.services.tokens import Listing
    from app.tui.screens.base_screen import BaseScreen
    from app.tui.screens.tokens.services import TokenServices
    from widgets.token_browser import TokenBrowser


_CREATION_DELAY = timedelta(minutes=1)
"""So much later than its expiry was computed may a token have been created: 90 days stay 90 days."""


class TokenFlows:
    """Each flow asks, changes, and lists again to show the result.

    A flow runs in a worker of `screen` and works on what `browser` shows. `list_again` gets the id of the
    token to put the cursor on, "" to leave it where it is. `listing` is what the browser shows: a change goes
    where it was read, whatever is switched meanwhile.
    """

    def __init__(
        self,
        screen: BaseScreen,
        browser: TokenBrowser,
        services: TokenServices,
        list_again: Callable[[str], object],
    ) -> None:
        self._screen = screen
        self._browser = browser
        self._services = services
        self._list_again = list_again
        self.listing: Listing | None = None

    @property
    def _request_context(self) -> RequestContext | None:
        """Where the list was read; before the first list, where the account was looked at."""
        if self.listing is not None:
            return self.listing.context
        status = self._screen.account_state.of(Provider.CHAINLOOP)
        return status.context if status else None

    async def create(self) -> None:
        """Create a token, show it once, and list again. It need not wait for the first list."""
        app_context = self._screen.app_context
        identity = self._browser.identity or self._screen.account_state.identity
        if identity is None:
            return
        index = self._browser.index or TokenIndex(
            (), app_context.clock.now(), identity.threshold, timedelta()
        )
        from app.tui.screens.tokens.create_token import CreateTokenDialog

        permissions = self._browser.permissions
        create = partial(self._services.token_creation.create_token, shown=self._request_context)
        dialog = CreateTokenDialog(
            create,
            identity,
            index,
            app_context.clock,
            lambda: self._screen.account_state.identity,
            permissions=permissions,
        )
        if (created := await self._screen.app.push_screen_wait(dialog)) is not None:
            self._list_again(created.token.id)

            async def settle(kept: bool) -> None:
                await self._services.token_creation.end_creation(created.token, saved=kept)

            await self._reveal(created, settle)

    async def _reveal(self, created: CreatedToken, settle: Callable[[bool], Awaitable[object]]) -> None:
        from app.tui.screens.tokens.reveal import RevealDialog

        app_context = self._screen.app_context
        dialog = RevealDialog(
            created, self._services, app_context.clock, settle, lives_on=app_context.demo is None
        )
        await self._screen.app.push_screen_wait(dialog)

    async def revoke(self) -> None:
        """Ask, revoke what is marked or under the cursor, and list again as the proof."""
        chosen, identity, listing = self._browser.chosen_as_shown(), self._browser.identity, self.listing
        if not chosen or identity is None or listing is None:
            return
        from app.tui.screens.tokens.revoke_many import Countdown, RevokeMany
        from app.tui.screens.tokens.revoke_tokens import ConfirmRevoke

        ask, clock = self._screen.app.push_screen_wait, self._screen.app_context.clock
        with self._screen.busy_with("reading which tokens were created with it"):
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
        with self._screen.busy_with(f"revoking {clean(token.name, 40)}"):
            (result,) = await self._services.revocation.revoke_tokens(
                [(token.id, token.name)], reason, shown=shown
            )
        if result.error is not None:
            raise result.error
        at = result.revoked_at
        proof = f"revoked at {local(at):%H:%M:%S}, read back from the server" if at else "revoked"
        self._notify("Revoked", f"{clean(token.name, 80)}: {proof}")

    async def rotate(self) -> None:
        """Create the successor, show it once, try it, and only then ask about the old one."""
        row, listing = self._browser.row, self.listing
        if row is None or listing is None:
            return
        from app.domain.rotation import NewLife, successor

        ask, old = self._screen.app.push_screen_wait, row.token
        now, latest = self._screen.app_context.clock.now, listing.identity.latest_end
        draft = successor(old, {t.name for t in listing.tokens if t.revoked_at is None}, listing.as_of)
        cut = expiry.is_too_long(draft.expires_in, now(), latest)
        organization = listing.identity.organization
        if not await ask(_rotate_question(old, draft.name, organization, latest, cut=cut)):
            return
        life = NewLife(expiry.longest(now(), latest)) if cut and latest is not None else None
        with self._screen.busy_with(f"rotating {clean(old.name, 40)}"):
            try:
                rotation = await self._services.rotation.create_successor(old, listing, life)
            except LoopinError:
                # Where the answer was lost, the token may be there.
                self._list_again("")
                raise
        self._list_again(rotation.created.token.id)
        await self._reveal(rotation.created, lambda kept: self._services.rotation.record_handover(rotation))
        revoke = await ask(_revoke_old_question(rotation, await self._verify(rotation)))
        with self._screen.busy_with(f"rotating {clean(old.name, 40)}"):
            await self._services.rotation.end_rotation(rotation, revoke_old=bool(revoke))
        self._list_again("")
        self._notify("Rotated", f"{clean(old.name, 60)} is revoked" if revoke else "both tokens are kept")

    async def _verify(self, rotation: Rotation) -> str:
        try:
            with self._screen.busy_with("trying the new token"):
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
            self._notify("Revoked outside Loopin", f"{names}{more}: see Activity")

    async def tell_interrupted(self, listing: Listing) -> None:
        """Tell what a crash left: revocations that are half done, new tokens that nobody may have seen."""
        from app.tui.screens.messages import interrupted_threshold_sentence

        ask = self._screen.app.push_screen_wait
        for change in await self._services.threshold.end_interrupted(listing.context, listing.identity):
            words = interrupted_threshold_sentence(change)
            self._screen.notify(words, severity="warning", timeout=20, markup=False)
        for half in await self._services.interrupted.end_revocations(listing):
            if await ask(_interrupted_revocation_question(half)):
                self._browser.marks = frozenset(half.left)
        for unsaved in await self._services.interrupted.find_creations(listing):
            revoke = await ask(_unsaved_token_question(unsaved))
            await self._services.interrupted.end_creation(unsaved, revoke=bool(revoke))
            self._list_again("")
        for found in await self._services.interrupted.find_rotations(listing):
            revoke = await ask(_interrupted_rotation_question(found))
            await self._services.interrupted.end_rotation(found, revoke_new=bool(revoke))
            self._list_again("")

    async def export(self) -> None:
        """Write what is shown to a file."""
        index, identity = self._browser.index, self._browser.identity
        if index is None or identity is None:
            return
        from app.domain.names import problem
        from app.tui.screens.dialogs.export_file import ExportDialog

        rows, where = list(self._browser.rows), clean(identity.organization)

        async def write(form: Format, path: str) -> str:
            return await self._services.export.export_tokens(rows, form, path, index.now, index.threshold)

        title = f"Export {len(rows):,} token{'s' * (len(rows) != 1)}"
        note = "What the tab and the filter show now, in this order."
        stem = f"tokens-{'' if problem(where) else f'{where}-'}{index.now:%Y-%m-%d}"
        dialog = ExportDialog(title, "the list", note, stem, write)
        if (path := await self._screen.app.push_screen_wait(dialog)) is not None:
            self._notify("Exported", f"{len(rows):,} tokens written to {clean(path)}")

    def _notify(self, title: str, words: str) -> None:
        self._screen.notify(words, title=title, markup=False)


def _rotate_question(
    old: APIToken, name: str, organization: str, latest: datetime | None, *, cut: bool
) -> Confirm:
    """Before the new token is created. `latest` is its latest end, None for no limit; `cut`: it ends
    just before that, because the life of the old one is too long."""
    scope = clean(old.scope, 60)
    life = (
        f"life {short(old.expires_at - old.created_at + _CREATION_DELAY)}"
        if old.expires_at
        else "never expires"
    )
    end = ""
    if latest is not None and cut:
        life = "a shorter life than the old one"
        end = f"It ends on {_date(latest - MARGIN)}, just before the API token in use.\n"
    elif latest is not None:
        end = f"It ends at the latest on {_date(latest)}, with the API token in use.\n"
    text = (
        f"A new token {clean(name)} is created.\nScope {scope}, {life}.\n{end}"
        "You see it once and put it where the old one is. Both work until you confirm that."
    )
    title = f"Rotate {clean(old.name, 60)} in {clean(organization, 60)}?"
    return Confirm(title, text, yes="Create the new token", danger=False)


def _revoke_old_question(rotation: Rotation, problem: str) -> Confirm:
    """After the new token was seen and tried; `problem` says why it does not work."""
    old, new = clean(rotation.old.name, 60), clean(rotation.created.token.name, 60)
    tried = (
        f"The new token was tried and does NOT work: {problem}." if problem else f"{new} was tried: it works."
    )
    text = f"{tried}\nIs it in place everywhere? A revoked token cannot be brought back."
    return Confirm(
        f"Revoke the old {old}{_in(rotation.context)} now?", text, yes=f"Revoke {old}", no="Keep both"
    )


def _interrupted_rotation_question(found: InterruptedRotation) -> Confirm:
    """At the next start after a crash."""
    old, new = clean(found.entry.subject, 60), clean(found.new.name, 60)
    text = (
        f"The rotation of {old} was begun on {local(found.entry.at):%-d %B %Y at %H:%M} and never ended.\n"
        f"{new} was created; its secret may not have been saved. {old} still works."
    )
    return Confirm(f"Revoke {new}{_in(found.context)}?", text, yes=f"Revoke {new}", no="Keep both")


def _unsaved_token_question(found: InterruptedCreation) -> Confirm:
    """At the next start after the app ended over a new token."""
    name, at = clean(found.token.name, 60), f"{local(found.entry.at):%-d %B %Y at %H:%M}"
    used = "Something uses it already." if found.token.last_used_at else "Its secret may not have been saved."
    text = (
        f"It was created on {at}, and Loopin ended before it was saved. {used}\nIt works until it is revoked."
    )
    return Confirm(f"Revoke {name}{_in(found.context)}?", text, yes=f"Revoke {name}", no="Keep it")


def _interrupted_revocation_question(found: InterruptedRevocation) -> Confirm:
    """At the next start after a crash in the middle of a revocation."""
    begun = f"{local(found.entry.at):%-d %B %Y at %H:%M}"
    unknown = ""
    if found.untouched and not found.waiting:
        unknown = "\nWhich ones were not begun is not written down, or they are revoked by now."
    text = f"It was begun on {begun} and never ended: {clean(found.words)}.{unknown}"
    many = f"{found.total:,} tokens" if found.total > 1 else "a token"
    return Confirm(
        f"Revoking {many} was interrupted", text, yes="Mark what is left", no="Close", danger=False
    )


def _date(moment: datetime) -> str:
    return f"{local(moment):%-d %B %Y at %H:%M}"


def _in(context: RequestContext) -> str:
    """Name the organization, where the credential tells it."""
    return f" in {clean(context.organization.name, 60)}" if context.organization.name else ""
