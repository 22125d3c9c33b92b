"""Containers: as Textual paints them, with one line kept for all."""

import pytest
from textual import containers
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widget import Widget

from widgets.containers import Container, Horizontal, Vertical, VerticalScroll

PAIRS = [
    (Container, containers.Container),
    (Vertical, containers.Vertical),
    (Horizontal, containers.Horizontal),
    (VerticalScroll, containers.VerticalScroll),
]
LOOKS = [
    "",
    "padding: 1 2;",
    "border-left: vkey red;",
    "border: round red; border-title-align: center;",
    "border-top: solid red;",
    "border-bottom: solid red;",
    "outline: heavy green;",
    "hatch: cross blue;",
    "background: blue 50%; opacity: 60%; tint: red 20%;",
]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look or "plain")
async def test_they_look_as_they_do_in_textual(look: str) -> None:
    class Both(App[None]):
        CSS = (
            f"Screen {{ layout: grid; grid-size: 4; }} Screen > * {{ height: 1fr; background: navy; {look} }}"
        )

        def compose(self) -> ComposeResult:
            for pair in PAIRS:
                for kind in pair:
                    yield kind()

    app = Both()
    async with app.run_test(size=(80, 24)):
        shown = list(app.screen.children)
        for ours, textuals in zip(shown[::2], shown[1::2], strict=True):
            assert ours.size == textuals.size
            assert ours.size.area > 10
            width, height = ours.outer_size
            for crop in (Region(0, 0, width, height), Region(2, 3, width - 4, height - 4)):
                painted, wanted = ours.render_lines(crop), textuals.render_lines(crop)
                assert [line.simplify() for line in painted] == [line.simplify() for line in wanted]


@pytest.mark.parametrize("kind", [ours for ours, _ in PAIRS])
async def test_one_line_is_kept_for_all(kind: type[Widget]) -> None:
    class One(App[None]):
        def compose(self) -> ComposeResult:
            yield kind()

    app = One()
    async with app.run_test(size=(80, 24)):
        lines = app.screen.children[0].render_lines(Region(0, 0, 80, 24))
        assert len(lines) == 24
        assert len({id(line) for line in lines}) == 1


async def test_a_background_that_changes_is_painted_anew() -> None:
    class One(App[None]):
        def compose(self) -> ComposeResult:
            yield Container()

    app = One()
    async with app.run_test(size=(20, 4)) as pilot:
        box, whole = app.screen.children[0], Region(0, 0, 20, 4)
        before = box.render_lines(whole)
        box.styles.background = "red"
        await pilot.pause()
        after = box.render_lines(whole)
        assert after != before
        assert len(after) == 4
