"""The pictures in screenshots/ come from scenes, and fetch nothing."""

from pathlib import Path

import pytest

from tests.support import scenes, scenes_rooms

FILES = sorted((Path(__file__).resolve().parents[2] / "screenshots").glob("*.svg"))


def test_there_are_pictures() -> None:
    assert FILES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_picture_shows_a_scene_and_needs_nothing_from_outside(file: Path) -> None:
    name, look, _ = file.name.split(".")
    assert name in {**scenes.SCENES, **scenes_rooms.SCENES}
    assert look in {"dark", "light"}
    text = file.read_text(encoding="utf-8")
    assert "@font-face" not in text
    assert "url(http" not in text.replace("'", "").replace('"', "")
