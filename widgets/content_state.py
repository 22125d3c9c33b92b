"""One place for the four states of a screen: loading, empty, error, filled."""

from textual import on
from textual.app import ComposeResult
from textual.containers import Center
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Static

from app.domain.errors import LoopinError, NotSignedIn
from widgets.button_label import relabel
from widgets.containers import Container, Vertical
from widgets.presenter import clean


class StateView(Container):
    """Shows its children when filled, else why it is not.

        with StateView(id="state"):
            yield TokenTable()

    It starts as loading; `show_loading`, `show_empty`, `show_error` and `show_filled` switch. To keep
    old data on the screen after a failed refresh, stay filled and notify instead.
    """

    DEFAULT_CSS = """
    StateView { height: 1fr; width: 1fr; }
    StateView > #state-note { height: 1fr; align: center middle; }
    StateView > #state-filled { height: 1fr; }
    StateView Center { height: auto; }
    StateView .state-title { width: auto; max-width: 90%; text-align: center; text-style: bold; }
    StateView .state-hint {
        width: auto; max-width: 90%; text-align: center; color: $text-muted; margin-top: 1;
    }
    StateView Button { margin-top: 1; }
    StateView.-error .state-title { color: $text-error; }
    StateView.-error.-signed-out .state-title { color: $text-muted; }
    StateView.-loading .state-title { color: $text-muted; text-style: none; }
    """

    class Chosen(Message):
        """A button of the empty or of the error state was pressed: `action` is what it offers."""

        def __init__(self, view: "StateView", action: str) -> None:
            super().__init__()
            self.view = view
            self.action = action

        @property
        def control(self) -> "StateView":
            """The view, for `@on(StateView.Chosen, "#id")`."""
            return self.view

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = "loading"
        self._filled: list[Widget] = []
        self._actions = {"state-button": "retry"}
        self._note = ("loading …", "", "", "")

    def compose_add_child(self, widget: Widget) -> None:
        """Collect what the context manager brings: it is the filled state."""
        self._filled.append(widget)

    def compose(self) -> ComposeResult:
        with Vertical(id="state-note"):
            yield Center(Static("", classes="state-title", markup=False))
            yield Center(Static("", classes="state-hint", markup=False))
            yield Center(Button("", compact=True, id="state-button"))
            yield Center(Button("", compact=True, id="state-other"))
        with Vertical(id="state-filled"):
            yield from self._filled

    def on_mount(self) -> None:
        self._show(self.state, *self._note)

    def show_loading(self, what: str = "loading …") -> None:
        """Say what is awaited."""
        self._show("loading", what)

    def show_empty(
        self,
        title: str,
        hint: str = "",
        *,
        button: str = "",
        action: str = "",
        other: tuple[str, str] = ("", ""),
    ) -> None:
        """Say that there is nothing, and what to do about it; `other` is a second button and its action."""
        self._actions = {"state-button": action, "state-other": other[1]}
        self._show("empty", title, hint, button, other[0])

    def show_error(self, error: LoopinError, *, button: str = "Try again", action: str = "retry") -> None:
        """Say what happened and the next step. That nobody is signed in is no failure, and not red."""
        self.set_class(type(error) is NotSignedIn, "-signed-out")
        self._actions = {"state-button": action}
        self._show("error", error.message, error.hint, button)

    def show_filled(self) -> None:
        """Show the children."""
        self._show("filled")

    def _show(self, state: str, title: str = "", hint: str = "", button: str = "", other: str = "") -> None:
        self.state, self._note = state, (title, hint, button, other)
        if not self.is_mounted:
            return
        self.set_class(state == "error", "-error")
        self.set_class(state == "loading", "-loading")
        self.query_one("#state-filled").display = state == "filled"
        note = self.query_one("#state-note")
        note.display = state != "filled"
        note.query_one(".state-title", Static).update(clean(title))
        _fill(note.query_one(".state-hint", Static), clean(hint))
        for name, label in (("#state-button", button), ("#state-other", other)):
            offered = note.query_one(name, Button)
            relabel(offered, label)
            offered.display = bool(label)

    @on(Button.Pressed)
    def _offer(self, event: Button.Pressed) -> None:
        if event.button.parent and event.button.parent.parent is self.query_one("#state-note"):
            event.stop()
            self.post_message(self.Chosen(self, self._actions[event.button.id or ""]))


def _fill(line: Static, text: str) -> None:
    line.update(text)
    line.display = bool(text)
