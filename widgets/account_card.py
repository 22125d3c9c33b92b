"""One provider's account: state, facts, buttons."""

from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Button

from app.domain.credentials import Provider
from widgets.presenter import clean
from widgets.wrapped_text import Paragraph, Paragraphs


@dataclass(frozen=True, slots=True)
class CardButton:
    """What can be done: `action` is a Textual action of the screen; `why_not` disables it."""

    label: str
    action: str
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What the card shows. `tone` is one of success, warning, error, muted."""

    glyph: str
    state: str
    tone: str
    rows: tuple[tuple[str, str], ...] = ()
    note: str = ""
    buttons: tuple[CardButton, ...] = ()


LOOKING = CardFacts("◌", "looking at the keychain …", "muted")


class AccountCard(Vertical):
    """A bordered card; the buttons are posted as `Chosen`."""

    DEFAULT_CSS = """
    AccountCard {
        height: auto; border: round $border-blurred; border-title-color: $primary;
        border-title-style: bold; padding: 0 2;
    }
    AccountCard:focus-within { border: round $border; }
    AccountCard > .card-buttons { height: auto; margin-top: 1; }
    AccountCard Button { margin-right: 2; }
    """

    facts: reactive[CardFacts] = reactive(LOOKING)
    """What is shown."""

    class Chosen(Message):
        """A button was pressed."""

        def __init__(self, provider: Provider, action: str) -> None:
            super().__init__()
            self.provider = provider
            self.action = action

    def __init__(self, provider: Provider) -> None:
        super().__init__(id=f"card-{provider.value}")
        self.provider = provider
        self.border_title = provider.title

    def compose(self) -> ComposeResult:
        yield Paragraphs()
        with Horizontal(classes="card-buttons"):
            for number in range(3):
                yield Button("", id=f"card-{self.provider.value}-{number}")

    def watch_facts(self, facts: CardFacts) -> None:
        """Paint it."""
        # Not `is_mounted`, which is false until after `on_mount`.
        if not self.query(Paragraphs):
            return
        self.query_one(Paragraphs).paragraphs = _paragraphs(facts)
        for number, button in enumerate(self.query(Button)):
            offer = facts.buttons[number] if number < len(facts.buttons) else None
            button.display = offer is not None
            if offer is not None:
                button.label, button.disabled = offer.label, bool(offer.why_not)
                button.tooltip = offer.why_not or None
                # A longer word needs a wider button, which its label alone does not ask for.
                button.refresh(layout=True)

    def on_mount(self) -> None:
        self.watch_facts(self.facts)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        number = int((event.button.id or "0").rpartition("-")[2])
        self.post_message(self.Chosen(self.provider, self.facts.buttons[number].action))


def _paragraphs(facts: CardFacts) -> tuple[Paragraph, ...]:
    wide = max((len(label) for label, _ in facts.rows), default=0) + 2
    found = [Paragraph(((f"{facts.glyph} {facts.state}", f"bold $text-{facts.tone}"),))]
    found += [
        Paragraph(((label.ljust(wide), "$text-muted"),), clean(value, 200)) for label, value in facts.rows
    ]
    if facts.note:
        found.append(Paragraph((), clean(facts.note, 300), f"$text-{facts.tone}"))
    return tuple(found)
