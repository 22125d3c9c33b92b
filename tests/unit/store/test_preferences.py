"""What a person chose in the app goes into config.toml, beside what they wrote there by hand."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Failed
from app.settings import load
from app.store.preferences import TomlPreferences, with_line

BY_HAND = '# mine\nnear_days = 7  # a week\n\n[keys]\n"app.help" = "h"\ntheme = "of a table"\n'


async def test_the_next_start_finds_it(tmp_path: Path) -> None:
    await TomlPreferences(tmp_path / "config.toml").remember("theme", "loopin-light")
    assert load({"LOOPIN_CONFIG_DIR": str(tmp_path)}).theme == "loopin-light"


async def test_every_other_character_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BY_HAND)
    await TomlPreferences(path).remember("theme", "nord")
    await TomlPreferences(path).remember("theme", "loopin-dark")
    assert path.read_text().replace('theme = "loopin-dark"\n', "", 1) == BY_HAND


async def test_the_file_is_the_persons_own(tmp_path: Path) -> None:
    await TomlPreferences(tmp_path / "new" / "config.toml").remember("theme", "nord")
    assert stat.S_IMODE((tmp_path / "new" / "config.toml").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["theme = 'a\n", "[[[", 'x = """\ntheme = "y"\n"""\n'])
async def test_a_file_that_cannot_be_changed_safely_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(Failed, match="cannot be changed safely"):
        await TomlPreferences(path).remember("theme", "nord")
    assert path.read_text() == text


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30))
def test_any_value_survives(value: str) -> None:
    assert tomllib.loads(with_line(BY_HAND, "theme", value))["theme"] == value
