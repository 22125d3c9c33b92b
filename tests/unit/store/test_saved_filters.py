"""Saved filters in config.toml, beside what a person wrote there by hand."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Failed
from app.store.saved_filters import TomlFilters, with_filter

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
    store = TomlFilters(path)
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
    store = TomlFilters(path)
    assert await store.all() == {}
    await store.save("stale", "idle>60d")
    assert await store.all() == {"stale": "idle>60d"}
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["not toml [", 'filters = {web = "never"}\n', '[filters]\nx = """\nweb = 1\n"""\n']
)
async def test_a_file_that_is_not_understood_is_not_touched(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Failed):
        await TomlFilters(path).save("web", "idle>1d")
    assert path.read_text(encoding="utf-8") == text


@given(st.dictionaries(st.from_regex(r"[a-z0-9-]{1,9}", fullmatch=True), st.text(max_size=20), max_size=4))
def test_what_is_saved_is_read_back(filters: dict[str, str]) -> None:
    text = '[keys]\n"app.help" = "h"\n'
    for name, value in filters.items():
        text = with_filter(with_filter(text, name, "first"), name, value)
    assert tomllib.loads(text).get("filters", {}) == filters
    assert tomllib.loads(text)["keys"] == {"app.help": "h"}
