"""Without colours, and with the terminal's sixteen: what matters can still be told apart."""

import os
from collections.abc import Iterator

import pytest
from rich.style import Style
from textual.theme import Theme

from app.tui import themes
from app.tui.app import LoopinApp
from tests.support import idle, scenes, scenes_rooms

pytestmark = pytest.mark.slow

SIZE = (120, 36)
BRIGHT_WHITE, BLACK = 15, 0


def painted(app: LoopinApp) -> list[tuple[str, Style]]:
    """What is on the screen: words and their style, from the top."""
    lines = app.screen._compositor.render_strips()
    return [(part.text, part.style) for line in lines for part in line if part.style and part.text.strip()]


def styles_of(app: LoopinApp, words: str) -> list[Style]:
    """The styles of the parts that are these words."""
    return [style for text, style in painted(app) if words == text.strip()]


def is_reversed(app: LoopinApp, words: str) -> bool:
    """Whether they stand out anywhere."""
    assert styles_of(app, words), words
    return any(style.reverse for style in styles_of(app, words))


@pytest.fixture(autouse=True)
def exact() -> Iterator[None]:
    """A scene is played until the app is idle."""
    with idle.exact():
        yield


@pytest.mark.parametrize("theme", themes.THEMES, ids=lambda theme: theme.name)
async def test_no_color_takes_every_colour_away_in_every_theme(
    monkeypatch: pytest.MonkeyPatch, theme: Theme
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    scene = scenes_rooms.SCENES["tokens"]
    app = scene.make(theme.name)
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)
        colours = {c for _, style in painted(app) for c in (style.color, style.bgcolor) if c is not None}
        assert {colour for colour in colours if not colour.is_default} == set()


async def test_without_colours_the_cursor_and_the_open_room_are_reversed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    scene = scenes_rooms.SCENES["tokens"]
    app = scene.make("loopin-dark")
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)
        assert is_reversed(app, "2 Tokens")
        assert not is_reversed(app, "1 Accounts")
        assert is_reversed(app, "ci-legacy")
        assert not is_reversed(app, "poc-2025")


async def test_without_colours_a_dialog_shows_focus_danger_and_what_cannot_be_pressed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    scene = scenes_rooms.SCENES["revoke-many"]
    app = scene.make("loopin-dark")
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)
        await pilot.press("tab")
        assert is_reversed(app, "Cancel")
        (danger,) = styles_of(app, "Revoke 3 tokens")
        assert danger.underline
        assert danger.dim, "the number has not been typed yet"
        assert not danger.reverse


async def test_words_on_the_terminals_own_grounds_are_black_or_white() -> None:
    scene = scenes_rooms.SCENES["tokens"]
    app = scene.make(themes.ANSI.name)
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)
        inks = {
            style.color.number
            for _, style in painted(app)
            if style.color is not None and style.bgcolor is not None and not style.bgcolor.is_default
        }
        assert inks
        assert inks <= {BRIGHT_WHITE, BLACK}


async def test_without_colours_nothing_behind_a_dialog_is_as_bright_as_the_dialog(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    scene = scenes_rooms.SCENES["revoke-many"]
    app = scene.make("loopin-dark")
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)
        behind = [style for text, style in painted(app) if "4 Activity" in text or "2 Tokens" in text]
        assert behind
        assert all(style.dim and not style.reverse for style in behind)


async def test_with_sixteen_colours_a_dialog_leaves_the_screen_behind_it_dim() -> None:
    """What cannot be darkened is dim and has no colour; what cannot be pressed is not red."""
    scene = scenes_rooms.SCENES["revoke-many"]
    app = scene.make(themes.ANSI.name)
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)
        behind = [style for text, style in painted(app) if "4 Activity" in text]
        assert behind
        assert all(style.dim and (style.color is None or style.color.is_default) for style in behind)
        (heading,) = styles_of(app, "Revoke 3 tokens of acme?")
        assert not heading.dim
        (danger,) = styles_of(app, "Revoke 3 tokens")
        assert danger.color is not None
        assert danger.color.number == 8, "the number has not been typed yet"


@pytest.mark.parametrize("colours", [0, 16])
async def test_with_few_colours_the_palette_shows_which_command_enter_takes(
    monkeypatch: pytest.MonkeyPatch, colours: int
) -> None:
    if not colours:
        monkeypatch.setenv("NO_COLOR", "1")
    scene = scenes.SCENES["palette"]
    app = scene.make(themes.ANSI.name if colours else "loopin-dark")
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)

        def stands_out(words: str) -> bool:
            (style,) = styles_of(app, words)
            ground = style.bgcolor is not None and not style.bgcolor.is_default
            return bool(style.reverse) or ground

        assert stands_out("Sign in")
        assert not stands_out("Sign out")


async def test_without_colours_no_words_on_a_reversed_ground_are_dim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    scene = scenes_rooms.SCENES["tokens"]
    app = scene.make("loopin-dark")
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)
        assert [text for text, style in painted(app) if style.reverse]
        assert not [text for text, style in painted(app) if style.reverse and style.dim]


async def test_a_no_color_without_a_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """no-color.org: "when present and not an empty string"; it stays in the environment as it is."""
    monkeypatch.setenv("NO_COLOR", "")
    scene = scenes_rooms.SCENES["tokens"]
    app = scene.make("loopin-dark")
    assert os.environ["NO_COLOR"] == ""
    async with app.run_test(size=SIZE) as pilot:
        await scene.play(pilot)
        assert not app.no_color
        assert {c for _, style in painted(app) for c in (style.color,) if c is not None and not c.is_default}
