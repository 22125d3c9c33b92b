"""Before revoking: what will end."""

from collections.abc import Sequence
from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.text import clean
from app.domain.tokens import APIToken
from app.screens.dialog import Dialog

RECENT_DAYS = 7


class ConfirmRevoke(Dialog[bool]):
    """There is no un-revoke. One token asks plainly; several ask for their count and organization."""

    CSS_PATH = "revoke_tokens.tcss"
    AUTO_FOCUS = "#cancel"

    def __init__(self, tokens: Sequence[APIToken], identity: Identity, clock: Clock) -> None:
        super().__init__()
        self._tokens, self._identity, self._now = tokens, identity, clock.now()
        self._typed = f"{len(tokens)} {identity.organization}"

    def heading(self) -> str:
        """What is asked."""
        if len(self._tokens) == 1:
            return f"Revoke {clean(self._tokens[0].name, 80)}?"
        return f"Revoke {len(self._tokens)} tokens of {clean(self._identity.organization, 80)}?"

    def compose_dialog(self) -> ComposeResult:
        with VerticalScroll(classes="dialog-body", can_focus=len(self._tokens) > 1):
            for token in self._tokens:
                yield Static(self._about(token), classes="about", markup=False)
        yield Static("A revoked token cannot be brought back.", id="revoke-warning", markup=False)
        if len(self._tokens) > 1:
            yield Static(self._how_to_go_on(), id="revoke-type", markup=False)
            yield Input(id="revoke-input", compact=True)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            label = "Revoke" if len(self._tokens) == 1 else f"Revoke {len(self._tokens)} tokens"
            yield Button(label, id="yes", variant="error", disabled=len(self._tokens) > 1)

    def _how_to_go_on(self) -> Content:
        return Content.assemble("Type ", (clean(self._typed), "bold $text"), " to go on")

    def _about(self, token: APIToken) -> Content:
        scope = f"project {clean(token.project.name, 60)}" if token.project else "organization"
        used, style = last_use(token, self._now)
        mine = token.id == self._identity.token_id
        you = ("\nYou are signed in with this token: revoking it signs you out.", "bold $text-error")
        if len(self._tokens) > 1:
            name = f"{clean(token.name, 60):<24}  "
            return Content.assemble(
                (name, "bold"), (f"{scope} · ", "$text-muted"), (used, style), you if mine else ""
            )
        description = ("\nlives in   ", "$text-muted") if token.description else ""
        return Content.assemble(
            ("scope      ", "$text-muted"),
            scope,
            ("\nuse        ", "$text-muted"),
            (used, style),
            description,
            clean(token.description),
            you if mine else "",
        )

    @on(Input.Changed)
    def _compare(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.split() != self._typed.split()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        if not (button := self.query_one("#yes", Button)).disabled:
            button.focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes" or None)


def last_use(token: APIToken, now: datetime) -> tuple[str, str]:
    """When the token was last used, in prose, and the style that goes with what it means."""
    import humanize

    if token.last_used_at is None:
        return "never used", "$text-success"
    ago = humanize.naturaltime(now - token.last_used_at)
    if (now - token.last_used_at).days < RECENT_DAYS:
        return f"last used {ago}: something uses it", "bold $text-warning"
    return f"last used {ago}", ""
