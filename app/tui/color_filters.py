"""Terminals with few colours, or none: what is painted is translated on its way out.

With NO_COLOR (no-color.org) not one colour is sent. Other attributes replace it: a ground that
stands out is reversed, text with little contrast is dim. With the terminal's own sixteen colours, words on a
coloured ground get the ink that can be read on it.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter

STANDS_OUT = 1.4
"""Contrast of a ground with the theme's (WCAG 2.2, contrast ratio), from which it means something."""
STANDS_BACK = 4.4
"""Contrast of words with their ground, up to which they are dim."""
_NOTHING = Style.from_color(RichColor.default(), RichColor.default())
_LIGHT_INK, _DARK_INK = RichColor.parse("bright_white"), RichColor.parse("black")
_DARK_GROUNDS = frozenset({0, 1, 4, 5, 8})
"""Black, red, blue, magenta, bright black."""


class LegibleApp(App[int], inherit_bindings=False):
    """An app whose pictures can be read with sixteen colours and with none."""

    def __init__(self, *args: Any, **given: Any) -> None:
        with _as_no_color_says():
            super().__init__(*args, **given)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What everything is painted through; Textual's own greys under NO_COLOR would still be colours."""
        if self.no_color:
            return (WithoutColour(Color.parse(self.theme_variables["background"])),)
        usual = super().get_line_filters()
        return (*usual, ReadableInk()) if self.native_ansi_color else usual


@contextmanager
def _as_no_color_says() -> Iterator[None]:
    """Textual takes a NO_COLOR without a value for set; no-color.org does not."""
    empty = os.environ.get("NO_COLOR") == ""
    if empty:
        del os.environ["NO_COLOR"]
    try:
        yield
    finally:
        if empty:
            os.environ["NO_COLOR"] = ""


class WithoutColour(LineFilter):
    """Sends no colour; `ground` is the theme's background."""

    def __init__(self, ground: Color) -> None:
        super().__init__()
        self._ground = ground

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same text, with attributes only."""
        return [
            Segment(text, style and _without_colour(style, self._ground), control)
            for text, style, control in segments
        ]


class ReadableInk(LineFilter):
    """Words on a ground of the terminal's own colours are black or bright white, whichever can be read."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same words, in ink that fits their ground."""
        return [Segment(text, style and _inked(style), control) for text, style, control in segments]


@lru_cache(1024)
def _without_colour(style: Style, ground: Color) -> Style:
    under, words = _seen(style.bgcolor, ground), style.color
    quiet = (
        words is not None and not words.is_default and contrast(_seen(words, ground), under) <= STANDS_BACK
    )
    loud = _is_one_of_sixteen(style.bgcolor) or contrast(under, ground) >= STANDS_OUT
    # None leaves an attribute as it is.
    # Dim words on a reversed ground cannot be read in many terminals.
    dim = False if loud else quiet or None
    return style + _NOTHING + Style(dim=dim, reverse=not style.reverse if loud else None)


@lru_cache(1024)
def _inked(style: Style) -> Style:
    if not _is_one_of_sixteen(style.bgcolor):
        return style
    dark = style.bgcolor is not None and style.bgcolor.number in _DARK_GROUNDS
    return style + Style(color=_LIGHT_INK if dark else _DARK_INK)


def _is_one_of_sixteen(colour: RichColor | None) -> bool:
    return colour is not None and colour.number is not None and colour.number <= 15


def _seen(colour: RichColor | None, otherwise: Color) -> Color:
    return otherwise if colour is None or colour.is_default else Color.from_rich_color(colour)


def contrast(first: Color, second: Color) -> float:
    """1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(of: Color) -> float:
    parts = (part / 255 for part in of.rgb)
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
