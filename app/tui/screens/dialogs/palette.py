"""The palette: any command by its name."""

from rich.console import RenderableType
from textual import events
from textual.command import CommandList, CommandPalette

from widgets.backdrop import behind

_SHARE, _ENTRY, _EDGES = 0.7, 2, 2


class Palette(CommandPalette):
    """Textual's, above a dim screen in a terminal of sixteen colours; no entry of its list is cut in two."""

    def render(self) -> RenderableType:
        """What stands behind: darkened by the style sheet where colours can be mixed, else dim."""
        return behind(self.app, super().render())

    def on_resize(self, event: events.Resize) -> None:
        """Give the list the lines of whole entries: each has its name and its help."""
        entries = (int(event.size.height * _SHARE) - _EDGES) // _ENTRY
        self.query_one(CommandList).styles.max_height = max(1, entries) * _ENTRY + _EDGES
