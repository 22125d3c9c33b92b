"""The Tokens room: every API token of the organization, and what can be done with them."""

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.worker import Worker

from app.domain import text as plain
from app.domain.errors import LoopinError, NoOrganization, NotSignedIn
from app.domain.token_index import Book
from app.domain.token_row import Tab
from app.domain.tokens import TokenState
from app.services.tokens import Listing
from app.tui.commands.bindings import bindings_for
from app.tui.commands.command import Room
from app.tui.screens.account_state import Frame, Presence
from app.tui.screens.base_screen import RoomScreen
from app.tui.screens.messages import at_hand, show_no_organization, sign_in_key
from app.tui.screens.tokens.flows import TokenFlows
from app.tui.screens.tokens.loading import TokenReader, in_steps, work_out
from app.tui.screens.tokens.services import Listed, TokenServices
from app.tui.screens.workers import change
from widgets.content_state import StateView
from widgets.footer import KeyHint
from widgets.presenter import clean
from widgets.token_browser import TokenBrowser

_DIALOG = "a dialog, and what it decides"
"""One at a time: no dialog opens over another one, and a change ends before the next one is asked about."""
_CHANGES = {"new", "revoke", "rotate"}
_ON_TOKENS = {"mark", "mark_range", "mark_all", "revoke", "rotate", "copy_id", "copy_name", "keyless"}


class TokensScreen(RoomScreen):
    """Reads the list, lets the browser show it, and starts the flows."""

    ROOM = Room.TOKENS
    TAB = "app.tokens"
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "TokenTable"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for(Room.TOKENS)]

    def __init__(self, frame: Frame, services: TokenServices) -> None:
        super().__init__(frame)
        self._services = services
        self._browser = TokenBrowser(id="tokens-list")
        self._reader = TokenReader(services)
        self._flows = TokenFlows(self, self._browser, services, self._list_again)
        self._go_to = ""
        self._stale = True
        self._looked = False

    def compose_body(self) -> ComposeResult:
        with StateView(id="tokens-state"):
            yield self._browser

    # ── reading ──

    def on_mount(self) -> None:
        self._state.show_loading("listing the tokens …")
        if minutes := self._services.settings.refresh_minutes:
            self.set_interval(minutes * 60, self.poll)

    def poll(self) -> None:
        """List again by the clock. Never under an API token: asking would keep alive what nobody uses."""
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
        self._reader.forget()
        self._flows.listing = None
        self._state.show_loading("listing the tokens …")
        self._stale = True
        if self.is_current:
            self.on_screen_resume()

    def presence_changed(self, presence: Presence) -> None:
        """Something was done elsewhere: what is listed here may be old."""
        if self._browser.book is not None and not self.is_current:
            self._stale = True

    @work(exclusive=True, group="list", description="list the tokens", exit_on_error=False)
    async def load(self) -> None:
        """List the tokens, and put them in order."""
        self.busy = "refreshing"
        try:
            first = (self._browser.tab, self._browser.sort)
            listed = await self._reader.read(first, whole=bool(self._browser.filter))
        finally:
            self.busy = ""
        # No message: one that still waits when the account changes would be shown under the new header.
        self._show_listed(listed)

    def _list_again(self, token_id: str) -> None:
        self._go_to = token_id or self._go_to
        self.load()

    def _show_listed(self, listed: Listed) -> None:
        before, book, listing = self._browser.book, listed.book, listed.listing
        self._flows.listing = listing
        self.as_of = listing.as_of
        if not book.tokens:
            self._say_empty(listing.identity.organization)
        elif self._state.state != "filled":
            self._state.show_filled()
            self._focus_soon("#tokens-table")
        self._browser.browse(book, listing.identity, permissions=listed.permissions)
        if self._go_to:
            self._browser.reach(self._go_to)
            self._go_to = ""
        self.refresh_bindings()
        self.call_after_refresh(self._after_listed, listing, book, before)

    def _after_listed(self, listing: Listing, book: Book, before: Book | None) -> None:
        """What need not be done before the list is on the screen."""
        self.finish(book, before)
        self.notice_vanished(listing)
        if not self._looked:
            self._looked = True
            self.look_for_interrupted(listing)

    @work(exclusive=True, group="finish", description="work out the list", exit_on_error=False)
    async def finish(self, book: Book, before: Book | None) -> None:
        """Work out the rows that are not on the screen, and free what is no longer shown."""
        await work_out(book)
        if book is self._browser.book:
            self._browser.catch_up()
        if before is not None:
            await in_steps(before.let_go())

    # ── what stands in the list's place ──

    @property
    def _state(self) -> StateView:
        return self.query_one(StateView)

    def _say_empty(self, organization: str) -> None:
        title = f"No API tokens in {clean(organization, 80)}"
        hint = "A token lets a pipeline work without a person."
        self._state.show_empty(title, hint, button="New token", action="new")
        self._focus_soon("#state-note Button")

    def show_failure(self, error: BaseException, worker: Worker[object]) -> bool:
        """A list that could not be read: said on the screen, unless an older one is there to keep."""
        if worker.group != "list" or self._browser.book is not None or not isinstance(error, LoopinError):
            return False
        if isinstance(error, NoOrganization):
            show_no_organization(self._state, error)
        elif isinstance(error, NotSignedIn):
            self._state.show_error(
                at_hand(error, sign_in_key(self)), button="Go to Accounts", action="accounts"
            )
        else:
            self._state.show_error(at_hand(error, sign_in_key(self)))
        self._focus_soon("#state-note Button")
        return True

    def _focus_soon(self, selector: str) -> None:
        """Give the focus to what has only now come to be shown."""
        self.call_after_refresh(lambda: self.query_one(selector).focus())

    @on(StateView.Chosen)
    async def _offered(self, event: StateView.Chosen) -> None:
        actions = {
            "accounts": "app.room('accounts')",
            "new": "new",
            "create_organization": "app.create_organization",
        }
        await self.run_action(actions.get(event.action, "refresh"))

    # ── what the keys do ──

    def why_disabled(self, action: str, parameters: tuple[object, ...]) -> str:
        """What cannot be done without a list, or without a row."""
        book, row = self._browser.book, self._browser.row
        identity = self._browser.identity or self.frame.presence.identity
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
        if action in {"sort", "filter", "saved", "turn", "tab", "export"} and book is None:
            return "the tokens are not listed yet"
        if action in {"sort", "filter", "export"} and book is not None and not book.tokens:
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
            from app.tui.screens.tokens.ci_job_dialog import KeylessWayDialog

            self.open_above(KeylessWayDialog(row.token, self._services.clipboard_service))

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
            self._looked = self.tell_interrupted(listing) is not None

    @change("tell what was interrupted", group=_DIALOG, quiet=True)
    async def tell_interrupted(self, listing: Listing) -> None:
        """Ask what is to become of it."""
        await self._flows.tell_interrupted(listing)
