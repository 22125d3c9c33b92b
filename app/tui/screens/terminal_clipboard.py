"""The clipboard of the terminal itself, by OSC 52: it works over SSH, and it never answers."""

import base64
import os
from collections.abc import Callable

from textual.app import App

from app.domain.errors import Failed

LIMIT = 74_994
"""Bytes of text whose base64 form still fits the 100,000 that terminals commonly take."""


class TerminalClipboard:
    """Writes OSC 52, wrapped for tmux (which passes it on only where `allow-passthrough` is on)."""

    def __init__(self, app: App[int]) -> None:
        self._app = app

    async def copy(self, text: str) -> str:
        """Send it; raise Failed when the text is too long. Nobody can know whether it was taken."""
        data = text.encode()
        if len(data) > LIMIT:
            raise Failed("the text is too long for the terminal's clipboard", hint="write it to a file")
        write: Callable[[str], None] | None = getattr(self._app._driver, "write", None)
        if write is None:
            raise Failed("there is no terminal to send it to")
        write(sequence(data, tmux=bool(os.environ.get("TMUX"))))
        return "sent to the terminal's clipboard (cannot be confirmed)"


def sequence(data: bytes, *, tmux: bool) -> str:
    """OSC 52 with `data`; under tmux doubled, once bare (`set-clipboard on`) and once passed through."""
    bare = f"\x1b]52;c;{base64.b64encode(data).decode()}\x07"
    if not tmux:
        return bare
    return f"{bare}\x1bPtmux;{bare.replace(chr(27), chr(27) * 2)}\x1b\\"
