"""What the Accounts screen shows where nobody is signed in: a sentence, and the ways to get started."""

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.widgets import Button, Static

from app.domain.credentials import Provider
from app.tui.screens.account_state import DemoLogin

_SIGN_IN = {
    Provider.GUMLOOP: "browser (OAuth), API key or access token",
    Provider.CHAINLOOP: "browser, API token or CI identity",
}


class Welcome(Vertical):
    """A bordered box with one button for each way; the first one gets the focus."""

    DEFAULT_CSS = """
    Welcome {
        height: auto; border: round $primary; border-title-color: $primary; border-title-style: bold;
        padding: 1 2; margin-bottom: 1;
    }
    Welcome .way { height: 1; margin-top: 1; }
    Welcome .way Button { width: 26; margin-right: 2; }
    Welcome .way Static {
        width: 1fr; height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis;
    }
    """

    keychain_failed: reactive[bool] = reactive(False)
    """Whether the keychain cannot be used."""

    def __init__(self, demo: DemoLogin | None = None) -> None:
        """Within the demo there is no button that opens it."""
        super().__init__(id="welcome")
        self.border_title = "Welcome to Loopin"
        self._demo = demo
        self._text = Static("", id="welcome-text", markup=False)

    def compose(self) -> ComposeResult:
        yield self._text
        for provider, means in _SIGN_IN.items():
            action = f"screen.login('{provider.value}')"
            yield from _row(f"Sign in to {provider.title}", means, provider.value, action)
        if self._demo is None:
            means = "sample data on this machine, nothing kept"
            yield from _row("Try the demo", means, "demo", "app.open_demo")

    def on_mount(self) -> None:
        """Focus the first button; there is none where the app ends in this moment."""
        if buttons := self.query(Button):
            buttons.first().focus()

    def watch_keychain_failed(self, failed: bool) -> None:
        if self._demo is not None:
            text = (
                f"This is a sample server on your machine. Sign in as {self._demo.email} "
                f"with the password {self._demo.password}."
            )
        elif failed:
            text = "The keychain cannot be used, see below: no login can be kept until it is mended."
        else:
            text = "Nobody is signed in here yet. Three ways on:"
        self._text.update(text)


def _row(label: str, means: str, name: str, action: str) -> ComposeResult:
    with Horizontal(classes="way"):
        yield Button(label, id=f"welcome-{name}", action=action)
        yield Static(means, markup=False)
