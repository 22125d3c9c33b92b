"""What a person chose in the app goes into config.toml, beside what they wrote there by hand."""

import asyncio
import stat
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.storage.preferences import ConfigFile
from app.domain.errors import Failed
from app.settings import load

BY_HAND = '# mine\nnear_days = 7  # a week\n\n[keys]\n"app.help" = "h"\ntheme = "of a table"\n'


async def test_the_next_start_finds_it(tmp_path: Path) -> None:
    await ConfigFile(tmp_path / "config.toml").remember("theme", "loopin-light")
    assert load({"LOOPIN_CONFIG_DIR": str(tmp_path)}).theme == "loopin-light"


async def test_every_other_character_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BY_HAND)
    await ConfigFile(path).remember("theme", "nord")
    await ConfigFile(path).remember("theme", "loopin-dark")
    assert path.read_text().replace('theme = "loopin-dark"\n', "", 1) == BY_HAND


async def test_the_file_is_the_persons_own(tmp_path: Path) -> None:
    await ConfigFile(tmp_path / "new" / "config.toml").remember("theme", "nord")
    assert stat.S_IMODE((tmp_path / "new" / "config.toml").stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["theme = 'a\n", "[[[", "theme = 1\ntheme = 2\n"])
async def test_a_file_that_cannot_be_changed_safely_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(Failed, match="cannot be changed safely"):
        await ConfigFile(path).remember("theme", "nord")
    assert path.read_text() == text


async def test_a_line_inside_a_text_is_no_setting(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('x = """\ntheme = "y"\n"""\n')
    await ConfigFile(path).remember("theme", "nord")
    assert path.read_text() == 'x = """\ntheme = "y"\n"""\ntheme = "nord"\n'


@given(value=st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_value_survives(value: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(BY_HAND)
        asyncio.run(ConfigFile(path).remember("theme", value))
        assert tomllib.loads(path.read_text(encoding="utf-8"))["theme"] == value


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
async def test_a_link_stays_one_and_the_file_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    """People keep config.toml in a folder of dotfiles."""
    target = tmp_path / "dotfiles" / "loopin.toml"
    target.parent.mkdir()
    target.write_text(BY_HAND, encoding="utf-8")
    target.chmod(mode)
    link = tmp_path / "config.toml"
    link.symlink_to("dotfiles/loopin.toml")
    await ConfigFile(link).remember("theme", "nord")
    assert link.is_symlink()
    assert 'theme = "nord"' in target.read_text(encoding="utf-8")
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert [path.name for path in target.parent.iterdir()] == ["loopin.toml"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
async def test_line_breaks_stay_as_they_are(tmp_path: Path, mark: bytes) -> None:
    """A file from Windows keeps CRLF, and may begin with a byte order mark."""
    link = tmp_path / "config.toml"
    link.write_bytes(mark + BY_HAND.replace("\n", "\r\n").encode())
    await ConfigFile(link).remember("theme", "nord")
    await ConfigFile(link).remember("theme", "nord")
    data = link.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") == BY_HAND.count("\n") + 1
    assert b'theme = "nord"\r\n' in data
