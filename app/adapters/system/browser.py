"""Opens a page in the person's browser, without letting it touch our terminal."""

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.adapters.system import hardening
from app.domain.errors import BrowserUnavailable
from app.domain.text import clean

_TEXT_BROWSERS = frozenset({"lynx", "w3m", "links", "links2", "elinks", "www-browser", "browsh", "carbonyl"})
_GRAPHICAL = (
    "xdg-open", "x-www-browser", "firefox", "google-chrome", "chromium", "chromium-browser", "brave-browser",
    "microsoft-edge", "epiphany", "konqueror", "falkon",
)  # fmt: skip
URL = "%s"
"""Stands for the address in a command."""
_HINT = "open the address yourself, here or on another machine"


class SystemBrowser:
    """`$BROWSER` first, then what the system calls its browser."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    async def open(self, url: str) -> str:
        """Open `url` and return the browser's name; raise BrowserUnavailable with the reason."""
        if why := obstacle(self._environ):
            raise BrowserUnavailable(f"no browser can be opened: {why}", hint=_HINT)
        for command in commands(self._environ):
            words = [command[0], *(word.replace(URL, url) for word in command[1:])]
            if await asyncio.to_thread(_start, words, self._environ):
                return _name(command)
        raise BrowserUnavailable(_nothing(self._environ), hint=_HINT)


def _nothing(environ: Mapping[str, str]) -> str:
    named = _named(environ)
    return f"BROWSER names {_shown(named[0])}, which does not start" if named else "no browser was found"


def _shown(command: Sequence[str]) -> str:
    return clean(command[0], 60)


def obstacle(environ: Mapping[str, str] | None = None) -> str:
    """Say in a few words why a page cannot be opened here; empty when nothing speaks against it.

    `$BROWSER` set to a graphical browser is the person's own word and beats the signs of a place
    without a screen.
    """
    env = os.environ if environ is None else environ
    named = _named(env)
    if any(not _is_text(command) and _found(command, env) for command in named):
        return ""
    for command in named:
        if _is_text(command):
            return f"{Path(command[0]).name} would take over this terminal"
        return f"BROWSER names {_shown(command)}, and there is no such program"
    if env.get("SSH_CONNECTION") or env.get("SSH_TTY"):
        return "this is an SSH session"
    if _in_container(env):
        return "this is a container"
    if sys.platform.startswith("linux") and not _has_screen(env):
        return "there is no display"
    return ""


def commands(environ: Mapping[str, str]) -> Sequence[Sequence[str]]:
    """What to try, in this order, with `%s` for the address; programs that exist, text browsers left out."""
    if named := [command for command in _named(environ) if not _is_text(command)]:
        return [command for command in named if _found(command, environ)]
    if sys.platform == "darwin":
        return [("open", URL)]
    if sys.platform == "win32":
        return [("rundll32", "url.dll,FileProtocolHandler", URL)]
    if _is_wsl(environ):
        candidates: Sequence[Sequence[str]] = (("wslview", URL), ("explorer.exe", URL))
    else:
        candidates = tuple((name, URL) for name in _GRAPHICAL)
    return [command for command in candidates if _found(command, environ)]


def _named(environ: Mapping[str, str]) -> list[Sequence[str]]:
    """The commands in `$BROWSER`, between colons; `%s` stands for the address, and is put last if it lacks.

    An entry that is a program as a whole is one, whatever blanks are in its path; another is split as a shell
    does it.
    """
    entries = (entry.strip() for entry in environ.get("BROWSER", "").split(os.pathsep))
    return [command for entry in entries if (command := _command(entry, environ))]


def _command(entry: str, environ: Mapping[str, str]) -> Sequence[str]:
    if entry and _found([entry], environ):
        return (entry, URL)
    try:
        words = shlex.split(entry)
    except ValueError:
        words = entry.split()
    # A shell would start it in the background; here it is anyway.
    words = [word for word in words if word != "&"]
    words[:1] = [str(Path(word).expanduser()) if word.startswith("~/") else word for word in words[:1]]
    if not words or any(URL in word for word in words[1:]):
        return words
    return [*words, URL]


def _found(command: Sequence[str], environ: Mapping[str, str]) -> bool:
    return shutil.which(command[0], path=environ.get("PATH")) is not None


def _is_text(command: Sequence[str]) -> bool:
    return Path(command[0]).name in _TEXT_BROWSERS


def _is_wsl(environ: Mapping[str, str]) -> bool:
    return bool(environ.get("WSL_DISTRO_NAME") or environ.get("WSL_INTEROP"))


def _has_screen(environ: Mapping[str, str]) -> bool:
    # In WSL a page opens in Windows, whether or not Linux has a display.
    if _is_wsl(environ) and shutil.which("explorer.exe", path=environ.get("PATH")):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _in_container(environ: Mapping[str, str]) -> bool:
    if _has_screen(environ):
        return False
    marks = (
        environ.get("container") or environ.get("KUBERNETES_SERVICE_HOST") or environ.get("REMOTE_CONTAINERS")
    )
    return bool(marks) or Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def _start(command: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Start it in a session of its own, silent; one that fails within a moment counts as not there."""
    try:
        # The command is $BROWSER, the person's own, or one of ours; the address is one argument of it.
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env=hardening.environment_of_children(environ),
            umask=hardening.umask_of_children(),
        )
    except (OSError, ValueError):
        return False
    try:
        # Explorer says 1 whatever happened.
        return process.wait(timeout=1.0) == 0 or command[0] == "explorer.exe"
    except subprocess.TimeoutExpired:
        # Still running: a browser that was started itself. Its end is nobody's business, but the
        # object must not complain about a child that runs on.
        process.returncode = 0
        return True


def _name(command: Sequence[str]) -> str:
    name = Path(command[0]).stem
    return (
        "the default browser"
        if name in {"xdg-open", "open", "rundll32", "wslview", "explorer"}
        else clean(name, 40)
    )
