"""A checkbox that shows its state without colour: [x] and [ ]."""

from textual.widgets import Checkbox


class BracketCheckbox(Checkbox):
    """`[x] Open a browser`."""

    DEFAULT_CSS = """
    BracketCheckbox, BracketCheckbox:focus { border: none; padding: 0; height: 1; background: transparent; }
    BracketCheckbox > .toggle--button, BracketCheckbox.-on > .toggle--button,
    BracketCheckbox:ansi > .toggle--button, BracketCheckbox:ansi.-on > .toggle--button {
        color: $foreground; background: transparent;
    }
    BracketCheckbox:focus > .toggle--label { background: $primary 30%; color: $foreground; text-style: bold; }
    """
    BUTTON_LEFT = BUTTON_RIGHT = ""
    BUTTON_INNER = "[ ]"

    def watch_value(self) -> None:
        """The glyph follows the value."""
        self.BUTTON_INNER = "[x]" if self.value else "[ ]"
        super().watch_value()
        self.refresh()
