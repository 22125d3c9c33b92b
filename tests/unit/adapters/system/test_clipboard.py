"""The clipboard tools: only where they can work, and never with the text as an argument."""

import sys
from pathlib import Path

import pytest

from app.adapters.system.clipboard import LocalClipboard
from app.domain.errors import Failed
from app.domain.secret import VARIABLES
from tests.unit.adapters.system.test_browser import arguments, program

TEXT = "sample-secret-not-real-ü\nsecond line"
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about Linux tools")


@pytest.mark.parametrize(
    ("name", "variable"), [("wl-copy", "WAYLAND_DISPLAY"), ("xclip", "DISPLAY"), ("xsel", "DISPLAY")]
)
async def test_the_text_goes_through_a_pipe(tmp_path: Path, name: str, variable: str) -> None:
    program(tmp_path, name, f'cat > "{tmp_path}/taken"')
    clipboard = LocalClipboard({variable: ":0", "PATH": f"{tmp_path}:/bin:/usr/bin"})
    assert await clipboard.copy(TEXT) == f"copied with {name}"
    assert (tmp_path / "taken").read_bytes() == TEXT.encode()
    assert not any("secret" in argument for argument in arguments(tmp_path, name))


async def test_a_tool_without_its_display_is_left_alone(tmp_path: Path) -> None:
    for name in ("wl-copy", "xclip", "xsel"):
        program(tmp_path, name)
    with pytest.raises(Failed, match="no clipboard tool"):
        await LocalClipboard({"PATH": f"{tmp_path}:/bin"}).copy(TEXT)


async def test_one_that_fails_gives_way_to_the_next(tmp_path: Path) -> None:
    program(tmp_path, "xclip", "exit 1")
    program(tmp_path, "xsel", "cat > /dev/null")
    assert (
        await LocalClipboard({"DISPLAY": ":0", "PATH": f"{tmp_path}:/bin"}).copy(TEXT) == "copied with xsel"
    )


async def test_one_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.system.clipboard.TIMEOUT", 0.2)
    program(tmp_path, "xclip", "exec sleep 30")
    with pytest.raises(Failed):
        await LocalClipboard({"DISPLAY": ":0", "PATH": f"{tmp_path}:/bin"}).copy(TEXT)


async def test_it_is_emptied_only_while_it_holds_the_same(tmp_path: Path) -> None:
    held = tmp_path / "held"
    program(
        tmp_path,
        "xsel",
        f'case "$2" in --input) cat >"{held}";; --output) cat "{held}";; *) : >"{held}";; esac',
    )
    clipboard = LocalClipboard({"DISPLAY": ":0", "PATH": f"{tmp_path}:/bin:/usr/bin"})
    assert clipboard.can_clear()
    await clipboard.copy(TEXT)
    assert not await clipboard.clear("another text")
    assert held.read_bytes() == TEXT.encode()
    assert await clipboard.clear(TEXT)
    assert held.read_bytes() == b""


async def test_a_tool_that_only_copies_promises_nothing(tmp_path: Path) -> None:
    program(tmp_path, "wl-copy", "cat > /dev/null")
    clipboard = LocalClipboard({"WAYLAND_DISPLAY": "w", "PATH": f"{tmp_path}:/bin"})
    assert not clipboard.can_clear()
    with pytest.raises(Failed):
        await clipboard.clear(TEXT)


async def test_no_tool_gets_a_credential_of_ours(tmp_path: Path) -> None:
    """Neither the one that writes nor the one that reads."""
    program(tmp_path, "xsel", f'env >> "{tmp_path}/seen"; cat > /dev/null')
    held = dict.fromkeys(VARIABLES, "not-a-real-credential")
    clipboard = LocalClipboard({"DISPLAY": ":0", "PATH": f"{tmp_path}:/bin:/usr/bin", **held})
    await clipboard.copy(TEXT)
    await clipboard.clear(TEXT)
    seen = (tmp_path / "seen").read_text()
    assert seen.count("DISPLAY=:0") == 2
    assert "not-a-real-credential" not in seen
