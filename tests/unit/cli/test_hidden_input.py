"""What is typed, pasted or piped where a secret is asked for."""

import asyncio
import io
import os
import pty
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

import pytest

from app.cli import terminal
from app.domain.errors import Cancelled, UsageError

LONG = "eyJ" + "0123456789abcdef" * 1000
"""16,003 characters; the line editor of a terminal keeps 4,095."""


@dataclass
class Desk:
    """A terminal whose keyboard is ours."""

    keyboard: int
    descriptor: int

    def type(self, text: str) -> None:
        """Type or paste it, in the background: a terminal takes in only so much before somebody reads."""
        threading.Thread(target=self._write, args=(text.encode(),), daemon=True).start()

    def _write(self, data: bytes) -> None:
        with suppress(OSError):
            while data:
                data = data[os.write(self.keyboard, data[:512]) :]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Standard input is a terminal."""
    keyboard, descriptor = pty.openpty()
    with os.fdopen(descriptor, closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield Desk(keyboard, descriptor)
    for one in (descriptor, keyboard):
        os.close(one)


def after_the_question(monkeypatch: pytest.MonkeyPatch, desk: Desk, text: str, then: str = "") -> None:
    """Type `text` when the echo is off: a person types when asked; and `then` after a while."""
    hidden = terminal._without_echo

    def hide_and_type(descriptor: int) -> AbstractContextManager[None]:
        @contextmanager
        def typed() -> Iterator[None]:
            with hidden(descriptor):
                desk.type(text)
                if then:
                    threading.Timer(3 * terminal.PASTE_GAP, desk.type, [then]).start()
                yield

        return typed()

    monkeypatch.setattr(terminal, "_without_echo", hide_and_type)


@pytest.mark.parametrize(
    ("typed", "secret"),
    [
        ("not-a-real-key\r", "not-a-real-key"),
        (f"{LONG}\r", LONG),
        (f"{LONG[:70]}\r{LONG[70:150]}\r{LONG[150:300]}\r", LONG[:300]),
        ("wrong\x15right\r", "right"),
        ("not-a-real-kez\x7fy\r", "not-a-real-key"),
        ("Bearer  not-a-real-key \r", "not-a-real-key"),
        ("not-a-real-key\x04", "not-a-real-key"),
    ],
)
def test_a_hidden_answer_is_taken_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, typed: str, secret: str
) -> None:
    """However long, and in however many lines; the terminal is as it was afterwards."""
    modes = termios.tcgetattr(desk.descriptor)
    after_the_question(monkeypatch, desk, typed)
    answer = terminal.ask_hidden("API key: ")
    assert answer is not None
    assert answer.reveal() == secret
    assert termios.tcgetattr(desk.descriptor) == modes


def test_nothing_typed_is_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter alone."""
    after_the_question(monkeypatch, desk, "\r")
    assert terminal.ask_hidden("API key: ") is None


def test_the_end_of_the_input_cancels(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """ctrl+d, as in a shell."""
    modes = termios.tcgetattr(desk.descriptor)
    after_the_question(monkeypatch, desk, "\x04")
    with pytest.raises(Cancelled):
        terminal.ask_hidden("API key: ")
    assert termios.tcgetattr(desk.descriptor) == modes


@pytest.mark.parametrize("wrapped", [LONG, f"{LONG[:80]}\r{LONG[80:]}"])
async def test_a_paste_in_several_lines_is_one(desk: Desk, wrapped: str) -> None:
    """While a sign-in waits for the browser."""
    async with terminal.hidden_lines() as lines:
        desk.type(f"{wrapped}\r")
        async with asyncio.timeout(60):
            assert await terminal.next_paste(lines) == LONG
            desk.type("another\r")
            assert await terminal.next_paste(lines) == "another"
            desk.type("\x04")
            assert await terminal.next_paste(lines) is None


async def test_the_last_line_of_a_paste_waits_for_enter(desk: Desk) -> None:
    """However long the person takes: half a token is none."""
    async with terminal.hidden_lines() as lines, asyncio.timeout(60):
        desk.type(f"{LONG[:80]}\r{LONG[80:200]}")
        pasted = asyncio.create_task(terminal.next_paste(lines))
        await asyncio.wait([pasted], timeout=3 * terminal.PASTE_GAP)
        assert not pasted.done()
        desk.type("\r")
        assert await pasted == LONG[:200]


def test_so_does_that_of_a_hidden_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same at a prompt."""
    after_the_question(monkeypatch, desk, f"{LONG[:80]}\r{LONG[80:200]}", then="\r")
    answer = terminal.ask_hidden("API key: ")
    assert answer is not None
    assert answer.reveal() == LONG[:200]


@pytest.mark.parametrize("wrapped", ["first\nsecond\n", "first \r\n  second", "\ufefffirst\n\nsecond\n\n"])
async def test_so_is_one_from_a_pipe(wrapped: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a sign-in without a way back from the browser."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(wrapped))
    async with terminal.piped_lines() as lines, asyncio.timeout(60):
        assert await terminal.next_paste(lines) == "firstsecond"
        assert await terminal.next_paste(lines) is None


@pytest.mark.parametrize(
    "data",
    [
        LONG.encode(),
        f"{LONG[:80]}\n{LONG[80:]}\n".encode(),
        LONG.encode("utf-8-sig"),
        LONG.encode("utf-16"),
        f"Bearer {LONG}\r\n".encode(),
    ],
)
def test_a_secret_from_standard_input_is_taken_whole(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the encodings that shells write."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert terminal.read_piped("the token").reveal() == LONG


@pytest.mark.parametrize(("data", "said"), [(b" \n", "is empty"), (b"\xff\x00x", "is not UTF-8")])
def test_what_is_no_secret_is_said(data: bytes, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the place it came from."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(UsageError, match=f"standard input {said}"):
        terminal.read_piped("the token")
