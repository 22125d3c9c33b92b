"""One provider's account: state, facts, buttons."""

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.widgets import Button

from app.domain.credentials import Provider
from widgets.presenter import clean
from widgets.wrapped_text import Paragraph, Paragraphs


@dataclass(frozen=True, slots=True)
class CardButton:
    """A button that runs a Textual action; `why_not` disables it."""

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


MOST_BUTTONS = 2
LOADING = CardFacts("◌", "looking at the keychain …", "muted")


class AccountCard(Vertical):
    """A bordered card."""

    DEFAULT_CSS = """
    AccountCard {
        height: auto; border: round $border-blurred; border-title-color: $primary;
        border-title-style: bold; padding: 0 2;
    }
    AccountCard:focus-within { border: round $border; }
    AccountCard > .card-buttons { height: auto; margin-top: 1; }
    AccountCard Button { margin-right: 2; }
    """

    facts: reactive[CardFacts] = reactive(LOADING)
    """What is shown."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(id=f"card-{provider.value}")
        self.provider = provider
        self.border_title = provider.title
        self._text = Paragraphs()
        self._buttons = [
            Button("", id=f"card-{provider.value}-{number}", action="") for number in range(MOST_BUTTONS)
        ]

    def compose(self) -> ComposeResult:
        yield self._text
        with Horizontal(classes="card-buttons"):
            yield from self._buttons

    def watch_facts(self, facts: CardFacts) -> None:
        self._text.paragraphs = _paragraphs(facts)
        for number, button in enumerate(self._buttons):
            shown = facts.buttons[number] if number < len(facts.buttons) else None
            button.display = shown is not None
            if shown is not None:
                button.label, button.action = shown.label, shown.action
                button.disabled = bool(shown.why_not)
                button.tooltip = shown.why_not or None
                # A longer label needs a wider button, which Textual does not measure again.
                button.refresh(layout=True)


def _paragraphs(facts: CardFacts) -> tuple[Paragraph, ...]:
    wide = max((len(label) for label, _ in facts.rows), default=0) + 2
    paragraphs = [Paragraph(((f"{facts.glyph} {facts.state}", f"bold $text-{facts.tone}"),))]
    paragraphs += [
        Paragraph(((label.ljust(wide), "$text-muted"),), clean(value, 200)) for label, value in facts.rows
    ]
    if facts.note:
        paragraphs.append(Paragraph((), clean(facts.note, 300), f"$text-{facts.tone}"))
    return tuple(paragraphs)
