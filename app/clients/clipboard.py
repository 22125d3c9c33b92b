"""The clipboard through the tools of the system. The text goes through a pipe, never as an argument."""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from app.domain.errors import Failed

TIMEOUT = 3.0


class LocalClipboard:
    """wl-copy, xclip, xsel, pbcopy or clip.exe, whichever has a display to work with."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    async def copy(self, text: str) -> str:
        """Hand `text` over and say with what; raise Failed when nothing took it."""
        for command in tools(self._environ):
            if await _hand_over(command, text, self._environ):
                return f"copied with {command[0]}"
        raise Failed(
            "no clipboard tool works here", hint="install wl-clipboard or xclip, or show it and select it"
        )


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


async def _hand_over(command: Sequence[str], text: str, environ: Mapping[str, str]) -> bool:
    null = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=null, stderr=null, env=dict(environ)
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TIMEOUT):
            await process.communicate(text.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
    return process.returncode == 0
