"""One place for the four states of a screen: loading, empty, error, filled."""

from textual.app import ComposeResult
from textual.containers import Center
from textual.widget import Widget
from textual.widgets import Button, Static

from app.domain.errors import LoopinError, NotSignedIn
from widgets.button_label import relabel
from widgets.containers import Container, Vertical
from widgets.presenter import clean

REFRESH = "screen.refresh"


class ContentState(Container):
    """Shows its children when filled, else why it is not.

        with ContentState(id="state"):
            yield TokenTable()

    It starts as loading. A button runs a Textual action: (label, action). To keep old data on the screen
    after a failed refresh, stay filled and notify instead.
    """

    DEFAULT_CSS = """
    ContentState { height: 1fr; width: 1fr; }
    ContentState > #state-note { height: 1fr; align: center middle; }
    ContentState > #state-filled { height: 1fr; }
    ContentState Center { height: auto; }
    ContentState .state-title { width: auto; max-width: 90%; text-align: center; text-style: bold; }
    ContentState .state-hint {
        width: auto; max-width: 90%; text-align: center; color: $text-muted; margin-top: 1;
    }
    ContentState Button { margin-top: 1; }
    ContentState.-error .state-title { color: $text-error; }
    ContentState.-error.-signed-out .state-title { color: $text-muted; }
    ContentState.-loading .state-title { color: $text-muted; text-style: none; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._children_when_filled: list[Widget] = []
        self._title = Static("", classes="state-title", markup=False)
        self._hint = Static("", classes="state-hint", markup=False)
        self._buttons = tuple(
            Button("", compact=True, id=name, action=REFRESH) for name in ("state-button", "state-other")
        )
        self._note = Vertical(id="state-note")
        self._filled = Vertical(id="state-filled")
        self.show_loading()

    def compose_add_child(self, widget: Widget) -> None:
        """Collect what the context manager brings: it is the filled state."""
        self._children_when_filled.append(widget)

    def compose(self) -> ComposeResult:
        with self._note:
            for widget in (self._title, self._hint, *self._buttons):
                yield Center(widget)
        with self._filled:
            yield from self._children_when_filled

    @property
    def is_filled(self) -> bool:
        """Whether the children are shown."""
        return self.state == "filled"

    def show_loading(self, what: str = "loading …") -> None:
        """Say what is awaited."""
        self._show("loading", what)

    def show_empty(self, title: str, hint: str = "", *buttons: tuple[str, str]) -> None:
        """Say that there is nothing and what to do about it."""
        self._show("empty", title, hint, *buttons)

    def show_error(self, error: LoopinError, button: tuple[str, str] = ("Try again", REFRESH)) -> None:
        """Say what happened and the next step. That nobody is signed in is no failure, and not red."""
        self.set_class(type(error) is NotSignedIn, "-signed-out")
        self._show("error", error.message, error.hint, button)

    def show_filled(self) -> None:
        """Show the children."""
        self._show("filled")

    def focus_button(self) -> None:
        """Focus the first button."""
        self._buttons[0].focus()

    def _show(self, state: str, title: str = "", hint: str = "", *buttons: tuple[str, str]) -> None:
        self.state = state
        self.set_class(state == "error", "-error")
        self.set_class(state == "loading", "-loading")
        self._filled.display = state == "filled"
        self._note.display = state != "filled"
        self._title.update(clean(title))
        self._hint.update(clean(hint))
        self._hint.display = bool(hint)
        for number, button in enumerate(self._buttons):
            button.display = number < len(buttons)
            if number < len(buttons):
                label, button.action = buttons[number]
                relabel(button, label)
