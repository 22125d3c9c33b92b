"""A wire that breaks when it is told to: a TCP relay in front of a server."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from tests.support.door import Door, pump

_RESET = struct.pack("ii", 1, 0)


class Break(Enum):
    """What happens to the request that carries the mark."""

    REFUSED = "refused"
    RESET = "reset"
    SILENT = "silent"
    HALF = "half"
    GARBAGE = "garbage"
    TOO_MANY = "429"
    BROKEN = "500"


_HALF = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"a'
_ANSWERS = {
    Break.GARBAGE: b"\x00\xff\x1b[2J not the protocol at all\r\n\r\n",
    Break.TOO_MANY: b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n",
    Break.BROKEN: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops",
}


@dataclass
class Relay:
    """Passes everything on to `upstream`, until a request contains `mark`: then `how` happens to it.

    REFUSED lets the marked request through and then closes the door: the next connection is refused.
    """

    upstream: tuple[str, int]
    mark: bytes = b""
    how: Break | None = None
    port: int = 0
    hits: int = 0

    def __post_init__(self) -> None:
        self._door = Door(self._carry)

    def listen(self) -> None:
        """Open the door, at the same port as before."""
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._door.open(listener)

    def close(self) -> None:
        """Let nobody in any more."""
        self._door.close()

    def mend(self) -> None:
        """From here on everything passes."""
        self.how = None
        if not self._door.is_open:
            self.listen()

    def end(self) -> None:
        """Hang up on everyone."""
        self._door.hang_up()

    def _carry(self, client: socket.socket) -> None:
        with suppress(OSError), socket.create_connection(self.upstream, timeout=30) as server:
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            while data := client.recv(65536):
                if self.how is not None and self.mark in data:
                    self.hits += 1
                    if self._break(self.how, client, server, data):
                        return
                    continue
                server.sendall(data)
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join(5)

    def _break(self, how: Break, client: socket.socket, server: socket.socket, data: bytes) -> bool:
        """Do it; True when this connection is over."""
        if how is Break.REFUSED:
            self.close()
            server.sendall(data)
            return False
        if how is Break.RESET:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        elif how is Break.SILENT:
            while client.recv(65536):
                continue
        elif how is Break.HALF:
            client.sendall(_HALF)
        else:
            client.sendall(_ANSWERS[how])
        client.close()
        return True


@contextmanager
def relay(host: str, port: int) -> Iterator[Relay]:
    """A relay that works, so far."""
    made = Relay((host, port))
    made.listen()
    yield made
    made.end()
