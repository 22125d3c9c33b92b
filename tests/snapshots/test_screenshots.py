"""The pictures in screenshots/ show the app as it is: every screen and every dialog."""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from textual.screen import Screen

import app.tui.screens
from tests.support import pictures

pytestmark = pytest.mark.slow

AGAIN = "out of date: run scripts/screenshots.py"
COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})\b")
GREY = 6
"""How far the three parts of Rich's own greys are from one another, at most."""


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_shows_the_app_as_it_is(name: str) -> None:
    """In each of its looks. An async test would bring an event loop that the app is not made in."""
    drawn, screen = asyncio.run(pictures.draw(name))
    assert screen is pictures.PICTURES[name].shows
    for look, svg in drawn.items():
        kept = pictures.file_of(name, look)
        assert kept.exists(), f"{kept.name} is missing: run scripts/screenshots.py"
        # Not a plain ==, whose account of two long texts would take minutes.
        same = kept.read_text(encoding="utf-8") == svg
        assert same, f"{kept.name} is {AGAIN} {name}"


def test_there_are_no_others() -> None:
    assert set(pictures.FOLDER.glob("*.svg")) == set(pictures.all_files())


def test_every_screen_and_every_dialog_is_there() -> None:
    for module in pkgutil.walk_packages(app.tui.screens.__path__, "app.tui.screens."):
        importlib.import_module(module.name)
    ours = {screen for screen in below(Screen) if screen.__module__.startswith("app.tui.screens.")}
    shown = {picture.shows for picture in pictures.PICTURES.values()}
    # What others are made of, nobody sees as it is.
    bases = {base for screen in ours for base in screen.__mro__[1:]}
    assert {screen.__name__ for screen in ours - bases - shown} == set()


def below(screen: type[Screen[Any]]) -> Iterator[type[Screen[Any]]]:
    """The classes made of it, at any depth."""
    for found in screen.__subclasses__():
        yield found
        yield from below(found)


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_fetches_nothing_and_has_one_frame(name: str) -> None:
    for look in pictures.looks_of(name):
        text = pictures.file_of(name, look).read_text(encoding="utf-8")
        assert "@font-face" not in text
        ground = pictures.LOOKS[look].background if look in {"dark", "light"} else "#292929"
        assert text.count(f'<rect fill="{ground}" stroke=') == 1, "the frame has a ground"
        assert "url(http" not in text.replace("'", "").replace('"', "")


@pytest.mark.parametrize("name", sorted(pictures.IN_EVERY_LOOK))
def test_a_picture_without_colours_is_grey(name: str) -> None:
    colours = COLOUR.findall(pictures.file_of(name, "no-color").read_text(encoding="utf-8"))
    parts = [[int(part, 16) for part in colour] for colour in colours]
    assert colours
    assert [part for part in parts if max(part) - min(part) > GREY] == []
