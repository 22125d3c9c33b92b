"""The open connections of the HTTP listener: how many there may be, and how long one may be idle.

They are counted where they are accepted, so that a TLS handshake that does not end counts too. A connection
is ended by shutting its socket down: the event loop then finds its end, whatever it waits for.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

BACKLOG, SEND_BUFFER = 128, 128 * 1024
Address = tuple[str, int]


class Connections:
    """Up to `most` connections; for a new one the one that has been idle the longest is ended.

    A connection is idle unless a request that has arrived is being answered.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        # By the address of the client, idle for the longest time first.
        self._idle: dict[Address, Connection] = {}
        self._busy: dict[Address, Connection] = {}
        self.accepted = 0

    def add(self, connection: "Connection") -> None:
        """Count a new connection."""
        is_full = len(self._idle) + len(self._busy) >= self._most
        self.accepted += 1
        self._wait(connection)
        if is_full:
            # The one that has been idle the longest; where all others are busy, that is the new one.
            self.end(next(iter(self._idle)))

    def remove(self, connection: "Connection") -> None:
        """Forget a connection that is closed."""
        for connections in (self._idle, self._busy):
            if connections.get(connection.client) is connection:
                del connections[connection.client]

    def end(self, client: Address | None) -> None:
        """End the connection of `client`, if it is still open."""
        if client and (connection := self._idle.pop(client, None) or self._busy.pop(client, None)):
            # It may be closed already.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def end_idle(self, seconds: float) -> None:
        """End the connections that have been idle for longer than `seconds`."""
        latest = self._clock() - seconds
        for client in [client for client, connection in self._idle.items() if connection.since < latest]:
            self.end(client)

    def is_busy(self, client: Address) -> bool:
        """Whether a request of `client` is being answered."""
        return client in self._busy

    @contextmanager
    def busy(self, client: Address) -> Iterator[None]:
        """The connection of `client` is not idle during the block."""
        if connection := self._idle.pop(client, None):
            self._busy[client] = connection
        try:
            yield
        finally:
            if connection := self._busy.pop(client, None):
                self._wait(connection)

    def _wait(self, connection: "Connection") -> None:
        connection.since = self._clock()
        self._idle[connection.client] = connection


class Connection(socket.socket):
    """An accepted connection."""

    def __init__(self, connections: Connections, client: Address, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self._connections = connections
        self.client = client
        self.since = 0.0
        connections.add(self)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive up to `size` bytes. The end of an idle connection is raised as ConnectionResetError.

        The event loop then closes the socket. After a mere end of the stream hypercorn keeps it until the
        time for a request is over, which would leave clients that come and go with thousands of them.
        """
        data = super().recv(size, flags)
        if not data and not self._connections.is_busy(self.client):
            raise ConnectionResetError
        return data

    def close(self) -> None:
        """Close it, and count it no more."""
        self._connections.remove(self)
        super().close()


class Listener(socket.socket):
    """A socket that listens on `host` and `port`, and counts what it accepts. Raises OSError."""

    def __init__(self, host: str, port: int, connections: Connections, *, shared: bool = False) -> None:
        """`shared` with other processes that say so."""
        super().__init__(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._connections = connections
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # What is not read stays small: the system would let it grow to megabytes for each connection.
            self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            if shared:
                self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            self.bind((host, port))
            # At once: until then another server could bind the same port.
            self.listen()
        except OSError:
            self.close()
            raise
        self.setblocking(False)

    def listen(self, _backlog: int = BACKLOG) -> None:
        """Listen. The event loop gives the number of those that it accepts in a row, which is smaller."""
        super().listen(BACKLOG)

    def accept(self) -> tuple[Connection, object]:
        """Accept the next connection."""
        accepted, address = super().accept()
        return Connection(self._connections, address[:2], accepted.detach()), address
