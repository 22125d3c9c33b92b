"""The confirmation before tokens are revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from app.domain.durations import ago
from app.domain.lineage import Descendants
from app.domain.organizations import Identity
from app.domain.ports import Clock
from app.domain.tokens import APIToken
from app.tui.screens.dialogs.dialog import Dialog
from widgets.button_label import relabel
from widgets.checkbox import BracketCheckbox
from widgets.presenter import clean
from widgets.virtual_table import VirtualTable
from widgets.virtual_table_columns import Cell, Column

RECENT_DAYS = 7
LONGEST_REASON = 200
_NAMED = 4
"""Names of children shown before they are included."""
NO_DESCENDANTS = Descendants()


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The tokens that are to be revoked, as they were shown, and the reason that was typed, perhaps empty."""

    tokens: Sequence[APIToken]
    reason: str


class ConfirmRevoke(Dialog[Confirmed]):
    """One token needs a button press; several need their count and organization to be typed.

    `created` are active tokens that were created with `tokens`: they can be revoked with them, and are not
    unless that is chosen. None = cancelled.
    """

    CSS_PATH = "revoke_tokens.tcss"
    AUTO_FOCUS = "#revoke-input, #cancel"

    def __init__(
        self,
        tokens: Sequence[APIToken],
        identity: Identity,
        clock: Clock,
        created: Descendants = NO_DESCENDANTS,
    ) -> None:
        super().__init__()
        self._chosen, self._children, self._successors = tuple(tokens), created.tokens, created.successors
        self._child_ids = frozenset(token.id for token in created.tokens)
        self._identity, self._now = identity, clock.now()
        self._tokens = self._chosen
        self._about_one = VerticalScroll(classes="dialog-body about-one", can_focus=False)
        self._list = VirtualTable[APIToken](self._columns(), lambda token: token.id, id="revoke-list")
        self._own_token_warning = Static(
            "You are signed in with one of them: it goes last, and signs you out.",
            id="revoke-mine",
            markup=False,
        )
        self._children_names = Static(_names(self._children), id="revoke-children-names", markup=False)
        self._reason = Input(
            placeholder="reason, for the activity trail (optional)",
            id="revoke-reason",
            max_length=LONGEST_REASON,
            compact=True,
        )
        self._type_line = Static("", id="revoke-type", markup=False)
        self._type_input = Input(id="revoke-input", compact=True, disabled=not self._several)
        self._submit = Button("", id="yes", variant="error", disabled=self._several)

    @property
    def _several(self) -> bool:
        return len(self._tokens) > 1

    @property
    def _confirmation(self) -> str:
        return f"{len(self._tokens)} {self._identity.organization}"

    def heading(self) -> str:
        """What is asked."""
        if not self._several:
            where = clean(self._identity.organization, 60)
            return f"Revoke {clean(self._tokens[0].name, 80)}{f' in {where}' if where else ''}?"
        return f"Revoke {len(self._tokens):,} tokens of {clean(self._identity.organization, 80)}?"

    def compose_dialog(self) -> ComposeResult:
        # One token is described, several are listed; the checkbox switches between the two.
        with self._about_one:
            yield Static(self._about(self._chosen[0]), classes="about", markup=False)
        yield self._list
        yield self._own_token_warning
        if self._children:
            yield BracketCheckbox(self._children_question(), id="revoke-children")
            yield self._children_names
        if self._successors:
            words = f"Created by a rotation, and not among them: {_names(self._successors)}"
            yield Static(words, id="revoke-successors", markup=False)
        yield Static("A revoked token cannot be brought back.", id="revoke-warning", markup=False)
        yield self._reason
        yield self._type_line
        yield self._type_input
        with Horizontal(classes="dialog-buttons"):
            yield Button("Cancel", id="cancel")
            yield self._submit

    def on_mount(self) -> None:
        self._show()

    def _children_question(self) -> str:
        count = len(self._children)
        one = count == 1
        question = f"Also revoke the {'' if one else f'{count:,} '}active token{'' if one else 's'}"
        return f"{question} created with {'it' if len(self._chosen) == 1 else 'them'}"

    def _show(self) -> None:
        """Show what would be revoked, and what has to be typed for it."""
        several = self._several
        self._list.styles.height = len(self._tokens) + 1
        self._list.show(self._tokens)
        for widget in (self._list, self._type_line, self._type_input):
            widget.display = several
        # A hidden input must not get the focus.
        self._type_input.disabled = not several
        self._own_token_warning.display = several and any(map(self._is_mine, self._tokens))
        self._about_one.display = not several
        self._children_names.display = self._tokens == self._chosen
        confirmation = (clean(self._confirmation), "bold $text")
        self._type_line.update(Content.assemble("Type ", confirmation, " to go on"))
        self.title_line.update(Content(self.heading()))
        relabel(self._submit, f"Revoke {len(self._tokens):,} tokens" if several else "Revoke")
        self._compare()

    @on(BracketCheckbox.Changed, "#revoke-children")
    def _include_children(self, event: BracketCheckbox.Changed) -> None:
        """Also revoke the tokens that were created with these, or do not."""
        event.stop()
        self._tokens = (*self._chosen, *self._children) if event.value else self._chosen
        self._show()

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
        if token.id in self._child_ids:
            name = f"└ {name}"
        return Cell(f"{name} (you)", "accent") if self._is_mine(token) else Cell(name)

    def _use_cell(self, token: APIToken) -> Cell:
        words, recent = last_use(token, self._now)
        # The warning is short enough to stand whole on 80 columns.
        short = words.removeprefix("last used ").replace(": something uses it", " · in use")
        return Cell(short, "warning" if recent else "")

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
    def _compare(self) -> None:
        confirmed = self._type_input.value.split() == clean(self._confirmation).split()
        self._submit.disabled = self._several and not confirmed

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.input.id == "revoke-reason" and self._several:
            self._type_input.focus()
        elif not self._submit.disabled:
            self._submit.focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        reason = " ".join(self._reason.value.split())
        self.dismiss(Confirmed(self._tokens, reason) if event.button.id == "yes" else None)


def _names(tokens: Sequence[APIToken]) -> str:
    names = ", ".join(clean(token.name, 40) for token in tokens[:_NAMED])
    return f"{names} and {len(tokens) - _NAMED:,} more" if len(tokens) > _NAMED else names


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
