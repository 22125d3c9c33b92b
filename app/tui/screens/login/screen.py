"""Sign in, step 1: choose how."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from app.domain.credentials import Provider
from app.domain.errors import LoopinError, VaultLocked
from app.domain.ports import Browser, Vault
from app.domain.status import VaultStatus
from app.domain.text import capital
from app.services.clipboard import ClipboardService
from app.services.login.browser import BrowserOptions
from app.services.login.login_store import LoginTarget
from app.services.profiles import Profile
from app.tui.commands.bindings import bindings_for
from app.tui.commands.command import Room
from app.tui.screens.account_state import Frame
from app.tui.screens.base_screen import RoomScreen
from app.tui.screens.dialogs.ci_identity import KeylessDialog
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.login.form import LoginFormScreen
from app.tui.screens.login.methods import Offer
from app.tui.screens.login.progress import LoginProgressScreen
from app.tui.screens.messages import sentence, sign_in_key
from widgets.checkbox import Tick
from widgets.footer import KeyHint
from widgets.presenter import clean
from widgets.wrapped_text import Paragraph, Paragraphs

_WITHOUT = {
    Provider.CHAINLOOP: "CHAINLOOP_TOKEN",
    Provider.GUMLOOP: "GUMLOOP_ACCESS_TOKEN, or GUMLOOP_API_KEY with GUMLOOP_USER_ID",
}

_STORAGE = ("Storage  ", "$text-muted")
_WIDEST = 24


class LoginServers(Protocol):
    """Where a sign-in at one provider goes, and a choice of it."""

    async def target(self) -> LoginTarget: ...
    async def known_servers(self) -> Sequence[str]: ...
    def choose_server(self, typed: str) -> None: ...


@dataclass(frozen=True, slots=True)
class LoginTools:
    """What the sign-in screens work with.

    `obstacle` says why no browser can be opened here; `servers` where a sign-in at each provider goes, and
    what it replaces; `profiles` makes the dialog that chooses another profile.
    """

    offers: tuple[Offer, ...]
    vault: Vault
    browser: Browser
    copy: ClipboardService
    obstacle: str = ""
    servers: Mapping[Provider, LoginServers] = field(default_factory=dict)
    profiles: Callable[[Provider | None], Dialog[Profile]] | None = None


class LoginScreen(RoomScreen):
    """The ways to sign in, provider by provider. The keychain is probed before anything opens."""

    ROOM = Room.LOGIN
    TAB = "app.accounts"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(Room.LOGIN)
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "OptionList"

    class Probed(Message):
        """The keychain answered, or did not."""

        def __init__(self, status: VaultStatus) -> None:
            super().__init__()
            self.status = status

    def __init__(self, frame: Frame, tools: LoginTools, first: Provider | None = None) -> None:
        super().__init__(frame)
        self._tools = tools
        self._first = first
        self._vault: VaultStatus | None = None
        self._rows: list[Offer | None] = []
        self._headings: dict[Provider, int] = {}
        self._usual: dict[Provider, str] = {}
        self._typed: dict[Provider, str] = {}
        self._known: dict[Provider, SuggestFromList] = {}

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield OptionList(id="login-ways", markup=False)
            yield Paragraphs(id="login-storage")
            with Horizontal(id="login-where"):
                yield Static("Server", classes="muted")
                yield Input(id="login-server", compact=True, disabled=True, max_length=300)
            with Horizontal(id="login-how"):
                yield Static("Callback port, 0 = any", classes="muted")
                yield Input(str(self._port()), id="login-port", type="integer", compact=True, max_length=5)
                yield Tick("Open a browser", not self._tools.obstacle, id="login-browser")
            # Under the row: beside it, 80 columns cut it off.
            yield Static(self._obstacle(), id="login-obstacle", classes="muted", markup=False)
            yield Static(self._demo_hint(), id="login-demo", markup=False)

    def _port(self) -> int:
        wanted = [offer for offer in self._tools.offers if offer.provider is self._first and offer.port]
        return wanted[0].port if wanted else 0

    def _obstacle(self) -> str:
        return f"The browser is off: {self._tools.obstacle}." if self._tools.obstacle else ""

    def _demo_hint(self) -> Content:
        demo = self.frame.demo
        if demo is None:
            return Content("")
        return Content.assemble(
            ("DEMO  ", "bold $text-warning"),
            ("in the browser, sign in as ", "$text-muted"),
            (demo.email, "bold"),
            (" with the password ", "$text-muted"),
            (demo.password, "bold"),
        )

    def on_mount(self) -> None:
        self.query_one("#login-demo").display = self.frame.demo is not None
        self.query_one("#login-obstacle").display = bool(self._tools.obstacle)
        self._list_ways()
        self._name_servers()
        self.action_probe()

    def _list_ways(self) -> None:
        """Headings are rows that cannot be chosen."""
        ways = self.query_one(OptionList)
        for provider in dict.fromkeys(offer.provider for offer in self._tools.offers):
            if self._rows:
                self._add(ways, None, Content(""))
            self._headings[provider] = len(self._rows)
            self._add(ways, None, self._heading(provider))
            for offer in self._tools.offers:
                if offer.provider is provider:
                    self._add(ways, offer, self._way(offer))
        ways.highlighted = self._start_row()

    def _heading(self, provider: Provider, target: LoginTarget | None = None) -> Content:
        where = f"  at {clean(target.endpoint.host, 60)}" if target else ""
        what = f"  ▲ replaces {clean(target.replaces, 120)}" if target and target.replaces else ""
        return Content.assemble(
            (f"Sign in to {provider.title}", "bold $primary"), (where, "$text-muted"), (what, "$text-warning")
        )

    @work(exclusive=True, group="servers", description="look for the servers", exit_on_error=False)
    async def _name_servers(self) -> None:
        ways = self.query_one(OptionList)
        for provider, servers in self._tools.servers.items():
            servers.choose_server("")
            target, known = await servers.target(), await servers.known_servers()
            ways.replace_option_prompt_at_index(self._headings[provider], self._heading(provider, target))
            self._known[provider] = SuggestFromList(known, case_sensitive=False)
            self._usual[provider] = self._typed[provider] = target.endpoint.typed
        self._show_server()

    def _offer(self) -> Offer | None:
        """The way under the cursor."""
        row = self.query_one(OptionList).highlighted
        return self._rows[row] if row is not None else None

    def _show_server(self) -> None:
        offer = self._offer()
        provider = offer.provider if offer else None
        field = self.query_one("#login-server", Input)
        field.disabled = provider not in self._typed
        if offer is not None and offer.server:
            field.disabled = True
            with field.prevent(Input.Changed):
                field.value = clean(offer.server, 100)
        elif provider is not None and provider in self._typed:
            field.suggester = self._known[provider]
            with field.prevent(Input.Changed):
                field.value = self._typed[provider]

    @on(Input.Changed, "#login-server")
    def _server_typed(self, event: Input.Changed) -> None:
        if (offer := self._offer()) is not None:
            self._typed[offer.provider] = event.value

    @on(Input.Submitted, "#login-server")
    def _server_entered(self) -> None:
        self.query_one(OptionList).focus()

    def _takes_server(self, offer: Offer) -> bool:
        """Let the sign-in go to the server that is typed; say why it cannot."""
        provider = offer.provider
        servers, typed = self._tools.servers.get(provider), self._typed.get(provider, "")
        if servers is None or offer.server:
            return True
        try:
            servers.choose_server("" if typed.strip() == self._usual.get(provider) else typed)
        except LoopinError as error:
            self.notify(sentence(error, sign_in_key(self)), severity="error", markup=False)
            self.query_one("#login-server").focus()
            return False
        return True

    def _way(self, offer: Offer, mark: str = " ") -> Content:
        wide = max(len(other.title) for other in self._tools.offers if len(other.title) <= _WIDEST)
        style = "$text-disabled" if offer.why_not else ""
        note = (clean(offer.why_not or offer.note, 200), style or "$text-muted")
        # A longer title moves no other note: its own stands below it.
        title = f"{offer.title}\n    " if len(offer.title) > _WIDEST else offer.title.ljust(wide + 3)
        return Content.assemble((f"{mark} {title}", style), note)

    def _add(self, ways: OptionList, offer: Offer | None, text: Content) -> None:
        self._rows.append(offer)
        ways.add_option(Option(text, disabled=offer is None or bool(offer.why_not)))

    def _start_row(self) -> int | None:
        free = [(i, o) for i, o in enumerate(self._rows) if o is not None and not o.why_not]
        wanted = [i for i, offer in free if self._first in {None, offer.provider}]
        return next(iter(wanted or [i for i, _ in free]), None)

    def own_hints(self) -> tuple[KeyHint, ...]:
        """Enter belongs to the list."""
        return (KeyHint("enter", "sign in this way", "choose", self.focused is self.query_one(OptionList)),)

    # ── the keychain ──

    def action_probe(self) -> None:
        """Look at the keychain, in the background."""
        self._vault = None
        self._say_storage(Paragraph((_STORAGE,), "◌ looking at the keychain …"))
        self._probe()

    @work(exclusive=True, group="probe", description="look at the keychain", exit_on_error=False)
    async def _probe(self) -> None:
        self.post_message(self.Probed(await self._tools.vault.probe()))

    @on(Probed)
    def _probed(self, event: Probed) -> None:
        self._vault = event.status
        label, error = clean(event.status.label, 60), event.status.error
        if error is None:
            self._say_storage(Paragraph((_STORAGE,), f"✓ {label}, ready", "$text-success"))
            return
        if isinstance(error, VaultLocked):
            words = f"! {clean(error.message)}: it will ask to be unlocked when you sign in"
            self._say_storage(Paragraph((_STORAGE,), words, "$text-warning"))
            return
        providers = dict.fromkeys(offer.provider for offer in self._tools.offers)
        ways = "; ".join(f"{_WITHOUT[provider]} ({provider.title})" for provider in providers)
        indent = " " * len(_STORAGE[0])
        self._say_storage(
            Paragraph((_STORAGE,), f"✗ {clean(error.message)}", "bold $text-error"),
            Paragraph((indent,), clean(capital(error.hint))),
            Paragraph(
                (indent,), f"Nothing is stored without a keychain. For one run set {ways}.", "$text-muted"
            ),
        )

    def _say_storage(self, *paragraphs: Paragraph) -> None:
        self.query_one("#login-storage", Paragraphs).paragraphs = paragraphs

    # ── choosing ──

    def action_profile(self) -> None:
        """Choose the profile to sign in to: another name keeps the login that this one has."""
        if self._tools.profiles is not None:
            offer = self._offer()
            self.app.push_screen(self._tools.profiles(offer.provider if offer else None), self._profile_used)

    def _profile_used(self, profile: Profile | None) -> None:
        if profile is not None:
            self.frame.account_changed.publish(None)
            self._name_servers()

    def action_choose(self) -> None:
        """Start the way under the cursor."""
        self.query_one(OptionList).action_select()

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        offer = self._rows[event.option_index]
        # Colour is not the only sign of where one is.
        for index, other in enumerate(self._rows):
            if other is not None:
                mark = "❯" if index == event.option_index else " "
                event.option_list.replace_option_prompt_at_index(index, self._way(other, mark))
        how = self.query_one("#login-how")
        how.disabled = offer is None or offer.browser is None
        self._show_server()
        if offer is not None and offer.browser is not None:
            self.query_one("#login-port", Input).value = str(offer.port)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        offer = self._rows[event.option_index]
        if offer is not None and offer.inspect is not None:
            # Nothing is stored of it, so no keychain is needed.
            self.open_above(KeylessDialog(offer.inspect, self.frame.clock.now()))
            return
        if offer is None or self._refused() or not self._takes_server(offer):
            return
        if offer.browser is not None and (how := self._how()) is not None:
            self.open_above(
                LoginProgressScreen(self.frame, offer, how, self._tools.browser, self._tools.copy),
                self._after,
            )
        elif offer.form is not None:
            self.open_above(LoginFormScreen(self.frame, offer), self._after)

    def _refused(self) -> bool:
        """Without a keychain there is no sign-in: what it gave could not be kept. One that is locked is asked
        to unlock first."""
        if self._vault is None or self._vault.error is None or isinstance(self._vault.error, VaultLocked):
            return False
        error = self._vault.error
        self.notify(sentence(error, sign_in_key(self)), severity="error", markup=False)
        return True

    def _how(self) -> BrowserOptions | None:
        text = self.query_one("#login-port", Input).value or "0"
        port = int(text) if text.isdigit() else -1
        if not 0 <= port <= 65535:
            self.notify(f"{text} is not a port: use 1 to 65535, or 0 for any", severity="error", markup=False)
            self.query_one("#login-port").focus()
            return None
        return BrowserOptions(port, self.query_one("#login-browser", Tick).value)

    def _after(self, signed_in: bool | None) -> None:
        if signed_in:
            self.dismiss(True)
