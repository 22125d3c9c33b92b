"""The clipboard through the tools of the system. The text goes through a pipe, never as an argument."""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from app.adapters.system import hardening
from app.domain.errors import Failed

TIMEOUT = 3.0
_READ: Mapping[str, Sequence[str]] = {
    "pbcopy": ("pbpaste",),
    "wl-copy": ("wl-paste", "--no-newline"),
    "xclip": ("xclip", "-selection", "clipboard", "-o"),
    "xsel": ("xsel", "--clipboard", "--output"),
}
_EMPTY: Mapping[str, Sequence[str]] = {
    "wl-copy": ("wl-copy", "--clear"),
    "xsel": ("xsel", "--clipboard", "--clear"),
}


class LocalClipboard:
    """wl-copy, xclip, xsel, pbcopy or clip.exe, whichever has a display to work with."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    async def copy(self, text: str) -> str:
        """Hand `text` over and say with what; raise Failed when nothing took it."""
        for command in tools(self._environ):
            if await _run(command, self._environ, text) is not None:
                return f"copied with {command[0]}"
        raise Failed(
            "no clipboard tool works here", hint="install wl-clipboard or xclip, or show it and select it"
        )

    def can_clear(self) -> bool:
        """True when the tool that copies has one beside it that reads."""
        return self._reader() is not None

    async def clear(self, text: str) -> bool:
        """Empty the clipboard if it still holds `text`; raise Failed when nobody can tell."""
        if (reader := self._reader()) is None:
            raise Failed("nothing here reads the clipboard")
        command, read = reader
        if await _run(read, self._environ, read=True) != text:
            return False
        return await _run(_EMPTY.get(command[0], command), self._environ, "") is not None

    def _reader(self) -> tuple[Sequence[str], Sequence[str]] | None:
        for command in tools(self._environ):
            read = _READ.get(command[0])
            if read and shutil.which(read[0], path=self._environ.get("PATH")):
                return command, read
        return None


def tools(environ: Mapping[str, str]) -> Sequence[Sequence[str]]:
    """The commands that can work here, best first."""
    candidates: list[Sequence[str]] = []
    if sys.platform == "darwin":
        candidates.append(("pbcopy",))
    if environ.get("WAYLAND_DISPLAY"):
        candidates.append(("wl-copy",))
    if environ.get("DISPLAY"):
        candidates += [("xclip", "-selection", "clipboard"), ("xsel", "--clipboard", "--input")]
    if sys.platform == "win32" or environ.get("WSL_DISTRO_NAME"):
        candidates.append(("clip.exe",))
    return [command for command in candidates if shutil.which(command[0], path=environ.get("PATH"))]


async def _run(
    command: Sequence[str], environ: Mapping[str, str], text: str | None = None, *, read: bool = False
) -> str | None:
    """Run a tool with `text` on its standard input; return what it writes when `read`, else "".

    None when it does not start, fails, or takes longer than TIMEOUT. Some tools stay behind to serve the
    text, and would keep a pipe open: their output is not read.
    """
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=null if text is None else pipe,
            stdout=pipe if read else null,
            stderr=null,
            env=hardening.environment_of_children(environ),
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(TIMEOUT):
            output, _ = await process.communicate(None if text is None else text.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return (output or b"").decode(errors="replace") if process.returncode == 0 else None
