"""A wire that holds its breath at a named place: a relay for TCP and for Unix sockets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

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
    _door: socket.socket | None = None
    _over: bool = False
    _open: list[socket.socket] = field(default_factory=list)

    def listen(self, place: Path | None) -> None:
        """Open the door: at the path `place`, or at a free port."""
        if place is None:
            self._door = socket.create_server(("127.0.0.1", 0))
        else:
            self._door = socket.socket(socket.AF_UNIX)
            self._door.bind(str(place))
            self._door.listen()
        self.address = self._door.getsockname()
        threading.Thread(target=self._accept, args=(self._door,), daemon=True).start()

    def until_reached(self) -> None:
        """Wait until the mark was sent."""
        assert self.reached.wait(PATIENCE), f"{self.mark!r} was never sent"

    def end(self) -> None:
        """Drop what is held, and hang up on everyone."""
        self._over = True
        self.go_on.set()
        if self._door is not None:
            self._door.close()
        for one in self._open:
            with suppress(OSError):
                one.close()

    def _accept(self, door: socket.socket) -> None:
        while True:
            try:
                client, _ = door.accept()
            except OSError:
                return
            self._open.append(client)
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX if isinstance(self.upstream, str) else socket.AF_INET)
        with suppress(OSError), server:
            server.connect(self.upstream)
            threading.Thread(target=_pump, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                if self.mark and self.mark in data and not self.reached.is_set():
                    self.reached.set()
                    self.go_on.wait(PATIENCE)
                    if self._over:
                        return
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def stall(upstream: Address, mark: bytes = b"", place: Path | None = None) -> Iterator[Stall]:
    """A relay in front of `upstream`: host and port, or the path of a socket."""
    made = Stall(upstream, mark)
    made.listen(place)
    yield made
    made.end()
