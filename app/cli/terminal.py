"""Questions at a terminal, and what is read from a pipe."""

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

from app.domain import inputs
from app.domain.errors import Cancelled, UsageError
from app.domain.secret import Secret


def can_ask() -> bool:
    """True when standard input and standard error are a terminal."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str:
    """Ask on standard error and return the line; raise Cancelled when the input ends."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise Cancelled("cancelled")
    return line.strip()


def read_piped(what: str) -> Secret:
    """The secret on standard input, whole; raise UsageError when there is none."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            f"{what} is read from standard input, which is a terminal",
            hint="pipe it in, for example from a file: < token.txt",
        )
    secret = inputs.read_secret(inputs.decode(sys.stdin.buffer.read(), "standard input"), "standard input")
    if secret is None:
        raise UsageError(f"standard input is empty: {what} was expected", hint="pipe it in")
    return secret


def ask_hidden(question: str) -> Secret | None:
    """Ask on standard error for a secret, which is not echoed; None when nothing was typed.

    A secret may be as long as it likes, and may be pasted in several lines. Raise Cancelled when the input
    ends.
    """
    read = _read_on_windows if sys.platform == "win32" else _read_without_echo
    return inputs.read_secret(read(question), "what was typed")


def _read_without_echo(question: str) -> str:
    import select

    sys.stderr.write(question)
    sys.stderr.flush()
    descriptor = sys.stdin.fileno()
    reader, lines = _LineSplitter(), list[str | None]()
    try:
        with _without_echo(descriptor):
            while not lines or lines[-1] is not None:
                # More lines of one paste follow at once; the last one ends with enter.
                if lines and not reader.partial and not select.select([descriptor], [], [], PASTE_GAP)[0]:
                    break
                lines += reader.feed(os.read(descriptor, 65536))
    finally:
        sys.stderr.write("\n")
    typed = [line for line in lines if line is not None]
    if not typed:
        raise Cancelled("cancelled")
    return "\n".join(typed)


def _read_on_windows(question: str) -> str:
    import getpass

    try:
        return getpass.getpass(question, stream=sys.stderr)
    except EOFError:
        raise Cancelled("cancelled") from None


class InputLines(asyncio.Queue[str | None]):
    """Lines as they come, then None at the end of the input; `partial` while one is begun."""

    partial = False


@asynccontextmanager
async def piped_lines() -> AsyncIterator[InputLines]:
    """Lines of a standard input that is no terminal, then None."""
    lines = InputLines()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # A pipe that stays open must not hold up the end: the thread is a daemon, and the loop may be gone.
        with suppress(RuntimeError, OSError, ValueError):
            for line in sys.stdin:
                loop.call_soon_threadsafe(lines.put_nowait, line)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True, name="standard input").start()
    yield lines


async def next_paste(lines: InputLines) -> str | None:
    """Return what was pasted, in one line although it may come in several; None at the end of the input."""
    pasted = ""
    while (line := await lines.get()) is not None:
        pasted += f"{line}\n"
        while (more := await _more(lines)) is not None:
            pasted += f"{more}\n"
        if text := inputs.joined(inputs.read_text(pasted, "what was pasted")):
            return text
        pasted = ""
    return None


async def _more(lines: InputLines) -> str | None:
    """Return the next line of the same paste; None when there is none, or the input has ended."""
    try:
        # The last line of a paste ends with enter, which takes a person longer.
        async with asyncio.timeout(PASTE_GAP):
            line = await lines.get()
    except TimeoutError:
        if not lines.partial:
            return None
        line = await lines.get()
    if line is None:
        # For the next call.
        lines.put_nowait(None)
    return line


@asynccontextmanager
async def hidden_lines() -> AsyncIterator[InputLines]:
    """Lines that are typed or pasted at the terminal, without echo, then None; the echo comes back."""
    descriptor = sys.stdin.fileno()
    loop, reader = asyncio.get_running_loop(), _LineSplitter()
    lines = InputLines()

    def readable() -> None:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:
            chunk = b""
        for line in reader.feed(chunk):
            lines.put_nowait(line)
            if line is None:
                loop.remove_reader(descriptor)
        lines.partial = reader.partial

    with _without_echo(descriptor):
        loop.add_reader(descriptor, readable)
        try:
            yield lines
        finally:
            loop.remove_reader(descriptor)


@contextmanager
def _without_echo(descriptor: int) -> Iterator[None]:
    """Switch off a terminal's echo, and its line editor, which holds at most 4,095 characters of a line."""
    import termios

    before = termios.tcgetattr(descriptor)
    quiet = [*before]
    quiet[3] = before[3] & ~(termios.ECHO | termios.ICANON)
    quiet[6] = [*before[6]]
    quiet[6][termios.VMIN], quiet[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        with suppress(OSError, termios.error):
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class _LineSplitter:
    """Splits what is typed into lines, as the line editor of a terminal does."""

    def __init__(self) -> None:
        self._line = bytearray()

    @property
    def partial(self) -> bool:
        """True while a line is begun and not ended."""
        return bool(self._line)

    def feed(self, chunk: bytes) -> list[str | None]:
        """Return the lines that `chunk` ends, then None where the input ends."""
        lines: list[str | None] = []
        for byte in chunk:
            if byte in b"\r\n" or (byte == _END_OF_INPUT and self._line):
                lines.append(self._line.decode("utf-8", "replace"))
                self._line.clear()
            elif byte in b"\x7f\b":
                del self._line[-1:]
            elif byte == _KILL_LINE:
                self._line.clear()
            elif byte == _END_OF_INPUT:
                return (
                    [*lines, None]
                    if not self._line
                    else [*lines, self._line.decode("utf-8", "replace"), None]
                )
            else:
                self._line.append(byte)
        return lines if chunk else [*lines, None]


_KILL_LINE, _END_OF_INPUT = 0x15, 0x04
PASTE_GAP = 0.2
"""Seconds within which the next line of one paste comes."""
