"""Textual's containers, with less memory for their backgrounds.

Without this the app takes 1.34 times the memory of a bare Textual app instead of 1.2 (docs/performance.md).
"""

from collections.abc import Callable

from textual import containers
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Container(containers.Container):
    """A plain container."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return background(self, crop, super().render_lines)


class Vertical(containers.Vertical):
    """Children under each other."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return background(self, crop, super().render_lines)


class Horizontal(containers.Horizontal):
    """Children beside each other."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return background(self, crop, super().render_lines)


class VerticalScroll(containers.VerticalScroll):
    """Children under each other, that scroll."""

    def render_lines(self, crop: Region) -> list[Strip]:
        return background(self, crop, super().render_lines)


def background(widget: Widget, crop: Region, render: Callable[[Region], list[Strip]]) -> list[Strip]:
    """The lines of a background: one line of `render` stands for all of `crop`.

    Textual keeps a line for each line of the screen and each widget there, cut at the edges of all others,
    nearly a kibibyte each; and most lines of a container lie under something. They are alike unless
    something is drawn along the top or the bottom.
    """
    styles = widget.styles
    edges = styles.border_top, styles.border_bottom, styles.outline_top, styles.outline_bottom
    if any(kind for kind, _ in edges):
        return render(crop)
    return render(Region(crop.x, 0, crop.width, 1)) * crop.height
