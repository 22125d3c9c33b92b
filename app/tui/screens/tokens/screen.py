"""Tokens: the API tokens of the organization, and what can be done with them."""

import asyncio
from datetime import timedelta
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType

from app.domain import text as plain
from app.domain.errors import LoopinError
from app.domain.gc_pause import pause_gc
from app.domain.server_info import TOKEN_PERMISSIONS, ServerInfo
from app.domain.token_index import AT_ONCE, FEW, TokenIndex
from app.domain.token_row import Tab
from app.domain.tokens import TokenState
from app.services.tokens import Listing
from app.tui.commands.bindings import bindings_for
from app.tui.commands.registry import CommandGroup
from app.tui.screens.account_state import AppContext
from app.tui.screens.base_screen import BaseScreen
from app.tui.screens.messages import show_load_error
from app.tui.screens.tokens.flows import TokenFlows
from app.tui.screens.tokens.services import TokenServices
from app.tui.screens.workers import change, read
from widgets.content_state import ContentState
from widgets.footer import KeyHint
from widgets.presenter import clean
from widgets.token_browser import TokenBrowser

_DIALOG = "a dialog, and what it decides"
"""One group: no dialog opens over another one, and a change ends before the next one is asked about."""
_CHANGES = {"new", "revoke", "rotate"}
_ON_TOKENS = {"mark", "mark_range", "mark_all", "revoke", "rotate", "copy_id", "copy_name", "keyless"}


class TokensScreen(BaseScreen):
    """Reads the list, lets the browser show it, and starts the flows."""

    COMMAND_GROUP = CommandGroup.TOKENS
    TAB = "app.tokens"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "TokenTable"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(CommandGroup.TOKENS)]

    def __init__(self, app_context: AppContext, services: TokenServices) -> None:
        super().__init__(app_context)
        self._services = services
        self._browser = TokenBrowser(id="tokens-list")
        self._content = ContentState(id="tokens-state")
        self._server: ServerInfo | None = None
        self._flows = TokenFlows(self, self._browser, services, self._list_again)
        self._token_to_show = ""
        self._stale = True
        self._asked_about_interrupted = False

    def compose_body(self) -> ComposeResult:
        with self._content:
            yield self._browser

    # ── reading ──

    def on_mount(self) -> None:
        self._content.show_loading("listing the tokens …")
        if minutes := self._services.settings.refresh_minutes:
            self.set_interval(minutes * 60, self.poll)

    def poll(self) -> None:
        """List again after an interval; not with an API token, since each request counts as a use."""
        identity = self._browser.identity
        if self.is_current and identity is not None and not identity.is_token:
            self.load()

    def on_screen_resume(self) -> None:
        if self._stale:
            self._stale = False
            self.call_after_refresh(self.load)

    def account_changed(self) -> None:
        """Forget what was somebody else's, and list again."""
        self.workers.cancel_group(self, "list")
        self._browser.forget()
        # Another account may be at another server.
        self._server = None
        self._flows.listing = None
        self._content.show_loading("listing the tokens …")
        self._stale = True
        if self.is_current:
            self.on_screen_resume()

    def watch_account_state(self) -> None:
        """List again at the next visit: something was done on another screen."""
        if self._browser.index is not None and not self.is_current:
            self._stale = True

    @read("list the tokens", group="list")
    async def load(self) -> None:
        """List the tokens, and sort them."""
        self.reading = "refreshing"
        try:
            listing = await self._services.tokens.list_tokens()
            self._server = self._server or await self._ask_server()
            index = await self._build_index(listing)
        finally:
            self.reading = ""
        self._show_listing(listing, index)

    async def _ask_server(self) -> ServerInfo | None:
        """Ask once what the server can do; the list does not need it."""
        try:
            return await self._services.organizations.server_info()
        except LoopinError:
            return None

    async def _build_index(self, listing: Listing) -> TokenIndex:
        """Index the listing and sort it as the browser shows it; with a filter, build all rows."""
        near = timedelta(days=self._services.settings.near_days)
        tab, order, has_filter = self._browser.tab, self._browser.sort, bool(self._browser.filter)

        def build() -> TokenIndex:
            index = TokenIndex(listing.tokens, listing.as_of, listing.identity.threshold, near)
            index.sort(tab, order)
            if has_filter:
                index.build_rows()
            return index

        if len(listing.tokens) <= FEW:
            return build()
        with pause_gc(len(listing.tokens)):
            return await asyncio.to_thread(build)

    def _list_again(self, token_id: str) -> None:
        self._token_to_show = token_id or self._token_to_show
        self.load()

    def _show_listing(self, listing: Listing, index: TokenIndex) -> None:
        before = self._browser.index
        self._flows.listing = listing
        self.as_of = listing.as_of
        if not index.tokens:
            self._show_empty(listing.identity.organization)
        elif not self._content.is_filled:
            self._content.show_filled()
            self.call_after_refresh(self._browser.focus_table)
        permissions = self._server is not None and TOKEN_PERMISSIONS in self._server.capabilities
        self._browser.browse(index, listing.identity, permissions=permissions)
        if self._token_to_show:
            self._browser.show_token(self._token_to_show)
            self._token_to_show = ""
        self.refresh_bindings()
        self.call_after_refresh(self._after_listing, listing, index, before)

    def _after_listing(self, listing: Listing, index: TokenIndex, before: TokenIndex | None) -> None:
        """Do what can wait until the list is painted."""
        self.build_rows(index, before)
        self.notice_vanished(listing)
        if not self._asked_about_interrupted:
            self._asked_about_interrupted = True
            self.look_for_interrupted(listing)

    @read("work out the list", group="finish")
    async def build_rows(self, index: TokenIndex, before: TokenIndex | None) -> None:
        """Build the rows of a long list that are not on the screen, and free the list before."""
        if not index.has_all_rows and len(index.tokens) > AT_ONCE:
            with pause_gc(len(index.tokens)):
                await asyncio.to_thread(index.build_rows)
        if index is self._browser.index:
            self._browser.apply_pending_filter()
        if before is not None:
            await asyncio.to_thread(before.clear)

    def _show_empty(self, organization: str) -> None:
        title = f"No API tokens in {clean(organization, 80)}"
        hint = "A token lets a pipeline work without a person."
        self._content.show_empty(title, hint, ("New token", "screen.new"))
        self.call_after_refresh(self._content.focus_button)

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show why the tokens could not be listed, unless an older list is there to keep."""
        if group != "list" or self._browser.index is not None or not isinstance(error, LoopinError):
            return False
        show_load_error(self._content, error)
        return True

    # ── commands ──

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """Most commands need a list, or a row."""
        index, row = self._browser.index, self._browser.row
        identity = self._browser.identity or self.account_state.identity
        if action == "new" and identity is None:
            return "who you are is not known yet"
        if action in _CHANGES and (why := identity and identity.why_no_changes()):
            return why
        if action in _CHANGES and (why := identity and identity.why_no_tokens()):
            return why
        if action in _ON_TOKENS and row is None:
            return "there is no token here"
        revoked = action == "rotate" and row is not None and row.state is TokenState.REVOKED
        if revoked or (action == "revoke" and not self._browser.chosen()):
            return "it is revoked already"
        if action in {"sort", "filter", "saved", "turn", "tab", "export"} and index is None:
            return "the tokens are not listed yet"
        if action in {"sort", "filter", "export"} and index is not None and not index.tokens:
            return "there is no token here"
        return ""

    def own_hints(self) -> tuple[KeyHint, ...]:
        """While a filter is typed, the footer names what works there."""
        return self._browser.hints

    def go_back(self) -> bool:
        """Clear the marks, then the filter."""
        return self._browser.go_back()

    def action_refresh(self) -> None:
        """List again."""
        self.load()

    def action_tab(self, name: str) -> None:
        """Turn to a tab."""
        self._browser.tab = Tab[name]

    def action_turn(self, by: int) -> None:
        """Turn to the next or the previous tab, round and round."""
        self._browser.turn(by)

    def action_filter(self) -> None:
        """Let the person type a filter."""
        self._browser.enter_filter()

    def action_mark(self) -> None:
        """Mark the row under the cursor, or take its mark off, and go on to the next."""
        self._browser.mark()

    def action_mark_range(self) -> None:
        """Mark everything between the last marked row and the cursor."""
        self._browser.mark_range()

    def action_mark_all(self) -> None:
        """Mark all rows shown; when they are marked already, take the marks off."""
        self._browser.mark_all()

    @change("sort", group=_DIALOG)
    async def action_sort(self) -> None:
        """Choose the order."""
        from app.tui.screens.tokens.dialogs import SortDialog

        if (chosen := await self.app.push_screen_wait(SortDialog(self._browser.sort))) is not None:
            self._browser.sort = chosen

    @change("use saved filters", group=_DIALOG)
    async def action_saved(self) -> None:
        """Choose among the saved filters, or save the one that is typed."""
        from app.tui.screens.tokens.saved_filters import SavedFiltersDialog

        dialog = SavedFiltersDialog(self._services.saved_filters, self._browser.typed)
        if (chosen := await self.app.push_screen_wait(dialog)) is not None:
            self._browser.type(chosen)

    @on(TokenBrowser.Opened)
    def _opened(self, event: TokenBrowser.Opened) -> None:
        from app.tui.screens.tokens.dialogs import TokenDialog

        self.open_above(TokenDialog(event.detail))

    def action_keyless(self) -> None:
        """Show the job that needs no token."""
        if (row := self._browser.row) is not None:
            from app.tui.screens.tokens.ci_job_dialog import CIJobDialog

            self.open_above(CIJobDialog(row.token, self._services.clipboard_service))

    @change("open the web pages")
    async def action_open(self) -> None:
        """Open the web pages of the control plane."""
        url = await self._services.organizations.dashboard_url()
        self.notify(f"opened in {await self._services.browser.open(url)}", markup=False)

    def action_copy_id(self) -> None:
        """Copy the id of the token under the cursor."""
        if (row := self._browser.row) is not None:
            self._copy(plain.clean(row.token.id), "the id")

    def action_copy_name(self) -> None:
        """Copy the name of the token under the cursor."""
        if (row := self._browser.row) is not None:
            self._copy(plain.clean(row.token.name), "the name")

    @change("copy")
    async def _copy(self, text: str, what: str) -> None:
        self.notify(f"{what}: {await self._services.clipboard_service.copy_text(text)}", markup=False)

    # ── the flows ──

    @change("create a token", group=_DIALOG)
    async def action_new(self) -> None:
        """Create a token."""
        await self._flows.create()

    @change("revoke tokens", group=_DIALOG)
    async def action_revoke(self) -> None:
        """Revoke what is marked, or the token under the cursor."""
        await self._flows.revoke()

    @change("rotate the token", group=_DIALOG)
    async def action_rotate(self) -> None:
        """Replace the token under the cursor by a new one."""
        await self._flows.rotate()

    @change("export the list", group=_DIALOG)
    async def action_export(self) -> None:
        """Write what is shown to a file."""
        await self._flows.export()

    @change("compare with the last list", quiet=True)
    async def notice_vanished(self, listing: Listing) -> None:
        """Tell what somebody else revoked."""
        await self._flows.notice_vanished(listing)

    @change("look for interrupted work", quiet=True)
    async def look_for_interrupted(self, listing: Listing) -> None:
        """Tell what a crash left; while a dialog is open, that is left for the next list."""
        if await self._services.activity_log.interrupted():
            self._asked_about_interrupted = self.tell_interrupted(listing) is not None

    @change("tell what was interrupted", group=_DIALOG, quiet=True)
    async def tell_interrupted(self, listing: Listing) -> None:
        """Ask what is to become of it."""
        await self._flows.tell_interrupted(listing)
