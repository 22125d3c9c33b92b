"""Questions to a person, and what a pipe hands in."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from app.domain.errors import Cancelled, UsageError


def can_ask() -> bool:
    """True when a person sits there: a question can be seen and answered."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """Ask on standard error and return the line; raise Cancelled when the input ends."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise Cancelled("cancelled")
    return line.strip()


def read_piped(what: str) -> str:
    """Everything on standard input, without the white space around it; raise UsageError when it is empty."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            f"{what} is read from standard input, which is a terminal",
            hint="pipe it in, for example from a file: < token.txt",
        )
    text = sys.stdin.read().strip()
    if not text:
        raise UsageError(f"standard input is empty: {what} was expected", hint="pipe it in")
    return text


@asynccontextmanager
async def piped_lines() -> AsyncIterator["asyncio.Queue[str | None]"]:
    """Lines of a standard input that is no terminal, then None."""
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # A pipe that stays open must not hold up the end: the thread is a daemon, and the loop may be gone.
        with suppress(RuntimeError, OSError, ValueError):
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line.strip())
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True, name="standard input").start()
    yield lines


@asynccontextmanager
async def hidden_lines() -> AsyncIterator["asyncio.Queue[str | None]"]:
    """Lines that are typed or pasted at the terminal, without echo, then None; the echo comes back."""
    import termios

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    quiet = [*before]
    quiet[3] = before[3] & ~termios.ECHO
    loop, reader = asyncio.get_running_loop(), _Lines(descriptor)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    loop.add_reader(descriptor, reader.readable)
    try:
        yield reader.lines
    finally:
        loop.remove_reader(descriptor)
        with suppress(OSError, termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class _Lines:
    """Cuts what arrives at a descriptor into lines."""

    def __init__(self, descriptor: int) -> None:
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()
        self._descriptor = descriptor
        self._pending = b""

    def readable(self) -> None:
        """Take what is there; at the end, say so once."""
        try:
            chunk = os.read(self._descriptor, 65536)
        except OSError:
            chunk = b""
        *whole, self._pending = (self._pending + chunk).split(b"\n")
        for line in whole:
            self.lines.put_nowait(line.decode("utf-8", "replace").strip())
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self.lines.put_nowait(None)
