"""Every theme we ship can be read: WCAG 2.2 §1.4.3 (text, 4.5) and §1.4.11 (what shows the focus, 3)."""

from itertools import product

import pytest
from rich.color import Color as TerminalColor
from rich.color import ColorSystem
from textual.color import Color
from textual.theme import Theme

from app.tui import themes
from tests.support import app as fakes
from tests.support.pages.page import Page, opened

GROUNDS = ("background", "surface", "panel")
TEXTS = (
    "foreground", "text", "text-muted", "text-primary", "text-success", "text-warning", "text-error",
    "primary", "accent", "footer-key-foreground",
)  # fmt: skip
# What stands on a ground of its own: the cursor, a focused button, the tour's caption.
PAIRS = (
    ("block-cursor-foreground", "block-cursor-background"),
    ("background", "primary"),
    ("background", "error"),
    ("background", "warning"),
)
MEASURED = (themes.DARK, themes.LIGHT)


def variables(name: str) -> dict[str, str]:
    """What the style sheets get."""
    return fakes.app(fakes.container(theme=name)).get_css_variables()


def colour(found: dict[str, str], name: str, ground: Color) -> Color:
    """A variable's colour as it is seen on `ground`: `auto` is black or white, whichever reads better."""
    value = found[name]
    if value.startswith("auto"):
        share = float(value.removeprefix("auto").strip().rstrip("%") or 100) / 100
        return ground.blend(ground.get_contrast_text(1.0), share)
    parsed = Color.parse(value)
    return ground.blend(parsed.with_alpha(1.0), parsed.a)


def ratio(first: Color, second: Color) -> float:
    """Contrast, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(of: Color) -> float:
    """Relative luminance, 0 to 1."""
    parts = (part / 255 for part in of.rgb)
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def on_black(found: dict[str, str], name: str) -> Color:
    return colour(found, name, Color(0, 0, 0))


@pytest.mark.parametrize("theme", MEASURED, ids=lambda theme: theme.name)
def test_text_can_be_read_on_every_ground(theme: Theme) -> None:
    found = variables(theme.name)
    weak = {}
    for text, ground in product(TEXTS, GROUNDS):
        under = on_black(found, ground)
        if (measured := ratio(colour(found, text, under), under)) < 4.5:
            weak[f"{text} on {ground}"] = round(measured, 2)
    assert weak == {}


@pytest.mark.parametrize("theme", MEASURED, ids=lambda theme: theme.name)
def test_what_has_a_ground_of_its_own_can_be_read(theme: Theme) -> None:
    found = variables(theme.name)
    measured = {pair: ratio(on_black(found, pair[0]), on_black(found, pair[1])) for pair in PAIRS}
    assert {pair: round(value, 2) for pair, value in measured.items() if value < 4.5} == {}


@pytest.mark.parametrize("theme", MEASURED, ids=lambda theme: theme.name)
def test_the_focus_can_be_seen(theme: Theme) -> None:
    found = variables(theme.name)
    cursor, border = on_black(found, "block-cursor-background"), on_black(found, "primary")
    for ground in GROUNDS:
        under = on_black(found, ground)
        assert ratio(border, under) >= 3, ground
        # A button that has the focus also turns bold.
        assert ratio(cursor, under) >= 2, ground


async def test_the_ansi_theme_draws_with_the_terminals_own_colours() -> None:
    """Not one colour of ours: what is painted is one of sixteen, or the terminal's default."""
    app = fakes.app(fakes.container(theme=themes.ANSI.name))
    async with opened(Page, app):
        assert app.native_ansi_color
        styles = [
            segment.style
            for line in app.screen._compositor.render_strips()
            for segment in line
            if segment.style is not None
        ]
    colours = {c for style in styles for c in (style.color, style.bgcolor) if c is not None}
    assert colours
    assert [c.name for c in colours if c.triplet is not None or (c.number or 0) > 15] == []


def test_every_theme_of_textual_works_by_name() -> None:
    app = fakes.app(fakes.container())
    assert {theme.name for theme in themes.THEMES} <= set(app.available_themes)
    assert {"nord", "dracula", "textual-light", "solarized-light"} <= set(app.available_themes)


@pytest.mark.parametrize("theme", MEASURED, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
def test_what_is_greyed_out_can_still_be_made_out(theme: Theme, ground: str) -> None:
    """No figure is asked of what cannot be used; it must be there to see all the same."""
    found = variables(theme.name)
    behind = on_black(found, ground)
    assert ratio(colour(found, "text-disabled", behind), behind) >= 2.8


QUIET = ("background", "surface", "panel", "text-muted", "text-disabled", "border-blurred", "scrollbar")


@pytest.mark.parametrize("name", QUIET)
@pytest.mark.parametrize("theme", MEASURED, ids=lambda theme: theme.name)
def test_grounds_and_quiet_text_stay_grey_in_256_colours(theme: Theme, name: str) -> None:
    seen = TerminalColor.parse(variables(theme.name)[name]).downgrade(ColorSystem.EIGHT_BIT).get_truecolor()
    assert len(set(seen)) == 1, f"{name} turns into {seen.hex}"
