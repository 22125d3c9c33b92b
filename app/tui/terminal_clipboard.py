"""The clipboard of the terminal, through OSC 52: it works over SSH and gives no answer."""

import base64
import os
from collections.abc import Callable

from app.domain.errors import Failed

LIMIT = 74_994
"""Bytes of text whose base64 form still fits the 100,000 that terminals commonly take."""


class TerminalClipboard:
    """Writes OSC 52, wrapped for tmux (which passes it on only where `allow-passthrough` is on)."""

    def __init__(self, write: Callable[[str], bool]) -> None:
        """`write` writes an escape sequence to the terminal, and returns False without one."""
        self._write = write

    async def copy(self, text: str) -> str:
        """Send `text`; raise Failed when it is too long. The terminal does not say whether it took it."""
        data = text.encode()
        if len(data) > LIMIT:
            raise Failed("the text is too long for the terminal's clipboard", hint="write it to a file")
        if not self._write(sequence(data, tmux=bool(os.environ.get("TMUX")))):
            raise Failed("there is no terminal to send it to")
        return "sent to the terminal's clipboard (cannot be confirmed)"


def sequence(data: bytes, *, tmux: bool) -> str:
    """OSC 52 with `data`; under tmux doubled, once bare (`set-clipboard on`) and once passed through."""
    bare = f"\x1b]52;c;{base64.b64encode(data).decode()}\x07"
    if not tmux:
        return bare
    return f"{bare}\x1bPtmux;{bare.replace(chr(27), chr(27) * 2)}\x1b\\"
