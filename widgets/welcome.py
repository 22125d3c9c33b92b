"""What stands where nobody is signed in: a sentence, and the ways on."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Button, Static


@dataclass(frozen=True, slots=True)
class Way:
    """One way on: the button's words, what they mean, and what `Chosen` carries."""

    label: str
    means: str
    action: str


class Welcome(Vertical):
    """A bordered box; a button is posted as `Chosen`."""

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

    words: reactive[str] = reactive("")
    """The sentence above the ways; already safe to show."""

    class Chosen(Message):
        """A button was pressed."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, title: str, ways: Sequence[Way]) -> None:
        super().__init__(id="welcome")
        self.border_title = title
        self._ways = ways

    def compose(self) -> ComposeResult:
        yield Static(self.words, id="welcome-text", markup=False)
        for way in self._ways:
            with Horizontal(classes="way"):
                yield Button(way.label, id=f"welcome-{way.action}")
                yield Static(way.means, markup=False)

    def on_mount(self) -> None:
        """Enter goes on at once; the buttons are gone where the app ends in this moment."""
        if buttons := self.query(Button):
            buttons.first().focus()

    def watch_words(self, words: str) -> None:
        """Say it."""
        for line in self.query("#welcome-text").results(Static):
            line.update(words)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Chosen((event.button.id or "").removeprefix("welcome-")))
