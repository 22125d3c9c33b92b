"""Opening a page: with what, where it cannot work, and without touching our terminal."""

import os
import sys
import time
from pathlib import Path

import pytest

from app.adapters.system.browser import SystemBrowser, commands, obstacle
from app.adapters.system.diagnostics import ThisMachine
from app.domain.errors import BrowserUnavailable

URL = "http://127.0.0.1:1/auth/login?callback=x&state=not-real"
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about Linux desktops")


def program(folder: Path, name: str, script: str = "") -> Path:
    """A program called `name` that notes its arguments and does `script`."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/{name}.arguments"\n{script}\n')
    path.chmod(0o755)
    return path


def arguments(folder: Path, name: str) -> list[str]:
    return (folder / f"{name}.arguments").read_text().splitlines()


async def test_the_named_browser_gets_the_address_as_one_argument(tmp_path: Path) -> None:
    named = program(tmp_path, "my-browser")
    browser = SystemBrowser({"BROWSER": f"{named} --new-window %s", "PATH": os.environ["PATH"]})
    assert await browser.open(URL) == "my-browser"
    assert arguments(tmp_path, "my-browser") == ["--new-window", URL]


@linux_only
async def test_a_desktop_without_a_named_browser_opens_its_own(tmp_path: Path) -> None:
    program(tmp_path, "xdg-open")
    browser = SystemBrowser({"DISPLAY": ":0", "PATH": f"{tmp_path}:/bin:/usr/bin"})
    assert await browser.open(URL) == "the default browser"
    assert arguments(tmp_path, "xdg-open") == [URL]


@linux_only
async def test_one_that_fails_gives_way_to_the_next(tmp_path: Path) -> None:
    program(tmp_path, "xdg-open", "exit 3")
    program(tmp_path, "firefox")
    browser = SystemBrowser({"DISPLAY": ":0", "PATH": f"{tmp_path}:/bin"})
    assert await browser.open(URL) == "firefox"


async def test_a_browser_that_stays_open_is_not_waited_for(tmp_path: Path) -> None:
    named = program(tmp_path, "slow-browser", "exec sleep 8")
    began = time.monotonic()
    assert await SystemBrowser({"BROWSER": str(named), "PATH": "/bin:/usr/bin"}).open(URL) == "slow-browser"
    assert time.monotonic() - began < 6


async def test_the_browser_cannot_write_on_our_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    named = program(tmp_path, "noisy", "echo out; echo err >&2; cat")
    await SystemBrowser({"BROWSER": str(named), "PATH": "/bin:/usr/bin"}).open(URL)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["lynx", "w3m", "elinks", "/usr/bin/links"])
async def test_a_text_browser_is_refused(name: str) -> None:
    with pytest.raises(BrowserUnavailable, match="would take over this terminal") as caught:
        await SystemBrowser({"BROWSER": name, "DISPLAY": ":0", "PATH": "/bin"}).open(URL)
    assert caught.value.hint


async def test_a_text_browser_beside_a_graphical_one_is_passed_over(tmp_path: Path) -> None:
    named = program(tmp_path, "graphical")
    browser = SystemBrowser({"BROWSER": f"lynx{os.pathsep}{named}", "PATH": "/bin:/usr/bin"})
    assert await browser.open(URL) == "graphical"


@linux_only
@pytest.mark.parametrize(
    ("environ", "why"),
    [
        ({"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, "SSH session"),
        ({"SSH_TTY": "/dev/pts/0", "DISPLAY": ":10"}, "SSH session"),
        ({"container": "podman"}, "container"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "container"),
    ],
)
async def test_a_place_without_a_screen_says_which(environ: dict[str, str], why: str) -> None:
    assert why in obstacle(environ)
    with pytest.raises(BrowserUnavailable, match=why):
        await SystemBrowser(environ).open(URL)


@linux_only
def test_the_persons_own_word_beats_the_signs_of_the_place(tmp_path: Path) -> None:
    named = program(tmp_path, "firefox")
    assert obstacle({"SSH_CONNECTION": "x", "BROWSER": "firefox", "PATH": str(tmp_path)}) == ""
    assert obstacle({"SSH_CONNECTION": "x", "BROWSER": str(named)}) == ""
    assert obstacle({"DISPLAY": ":0"}) == ""
    assert obstacle({"WAYLAND_DISPLAY": "wayland-0"}) == ""


@linux_only
async def test_no_browser_at_all_says_so(tmp_path: Path) -> None:
    with pytest.raises(BrowserUnavailable, match="no browser was found"):
        await SystemBrowser({"DISPLAY": ":0", "PATH": str(tmp_path)}).open(URL)


@linux_only
async def test_in_wsl_the_page_opens_in_windows(tmp_path: Path) -> None:
    program(tmp_path, "explorer.exe", "exit 1")
    environ = {"WSL_DISTRO_NAME": "Ubuntu", "PATH": str(tmp_path)}
    assert [list(command) for command in commands(environ)] == [["explorer.exe", "%s"]]
    assert await SystemBrowser(environ).open(URL) == "the default browser"


@pytest.mark.parametrize(
    ("folder", "line", "expected"),
    [
        ("plain", "{0} %s", [URL]),
        ("plain", "{0} --new-window", ["--new-window", URL]),
        ("plain", "{0} --url=%s --quiet", [f"--url={URL}", "--quiet"]),
        ("plain", "{0} %s &", [URL]),
        ("with blanks in it", "{0}", [URL]),
        ("with blanks in it", "'{0}' --profile 'two words' %s", ["--profile", "two words", URL]),
        ("with blanks in it", '"{0}" "--title=a b" --x=%s', ["--title=a b", f"--x={URL}"]),
    ],
)
async def test_a_named_command_is_read_as_a_shell_does(
    tmp_path: Path, folder: str, line: str, expected: list[str]
) -> None:
    """Quotes, blanks in the path, and a place for the address inside a word."""
    named = program(tmp_path / folder, "my-browser")
    browser = SystemBrowser({"BROWSER": line.format(named), "PATH": "/bin:/usr/bin"})
    assert await browser.open(URL) == "my-browser"
    assert arguments(tmp_path / folder, "my-browser") == expected


@pytest.mark.parametrize(
    "named", ["no-such-browser", "/nowhere/firefox %s", "'unbalanced", "no-such-one --x=%s"]
)
async def test_a_named_browser_that_is_not_there_is_named(named: str) -> None:
    """By everybody who asks: the sign-in and the doctor."""
    environ = {"BROWSER": named, "DISPLAY": ":0", "PATH": "/nowhere"}
    assert "BROWSER names" in obstacle(environ)
    assert "no such program" in ThisMachine((), "2", environ).opener().obstacle
    with pytest.raises(BrowserUnavailable, match="no such program"):
        await SystemBrowser(environ).open(URL)


async def test_a_named_browser_that_does_not_start_is_named(tmp_path: Path) -> None:
    """It is there, and ends with an error at once."""
    named = program(tmp_path, "broken", "exit 3")
    with pytest.raises(BrowserUnavailable, match="which does not start"):
        await SystemBrowser({"BROWSER": str(named), "PATH": "/bin:/usr/bin"}).open(URL)
