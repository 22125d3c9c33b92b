"""Why this credential: every source, and what became of it."""

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Button, Static

from app.tui.screens.account_state import AccountState
from app.tui.screens.dialogs.dialog import Dialog
from widgets.credential_panel import CredentialPanel

RULE = (
    "The strongest source that is set wins, and nothing is mixed: a flag, then the environment, "
    "then the keychain. A stored login is only sent to the server that issued it."
)


class CredentialDialog(Dialog[None]):
    """The panel of the Accounts screen, with the rule behind it."""

    TITLE = "Which credential is in effect, and why"
    CSS_PATH = "credential_dialog.tcss"
    AUTO_FOCUS = "Button"

    def __init__(self, account_state: AccountState) -> None:
        super().__init__()
        self._statuses = account_state.statuses

    def compose_dialog(self) -> ComposeResult:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            panel = CredentialPanel()
            panel.statuses = self._statuses
            yield panel
            yield Static(RULE, classes="muted why-rule", markup=False)
            yield Static("the same in a shell:  loopin status", classes="muted", markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Close", id="close")

    def on_button_pressed(self) -> None:
        self.dismiss(None)
