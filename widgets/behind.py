"""What stands behind a dialog in a terminal of sixteen colours."""

from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style

_BACK = Style(
    color=Color.default(), bgcolor=Color.default(), dim=True, bold=False, reverse=False, underline=False
)


class Behind:
    """Paints `below` dim and without colours.

    The terminal's own colours cannot be mixed with a ground, and a coloured bar behind a dialog would be
    louder than the dialog.
    """

    def __init__(self, below: RenderableType) -> None:
        self._below = below

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self._below, options):
            yield Segment(text, style if control else (style or Style()) + _BACK, control)
