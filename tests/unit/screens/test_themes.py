"""Both looks can be read: contrast as WCAG 2.2 §1.4.3 asks, 4.5 for text."""

import pytest
from textual.color import Color
from textual.theme import Theme

from app.themes import THEMES

GROUNDS = ("background", "surface", "panel")
TEXT = ("foreground", "text-muted", "text-success", "text-warning", "text-error", "primary", "accent")


def luminance(color: Color) -> float:
    """Relative luminance, WCAG 2.2 definition."""
    parts = [c / 255 for c in (color.r, color.g, color.b)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours."""
    light, dark = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("text", TEXT)
def test_text_can_be_read(theme: Theme, ground: str, text: str) -> None:
    colors = theme.to_color_system().generate()
    assert contrast(colors[text], colors[ground]) >= 4.5


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
def test_what_is_greyed_out_can_still_be_made_out(theme: Theme, ground: str) -> None:
    colors = theme.to_color_system().generate()
    assert contrast(colors["text-disabled"], colors[ground]) >= 2.8


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_the_cursor_can_be_read(theme: Theme) -> None:
    colors = theme.to_color_system().generate()
    assert contrast(colors["block-cursor-foreground"], colors["block-cursor-background"]) >= 4.5
