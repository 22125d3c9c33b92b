"""A checkbox that says its state without colour: [x] and [ ]."""

from textual.widgets import Checkbox


class Tick(Checkbox):
    """`[x] Open a browser`."""

    DEFAULT_CSS = """
    Tick, Tick:focus { border: none; padding: 0; height: 1; background: transparent; }
    Tick > .toggle--button, Tick.-on > .toggle--button,
    Tick:ansi > .toggle--button, Tick:ansi.-on > .toggle--button {
        color: $foreground; background: transparent;
    }
    Tick:focus > .toggle--label { background: $primary 30%; color: $foreground; text-style: bold; }
    """
    BUTTON_LEFT = BUTTON_RIGHT = ""
    BUTTON_INNER = "[ ]"

    def watch_value(self) -> None:
        """The glyph follows the value."""
        self.BUTTON_INNER = "[x]" if self.value else "[ ]"
        super().watch_value()
        self.refresh()
