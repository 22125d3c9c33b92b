"""Saved filters in config.toml, beside what a person wrote there by hand."""

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

BY_HAND = """# mine
theme = "loopin-light"

[filters]  # by hand
web = "project:web"  # all of it
"two words" = "never"

[keys]
web = "x"
"""


async def test_it_changes_its_line_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(BY_HAND, encoding="utf-8")
    store = ConfigFile(path)
    await store.save("stale", 'idle>60d !name:"ci web"')
    assert await store.all() == {
        "stale": 'idle>60d !name:"ci web"',
        "web": "project:web",
        "two words": "never",
    }
    await store.save("two words", "idle>1y")
    await store.delete("stale")
    assert path.read_text(encoding="utf-8") == BY_HAND.replace('"never"', '"idle>1y"')
    await store.delete("never-there")
    await store.delete("web")
    assert tomllib.loads(path.read_text(encoding="utf-8"))["keys"] == {"web": "x"}
    assert await store.all() == {"two words": "idle>1y"}


async def test_without_a_file_one_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    store = ConfigFile(path)
    assert await store.all() == {}
    await store.save("stale", "idle>60d")
    assert await store.all() == {"stale": "idle>60d"}
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["not toml [", "filters = 3\n", "[[filters]]\nweb = 1\n"])
async def test_a_file_that_is_not_understood_is_not_touched(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Failed):
        await ConfigFile(path).save("web", "idle>1d")
    with pytest.raises(Failed) as caught:
        await ConfigFile(path).delete("web")
    assert caught.value.hint == "write [filters] without web by hand"
    assert path.read_text(encoding="utf-8") == text


async def test_a_table_in_one_line_stays_in_one(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('filters = {web = "never"}\n', encoding="utf-8")
    await ConfigFile(path).save("web", "idle>1d")
    assert path.read_text(encoding="utf-8") == 'filters = {web = "idle>1d"}\n'


@given(
    filters=st.dictionaries(
        st.from_regex(r"[a-z0-9-]{1,9}", fullmatch=True), st.text(max_size=20), max_size=4
    )
)
def test_what_is_saved_is_read_back(filters: dict[str, str]) -> None:
    async def save_all(store: ConfigFile) -> None:
        for name, value in filters.items():
            await store.save(name, "first")
            await store.save(name, value)

    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text('[keys]\n"app.help" = "h"\n')
        asyncio.run(save_all(ConfigFile(path)))
        text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text).get("filters", {}) == filters
    assert tomllib.loads(text)["keys"] == {"app.help": "h"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
async def test_a_link_stays_one_and_the_file_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    """People keep config.toml in a folder of dotfiles."""
    target = tmp_path / "dotfiles" / "loopin.toml"
    target.parent.mkdir()
    target.write_text(BY_HAND, encoding="utf-8")
    target.chmod(mode)
    link = tmp_path / "config.toml"
    link.symlink_to("dotfiles/loopin.toml")
    await ConfigFile(link).save("stale", "idle>60d")
    assert link.is_symlink()
    assert 'stale = "idle>60d"' in target.read_text(encoding="utf-8")
    assert stat.S_IMODE(target.stat().st_mode) == mode
    assert [path.name for path in target.parent.iterdir()] == ["loopin.toml"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
async def test_line_breaks_stay_as_they_are(tmp_path: Path, mark: bytes) -> None:
    """A file from Windows keeps CRLF, and may begin with a byte order mark."""
    link = tmp_path / "config.toml"
    link.write_bytes(mark + BY_HAND.replace("\n", "\r\n").encode())
    await ConfigFile(link).save("stale", "idle>60d")
    await ConfigFile(link).save("stale", "idle>60d")
    data = link.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n") == BY_HAND.count("\n") + 1
    assert b'stale = "idle>60d"\r\n' in data
