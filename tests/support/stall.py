"""A wire that holds its breath at a named place: a relay for TCP and for Unix sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.door import Door, pump

PATIENCE = 60.0
Address = tuple[str, int] | str


@dataclass
class Stall:
    """Passes everything on to `upstream`, until somebody sends `mark`; then, once, it waits for `go_on`."""

    upstream: Address
    mark: bytes = b""
    address: Address = ""
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    _over: bool = False

    def __post_init__(self) -> None:
        self._door = Door(self._carry)

    def listen(self, place: Path | None) -> None:
        """Open the door: at the path `place`, or at a free port."""
        if place is None:
            listener = socket.create_server(("127.0.0.1", 0))
        else:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(place))
            listener.listen()
        self.address = listener.getsockname()
        self._door.open(listener)

    def until_reached(self) -> None:
        """Wait until the mark was sent."""
        assert self.reached.wait(PATIENCE), f"{self.mark!r} was never sent"

    def end(self) -> None:
        """Drop what is held, and hang up on everyone."""
        self._over = True
        self.go_on.set()
        self._door.hang_up()

    def _carry(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX if isinstance(self.upstream, str) else socket.AF_INET)
        with suppress(OSError), server:
            server.connect(self.upstream)
            threading.Thread(target=pump, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                if self.mark and self.mark in data and not self.reached.is_set():
                    self.reached.set()
                    self.go_on.wait(PATIENCE)
                    if self._over:
                        return
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)


@contextmanager
def stall(upstream: Address, mark: bytes = b"", place: Path | None = None) -> Iterator[Stall]:
    """A relay in front of `upstream`: host and port, or the path of a socket."""
    made = Stall(upstream, mark)
    made.listen(place)
    yield made
    made.end()
