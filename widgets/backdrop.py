"""The screen behind a dialog where colours cannot be mixed."""

from typing import Any

from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from textual.app import App

_BACK = Style(
    color=Color.default(), bgcolor=Color.default(), dim=True, bold=False, reverse=False, underline=False
)


def behind(app: App[Any], below: RenderableType) -> RenderableType:
    """Dim `below`, the screen under a dialog, unless a style sheet can darken it."""
    return Behind(below) if app.native_ansi_color or app.no_color else below


class Behind:
    """Paints `below` dim and without colours.

    The terminal's own colours cannot be mixed with a ground, nor can none; and a bar behind a dialog would be
    louder than the dialog.
    """

    def __init__(self, below: RenderableType) -> None:
        self._below = below

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for text, style, control in console.render(self._below, options):
            yield Segment(text, style if control else (style or Style()) + _BACK, control)
