"""The app loses its terminal, or is told to end, in the middle of something: nothing of it runs on.

A window that is closed hangs up on what runs in it and takes the terminal away at the same moment; SIGTERM
leaves the terminal.
"""

import os
import re
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pytest
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from app.tui.terminal import TerminalFile
from tests.support.between import Between, between
from tests.support.cli import Loopin, signed_in
from tests.support.server import AccountServer
from tests.support.terminal import Terminal
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow

LOOPIN = f"{sys.executable} -m app"
PATIENCE = 30_000


@dataclass
class Seat:
    """Somebody at a terminal, signed in as the owner through a proxy."""

    loopin: Loopin
    proxy: Between
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    sign: str = "acme"
    windows: int = 0

    def window(self) -> Terminal:
        """A terminal with the app in it."""
        self.windows += 1
        place = self.folder / f"window-{self.windows}"
        place.mkdir()
        for name, value in self.loopin.variables(SSH_CONNECTION="no browser here").items():
            self.monkeypatch.setenv(name, value)
        made = Terminal(place, columns=120, rows=36)
        made.type(f"{LOOPIN}; echo left=$?")
        made.see("Accounts", self.sign)
        return made

    def trail(self) -> list[dict[str, str]]:
        """What the app says that it did."""
        found: list[dict[str, str]] = self.loopin("activity", "--json").works().json["activity"]
        return found


@pytest.fixture
def seat(
    loopin: Loopin, account_server: AccountServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Seat]:
    with between(account_server.grpc) as proxy:
        signed_in(loopin, account_server, account_server.owner)
        loopin.environment["CHAINLOOP_CONTROL_PLANE_API"] = proxy.address
        yield Seat(loopin, proxy, tmp_path, monkeypatch)


def child_of(pid: int) -> int:
    """The one process below `pid`."""
    (found,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(found)


def close(window: Terminal, _pid: int) -> None:
    """What the button of a window does."""
    window.close()


ENDS: dict[str, Callable[[Terminal, int], None]] = {
    "closed": close,
    "SIGTERM": lambda _window, pid: os.kill(pid, signal.SIGTERM),
    "SIGQUIT": lambda _window, pid: os.kill(pid, signal.SIGQUIT),
}


def end(window: Terminal, how: str) -> None:
    """End it so, and wait until its process is gone."""
    pid = child_of(window.pane_pid())
    handle = os.pidfd_open(pid)
    try:
        ENDS[how](window, pid)
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        assert waiting.poll(PATIENCE), "it runs on"
    finally:
        os.close(handle)
    if how != "closed":
        assert "Traceback" not in window.see(f"left={128 + signal.Signals[how]}")
        assert window.modes() == "0 0 1"


def nothing_half_written(seat: Seat) -> None:
    """No draft of a file is left; the next run reads all that there is."""
    there = [path.name for name in ("config", "state") for path in (seat.folder / name).rglob("*")]
    assert [name for name in there if name.startswith(".") and not name.endswith(".lock")] == []


@pytest.mark.parametrize("how", ENDS)
def test_while_a_dialog_is_open(seat: Seat, how: str) -> None:
    window = seat.window()
    window.press("2")
    window.see("ci-release")
    window.press("n")
    window.see("New API token")
    window.press(*"half-typed")
    window.see("half-typed")
    end(window, how)
    assert seat.proxy.calls["Create"] == 0
    assert seat.trail() == []
    nothing_half_written(seat)
    window.close()


@pytest.mark.parametrize("how", ENDS)
def test_while_a_sign_in_waits(seat: Seat, secret_service: Bus, how: str) -> None:
    seat.loopin.environment |= {"CHAINLOOP_TOKEN": "", **secret_service.environment}
    seat.sign = "Welcome"
    window = seat.window()
    window.press("l")
    window.see("ready", "Browser login")
    window.press("Down", "Down", "Down", "Enter")
    port = re.search(
        r"http://127\.0\.0\.1:(\d+)/auth/callback", window.see("Waiting for you", "/auth/callback")
    )
    assert port
    end(window, how)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(port[1])), 5)
    nothing_half_written(seat)
    window.close()


def test_whoever_writes_to_a_window_that_is_gone_waits_for_nobody() -> None:
    """More than fits in the queue of the thread that writes: without it, the end would wait for ever."""
    ours, theirs = os.openpty()
    with open(theirs, "w", encoding="utf-8") as file:
        writer = WriterThread(cast("IO[str]", TerminalFile(file, lambda: None)))
        writer.start()
        os.close(ours)

        def work() -> None:
            for _ in range(10 * MAX_QUEUED_WRITES):
                writer.write("a frame\n" * 200)
            writer.stop()

        app = threading.Thread(target=work, daemon=True)
        app.start()
        app.join(PATIENCE / 1000)
    assert not app.is_alive()
