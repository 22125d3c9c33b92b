"""Dialogs over a screen."""

from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len
from rich.console import RenderableType
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Static

from app.domain.errors import LoopinError
from app.tui.screens.base_screen import TAB_BINDINGS
from app.tui.screens.messages import error_lines, sign_in_key
from app.tui.screens.workers import ErrorView
from widgets.backdrop import behind
from widgets.presenter import clean

Result = TypeVar("Result")
CRAMPED = (80, 24)
"""Columns and rows from which on every dialog fits."""
LEAST = (40, 10)
"""Columns and rows below which no dialog is shown."""
ENLARGE = f"Enlarge the terminal to {LEAST[0]}×{LEAST[1]} or more"
_EDGES = 8
"""Cells around a button's label: its padding, and the distance to the next one."""


class Dialog(ErrorView, ModalScreen[Result | None], Generic[Result]):
    """A box in the middle: title, body, buttons. `escape` and `q` leave it with None.

    `TITLE` is the heading; compose the inside in `compose_dialog`. While an input has the focus, `q`
    is a letter.
    """

    TITLE: ClassVar[str] = ""
    HINT: ClassVar[str] = ""
    """How to leave, on the bottom edge, where no button says it."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", show=False),
        Binding("q", "leave", "Cancel", show=False),
        Binding("ctrl+l", "app.sign_in", "Sign in again", show=False, id="app.sign_in"),
        *TAB_BINDINGS,
        Binding("up", "scroll_dialog(0, -1)", "Scroll up", show=False),
        Binding("down", "scroll_dialog(0, 1)", "Scroll down", show=False),
        Binding("pageup", "scroll_dialog(-1, 0)", "Page up", show=False),
        Binding("pagedown", "scroll_dialog(1, 0)", "Page down", show=False),
    ]
    _concluded: tuple[Result | None] | None = None
    _focused_before: Widget | None = None

    def __init__(self) -> None:
        super().__init__()
        self._box = Vertical(classes="dialog")
        self.title_line = Static("", classes="dialog-title", markup=False)
        self.error_line = Static("", markup=False)
        """Shows errors of workers, in a dialog that composes it."""

    def compose(self) -> ComposeResult:
        with self._box:
            self._box.border_subtitle = self.HINT
            self.title_line.update(self.heading())
            yield self.title_line
            yield from self.compose_dialog()
        yield Static(ENLARGE, classes="dialog-enlarge", markup=False)

    # ── small terminals ──

    def on_resize(self, event: events.Resize) -> None:
        """Below CRAMPED all but the buttons scrolls; below LEAST nothing is shown and no key works."""
        width, height = event.size
        self.set_class(width < CRAMPED[0] or height < CRAMPED[1], "-cramped")
        tiny = width < LEAST[0] or height < LEAST[1]
        if tiny and not self.has_class("-tiny"):
            self._focused_before = self.focused
            self.set_focus(None)
        elif not tiny and self.has_class("-tiny"):
            self.call_after_refresh(self._focus_again)
        self.set_class(tiny, "-tiny")
        self.call_after_refresh(self._place_buttons)

    def set_focus(
        self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False
    ) -> None:
        """Focus `widget`, or do so once the terminal is large enough."""
        if widget is not None and self.has_class("-tiny"):
            self._focused_before = widget
            return
        super().set_focus(widget, scroll_visible, from_app_focus)

    def _focus_again(self) -> None:
        first = self.query(self.AUTO_FOCUS) if self.AUTO_FOCUS else ()
        self.set_focus(self._focused_before or next(iter(first), None))

    def _place_buttons(self) -> None:
        """Lay the buttons out in columns where they do not fit on one line."""
        cramped = self.has_class("-cramped")
        for row in self.query(".dialog-buttons"):
            widths = [cell_len(str(button.label)) + _EDGES for button in row.query(Button) if button.display]
            fits = sum(widths) <= row.size.width
            row.set_class(cramped and not fits, "-columns")
            if widths and not fits:
                row.styles.grid_size_columns = max(1, min(len(widths), row.size.width // max(widths)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable everything but leaving in a terminal that is too small."""
        if self.has_class("-tiny") and action != "leave":
            return False
        if action == "scroll_dialog" and not self.has_class("-cramped"):
            return False
        return super().check_action(action, parameters)

    def action_scroll_dialog(self, pages: int, lines: int) -> None:
        """Scroll the dialog above its buttons."""
        half_page = max(1, self._box.size.height // 2)
        self._box.scroll_relative(y=pages * half_page + lines, animate=False)

    def render(self) -> RenderableType:
        """Render the screen below: darkened by the style sheet where colours can be mixed, else dim."""
        return behind(self.app, super().render())

    def heading(self) -> str:
        """The title."""
        return self.TITLE

    def compose_dialog(self) -> ComposeResult:
        """Compose what stands under the title."""
        yield from ()

    def action_leave(self) -> None:
        """Cancel."""
        self.dismiss(None)

    def conclude(self, result: Result | None) -> None:
        """Dismiss the dialog with a result that must not get lost; below another screen, once that is
        closed."""
        if self._concluded is not None:
            return
        self._concluded = (result,)
        # Textual takes the screen on top away, whichever was to be dismissed.
        if self.app.screen is self:
            self.dismiss(result)

    @property
    def concluded(self) -> bool:
        """Whether the dialog has its result."""
        return self._concluded is not None

    def on_screen_resume(self) -> None:
        """Dismiss a concluded dialog that was below another screen."""
        if self._concluded is not None:
            self.dismiss(self._concluded[0])

    def show_failure(self, error: BaseException, group: str) -> bool:
        """Show an error of a worker in the dialog, which keeps what was typed."""
        if not self.error_line.is_attached or not isinstance(error, LoopinError):
            return False
        self.show_error(error)
        return True

    def show_error(self, error: LoopinError) -> None:
        """Show an error in the error line."""
        self.error_line.update(error_lines(error, sign_in_key(self)))
        self.error_line.display = True

    def confirm_quit(self) -> bool:
        """Ask before the app quits, and return True, where something would be lost."""
        return False

    def cancel_running(self) -> bool:
        """Cancel what runs in this dialog (ctrl+c); False when nothing does."""
        return False

    def call_off(self, why: str) -> bool:
        """Cancel what would happen without a key press, such as a countdown; False when nothing would."""
        return False

    def final_message(self) -> str:
        """What to print on the terminal when the app ends while this dialog is open."""
        return ""


class Confirm(Dialog[bool]):
    """Asks before something that cannot be taken back. Cancel has the focus; True = do it."""

    AUTO_FOCUS = "#cancel"

    def __init__(self, title: str, text: str, *, yes: str, no: str = "Cancel", danger: bool = True) -> None:
        super().__init__()
        self._title, self._text, self._yes, self._no = clean(title), text, yes, no
        self._danger = danger

    def heading(self) -> str:
        """The question."""
        return self._title

    def compose_dialog(self) -> ComposeResult:
        with VerticalScroll(classes="dialog-body", can_focus=False):
            for line in self._text.splitlines():
                yield Static(clean(line), markup=False)
        with Horizontal(classes="dialog-buttons"):
            yield Button(self._no, id="cancel")
            yield Button(self._yes, id="yes", variant="error" if self._danger else "primary")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes" or None)
