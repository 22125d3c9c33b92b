"""Before revoking: what will end, and why."""

from collections.abc import Sequence
from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.spans import ago
from app.domain.text import clean
from app.domain.tokens import APIToken
from app.screens.dialog import Dialog
from widgets.virtual_table import VirtualTable
from widgets.virtual_table_columns import Cell, Column

RECENT_DAYS = 7
LONGEST_REASON = 200


class ConfirmRevoke(Dialog[str]):
    """There is no un-revoke. One token asks plainly; several ask for their count and organization.

    The result is the reason that was typed, perhaps empty; None = cancelled.
    """

    CSS_PATH = "revoke_tokens.tcss"
    AUTO_FOCUS = "#revoke-input, #cancel"

    def __init__(self, tokens: Sequence[APIToken], identity: Identity, clock: Clock) -> None:
        super().__init__()
        self._tokens, self._identity, self._now = tokens, identity, clock.now()
        self._several = len(tokens) > 1
        self._typed = f"{len(tokens)} {identity.organization}"

    def heading(self) -> str:
        """What is asked."""
        if not self._several:
            where = clean(self._identity.organization, 60)
            return f"Revoke {clean(self._tokens[0].name, 80)}{f' in {where}' if where else ''}?"
        return f"Revoke {len(self._tokens):,} tokens of {clean(self._identity.organization, 80)}?"

    def compose_dialog(self) -> ComposeResult:
        yield from self._list() if self._several else self._one()
        yield Static("A revoked token cannot be brought back.", id="revoke-warning", markup=False)
        yield Input(
            placeholder="reason, for the activity trail (optional)",
            id="revoke-reason",
            max_length=LONGEST_REASON,
            compact=True,
        )
        if self._several:
            yield Static(self._how_to_go_on(), id="revoke-type", markup=False)
            yield Input(id="revoke-input", compact=True)
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            label = f"Revoke {len(self._tokens):,} tokens" if self._several else "Revoke"
            yield Button(label, id="yes", variant="error", disabled=self._several)

    def _one(self) -> ComposeResult:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            yield Static(self._about(self._tokens[0]), classes="about", markup=False)

    def _list(self) -> ComposeResult:
        table = VirtualTable[APIToken](self._columns(), lambda token: token.id, id="revoke-list")
        table.styles.height = len(self._tokens) + 1
        yield table
        if any(self._is_mine(token) for token in self._tokens):
            yield Static(
                "You are signed in with one of them: it goes last, and signs you out.",
                id="revoke-mine",
                markup=False,
            )

    def on_mount(self) -> None:
        if self._several:
            self.query_one("#revoke-list", VirtualTable).show(self._tokens)

    def _columns(self) -> tuple[Column[APIToken], ...]:
        return (
            Column("name", "name", 18, self._name_cell, grow=3, most=64, sortable=False),
            Column("use", "last used", 23, self._use_cell, grow=2, most=44, sortable=False),
            Column("scope", "scope", 12, _scope, grow=1, most=24, sortable=False),
        )

    def _is_mine(self, token: APIToken) -> bool:
        return token.id == self._identity.token_id

    def _name_cell(self, token: APIToken) -> Cell:
        name = clean(token.name, 80)
        return Cell(f"{name} (you)", "accent") if self._is_mine(token) else Cell(name)

    def _use_cell(self, token: APIToken) -> Cell:
        words, recent = last_use(token, self._now)
        # The warning is short enough to stand whole on 80 columns.
        short = words.removeprefix("last used ").replace(": something uses it", " · in use")
        return Cell(short, "warning" if recent else "")

    def _how_to_go_on(self) -> Content:
        return Content.assemble("Type ", (clean(self._typed), "bold $text"), " to go on")

    def _about(self, token: APIToken) -> Content:
        used, recent = last_use(token, self._now)
        description = ("\nlives in   ", "$text-muted") if token.description else ""
        you = (
            "\nYou are signed in with this token: revoking it signs you out." if self._is_mine(token) else ""
        )
        return Content.assemble(
            ("scope      ", "$text-muted"),
            clean(token.scope, 60),
            ("\nuse        ", "$text-muted"),
            (used, "bold $text-warning" if recent else "" if token.last_used_at else "$text-success"),
            description,
            clean(token.description),
            (you, "bold $text-error"),
        )

    @on(Input.Changed, "#revoke-input")
    def _compare(self, event: Input.Changed) -> None:
        self.query_one("#yes", Button).disabled = event.value.split() != clean(self._typed).split()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.id == "revoke-reason" and self._several:
            self.query_one("#revoke-input", Input).focus()
        elif not (button := self.query_one("#yes", Button)).disabled:
            button.focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        reason = " ".join(self.query_one("#revoke-reason", Input).value.split())
        self.dismiss(reason if event.button.id == "yes" else None)


def _scope(token: APIToken) -> Cell:
    return Cell(clean(token.scope, 60), "" if token.project else "muted")


def last_use(token: APIToken, now: datetime) -> tuple[str, bool]:
    """When the token was last used, in the list's words, and whether something still uses it by that."""
    if token.last_used_at is None:
        return "never used", False
    words = f"last used {ago(token.last_used_at, now)}"
    if (now - token.last_used_at).days < RECENT_DAYS:
        return f"{words}: something uses it", True
    return words, False
