"""Sign-in: choose the method, the server and the options."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
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
from app.tui.commands.registry import CommandGroup
from app.tui.screens.account_state import AppContext
from app.tui.screens.base_screen import BaseScreen
from app.tui.screens.dialogs.ci_identity import CIIdentityDialog
from app.tui.screens.dialogs.dialog import Dialog
from app.tui.screens.login.form import LoginFormScreen
from app.tui.screens.login.methods import LoginMethod
from app.tui.screens.login.progress import LoginProgressScreen
from app.tui.screens.messages import error_sentence, sign_in_key
from app.tui.screens.workers import read
from widgets.checkbox import BracketCheckbox
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
    """The server of a sign-in at one provider."""

    async def target(self) -> LoginTarget: ...
    async def known_servers(self) -> Sequence[str]: ...
    def choose_server(self, typed: str) -> None: ...


@dataclass(frozen=True, slots=True)
class LoginServices:
    """What the sign-in screens need.

    `obstacle` says why no browser can be opened here; `servers` where a sign-in at each provider goes, and
    what it replaces; `profiles` makes the dialog that chooses another profile.
    """

    methods: tuple[LoginMethod, ...]
    vault: Vault
    browser: Browser
    copy: ClipboardService
    obstacle: str = ""
    servers: Mapping[Provider, LoginServers] = field(default_factory=dict)
    profiles: Callable[[Provider | None], Dialog[Profile]] | None = None


class LoginScreen(BaseScreen):
    """The sign-in methods, provider by provider. The keychain is probed before anything opens."""

    COMMAND_GROUP = CommandGroup.LOGIN
    TAB = "app.accounts"
    BINDINGS: ClassVar[list[BindingType]] = bindings_for(CommandGroup.LOGIN)
    CSS_PATH = "screen.tcss"
    AUTO_FOCUS = "OptionList"

    def __init__(
        self, app_context: AppContext, services: LoginServices, first: Provider | None = None
    ) -> None:
        super().__init__(app_context)
        self._services = services
        self._first = first
        self._vault: VaultStatus | None = None
        self._rows: list[LoginMethod | None] = []
        self._headings: dict[Provider, int] = {}
        self._usual: dict[Provider, str] = {}
        self._typed: dict[Provider, str] = {}
        self._known: dict[Provider, SuggestFromList] = {}
        obstacle = services.obstacle
        self._list = OptionList(id="login-ways", markup=False)
        self._storage = Paragraphs(id="login-storage")
        self._server = Input(id="login-server", compact=True, disabled=True, max_length=300)
        self._browser_options = Horizontal(id="login-how")
        self._port_input = Input(
            str(self._port()), id="login-port", type="integer", compact=True, max_length=5
        )
        self._open_browser = BracketCheckbox("Open a browser", not obstacle, id="login-browser")
        text = f"The browser is off: {obstacle}." if obstacle else ""
        self._obstacle_line = Static(text, id="login-obstacle", classes="muted", markup=False)
        self._obstacle_line.display = bool(obstacle)
        self._demo_line = Static(self._demo_hint(), id="login-demo", markup=False)
        self._demo_line.display = app_context.demo is not None

    def compose_body(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield self._list
            yield self._storage
            with Horizontal(id="login-where"):
                yield Static("Server", classes="muted")
                yield self._server
            with self._browser_options:
                yield Static("Callback port, 0 = any", classes="muted")
                yield self._port_input
                yield self._open_browser
            # Under the row: beside it, 80 columns cut it off.
            yield self._obstacle_line
            yield self._demo_line

    def _port(self) -> int:
        methods = [
            method for method in self._services.methods if method.provider is self._first and method.port
        ]
        return methods[0].port if methods else 0

    def _demo_hint(self) -> Content:
        demo = self.app_context.demo
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
        self._list_methods()
        self._name_servers()
        self.action_probe()

    def _list_methods(self) -> None:
        """Fill the list; headings are rows that cannot be chosen."""
        for provider in dict.fromkeys(method.provider for method in self._services.methods):
            if self._rows:
                self._add_row(None, Content(""))
            self._headings[provider] = len(self._rows)
            self._add_row(None, self._heading(provider))
            for method in self._services.methods:
                if method.provider is provider:
                    self._add_row(method, self._row_text(method))
        self._list.highlighted = self._start_row()

    def _heading(self, provider: Provider, target: LoginTarget | None = None) -> Content:
        where = f"  at {clean(target.endpoint.host, 60)}" if target else ""
        what = f"  ▲ replaces {clean(target.replaces, 120)}" if target and target.replaces else ""
        return Content.assemble(
            (f"Sign in to {provider.title}", "bold $primary"), (where, "$text-muted"), (what, "$text-warning")
        )

    @read("look for the servers", group="servers")
    async def _name_servers(self) -> None:
        for provider, servers in self._services.servers.items():
            servers.choose_server("")
            target, known = await servers.target(), await servers.known_servers()
            self._list.replace_option_prompt_at_index(
                self._headings[provider], self._heading(provider, target)
            )
            self._known[provider] = SuggestFromList(known, case_sensitive=False)
            self._usual[provider] = self._typed[provider] = target.endpoint.typed
        self._show_server()

    def _selected_method(self) -> LoginMethod | None:
        """The method under the cursor."""
        row = self._list.highlighted
        return self._rows[row] if row is not None else None

    def _show_server(self) -> None:
        method = self._selected_method()
        provider = method.provider if method else None
        field = self._server
        field.disabled = provider not in self._typed
        if method is not None and method.server:
            field.disabled = True
            with field.prevent(Input.Changed):
                field.value = clean(method.server, 100)
        elif provider is not None and provider in self._typed:
            field.suggester = self._known[provider]
            with field.prevent(Input.Changed):
                field.value = self._typed[provider]

    @on(Input.Changed, "#login-server")
    def _server_typed(self, event: Input.Changed) -> None:
        if (method := self._selected_method()) is not None:
            self._typed[method.provider] = event.value

    @on(Input.Submitted, "#login-server")
    def _leave_server(self) -> None:
        self._list.focus()

    def _choose_server(self, method: LoginMethod) -> bool:
        """Set the typed server as the target; notify the user and return False when it is not valid."""
        provider = method.provider
        servers, typed = self._services.servers.get(provider), self._typed.get(provider, "")
        if servers is None or method.server:
            return True
        try:
            servers.choose_server("" if typed.strip() == self._usual.get(provider) else typed)
        except LoopinError as error:
            self.notify(error_sentence(error, sign_in_key(self)), severity="error", markup=False)
            self._server.focus()
            return False
        return True

    def _row_text(self, method: LoginMethod, mark: str = " ") -> Content:
        wide = max(len(other.title) for other in self._services.methods if len(other.title) <= _WIDEST)
        style = "$text-disabled" if method.why_not else ""
        note = (clean(method.why_not or method.note, 200), style or "$text-muted")
        # A longer title moves no other note: its own stands below it.
        title = f"{method.title}\n    " if len(method.title) > _WIDEST else method.title.ljust(wide + 3)
        return Content.assemble((f"{mark} {title}", style), note)

    def _add_row(self, method: LoginMethod | None, text: Content) -> None:
        self._rows.append(method)
        self._list.add_option(Option(text, disabled=method is None or bool(method.why_not)))

    def _start_row(self) -> int | None:
        free = [(i, o) for i, o in enumerate(self._rows) if o is not None and not o.why_not]
        preferred = [i for i, method in free if self._first in {None, method.provider}]
        return next(iter(preferred or [i for i, _ in free]), None)

    def own_hints(self) -> tuple[KeyHint, ...]:
        """Enter chooses a method in the list."""
        return (KeyHint("enter", "sign in this way", "choose", self.focused is self._list),)

    # ── the keychain ──

    def action_probe(self) -> None:
        """Check whether the keychain can be used."""
        self._vault = None
        self._show_storage(Paragraph((_STORAGE,), "◌ looking at the keychain …"))
        self._probe()

    @read("look at the keychain", group="probe")
    async def _probe(self) -> None:
        self._vault = status = await self._services.vault.probe()
        label, error = clean(status.label, 60), status.error
        if error is None:
            self._show_storage(Paragraph((_STORAGE,), f"✓ {label}, ready", "$text-success"))
            return
        if isinstance(error, VaultLocked):
            words = f"! {clean(error.message)}: it will ask to be unlocked when you sign in"
            self._show_storage(Paragraph((_STORAGE,), words, "$text-warning"))
            return
        providers = dict.fromkeys(method.provider for method in self._services.methods)
        variables = "; ".join(f"{_WITHOUT[provider]} ({provider.title})" for provider in providers)
        indent = " " * len(_STORAGE[0])
        self._show_storage(
            Paragraph((_STORAGE,), f"✗ {clean(error.message)}", "bold $text-error"),
            Paragraph((indent,), clean(capital(error.hint))),
            Paragraph(
                (indent,),
                f"Nothing is stored without a keychain. For one run set {variables}.",
                "$text-muted",
            ),
        )

    def _show_storage(self, *paragraphs: Paragraph) -> None:
        self._storage.paragraphs = paragraphs

    # ── choosing ──

    def action_profile(self) -> None:
        """Choose the profile to sign in to: another name keeps the login that this one has."""
        if self._services.profiles is not None:
            method = self._selected_method()
            self.app.push_screen(
                self._services.profiles(method.provider if method else None), self._profile_used
            )

    def _profile_used(self, profile: Profile | None) -> None:
        if profile is not None:
            self.app_context.account_changed.publish(None)
            self._name_servers()

    def action_choose(self) -> None:
        """Start the method under the cursor."""
        self._list.action_select()

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        method = self._rows[event.option_index]
        # Colour is not the only sign of where one is.
        for index, other in enumerate(self._rows):
            if other is not None:
                mark = "❯" if index == event.option_index else " "
                event.option_list.replace_option_prompt_at_index(index, self._row_text(other, mark))
        self._browser_options.disabled = method is None or method.browser is None
        self._show_server()
        if method is not None and method.browser is not None:
            self._port_input.value = str(method.port)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        method = self._rows[event.option_index]
        if method is not None and method.inspect is not None:
            # Nothing is stored of it, so no keychain is needed.
            self.open_above(CIIdentityDialog(method.inspect, self.app_context.clock.now()))
            return
        if method is None or self._refused() or not self._choose_server(method):
            return
        if method.browser is not None and (how := self._how()) is not None:
            self.open_above(
                LoginProgressScreen(
                    self.app_context, method, how, self._services.browser, self._services.copy
                ),
                self._after,
            )
        elif method.form is not None:
            self.open_above(LoginFormScreen(self.app_context, method), self._after)

    def _refused(self) -> bool:
        """Whether the keychain cannot store a login; notify the user then. A locked one is unlocked first."""
        if self._vault is None or self._vault.error is None or isinstance(self._vault.error, VaultLocked):
            return False
        error = self._vault.error
        self.notify(error_sentence(error, sign_in_key(self)), severity="error", markup=False)
        return True

    def _how(self) -> BrowserOptions | None:
        text = self._port_input.value or "0"
        port = int(text) if text.isdigit() else -1
        if not 0 <= port <= 65535:
            self.notify(f"{text} is not a port: use 1 to 65535, or 0 for any", severity="error", markup=False)
            self._port_input.focus()
            return None
        return BrowserOptions(port, self._open_browser.value)

    def _after(self, signed_in: bool | None) -> None:
        if signed_in:
            self.dismiss(True)
