"""The HTTP server: hypercorn on the event loop of the process, and a cap on its connections.

Connections are counted where they are accepted, so that a TLS handshake that never ends counts too. A
connection is ended by shutting down its socket: the event loop then sees the end of the stream.
"""

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from hypercorn.asyncio import serve
from hypercorn.config import Config, Sockets
from hypercorn.typing import ASGIFramework

from app.domain.errors import Failed
from app.server import limits
from app.server.settings import ServerSettings
from app.server.tls import Certificate

MAX_CONNECTIONS = 400
BACKLOG, SEND_BUFFER = 128, 128 * 1024
# Connections accepted in a row. With hundreds, a new one could be the oldest before its request is read.
ACCEPTED_AT_ONCE = 16
# Bytes of all header fields.
MAX_HEADER = 32 * 1024
# Seconds for a handshake, for a head from the first moment on, and without a request that is being answered.
# IDLE is longer than HANDSHAKE, HEAD and the time for a body (asgi.ARRIVAL) together: it runs meanwhile.
HANDSHAKE, HEAD, IDLE = 5.0, 10.0, 30.0
# Seconds between two checks for idle connections.
_INTERVAL = 1.0
# Seconds at a stop without a new connection, and the longest wait for that.
_QUIET, _MAX_QUIET_WAIT = 0.05, 1.0
# Seconds after its own limit before hypercorn is cancelled.
_OVERDUE = 0.5
Address = tuple[str, int]


class Connections:
    """Up to `limit` open connections; one more ends the one that has been idle the longest.

    A connection is idle unless a request that has arrived is being answered.
    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        # By the address of the client, idle for the longest time first.
        self._idle: dict[Address, Connection] = {}
        self._busy: dict[Address, Connection] = {}
        self.accepted = 0

    def add(self, connection: "Connection") -> None:
        """Count a new connection."""
        is_full = len(self._idle) + len(self._busy) >= self._limit
        self.accepted += 1
        self._set_idle(connection)
        if is_full:
            # Where all others are busy, that is the new one.
            self.end(next(iter(self._idle)))

    def remove(self, connection: "Connection") -> None:
        """Stop counting a connection that is closed."""
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
                self._set_idle(connection)

    def _set_idle(self, connection: "Connection") -> None:
        connection.since = self._clock()
        self._idle[connection.client] = connection


class Connection(socket.socket):
    """An accepted connection; `since` is when it became idle."""

    def __init__(self, connections: Connections, client: Address, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self._connections = connections
        self.client = client
        self.since = 0.0
        connections.add(self)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Receive up to `size` bytes. The end of an idle connection is raised as ConnectionResetError.

        The event loop then closes the socket. After a normal end of the stream hypercorn keeps it until the
        time for a request is over, which would leave clients that come and go with thousands of them.
        """
        data = super().recv(size, flags)
        if not data and not self._connections.is_busy(self.client):
            raise ConnectionResetError
        return data

    def close(self) -> None:
        """Close the socket and stop counting it."""
        self._connections.remove(self)
        super().close()


class Listener(socket.socket):
    """A socket that listens on `host` and `port`, and counts what it accepts. Raises OSError."""

    def __init__(self, host: str, port: int, connections: Connections, *, shared: bool = False) -> None:
        """`shared` with other processes that say so (SO_REUSEPORT)."""
        super().__init__(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._connections = connections
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # The system would let unread data grow to megabytes for each connection.
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
        """Listen. The event loop passes the number that it accepts in a row, which is smaller."""
        super().listen(BACKLOG)

    def accept(self) -> tuple[Connection, object]:
        """Accept the next connection."""
        accepted, address = super().accept()
        return Connection(self._connections, address[:2], accepted.detach()), address


class _Config(Config):
    """hypercorn's settings: our own socket and TLS context; its log events as those of a library."""

    include_server_header = False
    errorlog = logging.getLogger("hypercorn.error")
    backlog = ACCEPTED_AT_ONCE
    h11_max_incomplete_size = MAX_HEADER
    # HTTP/2 is not served (asgi.py); the least that a client can use up before it is ended.
    h2_max_concurrent_streams = 1
    h2_max_header_list_size = MAX_HEADER

    def __init__(self, listener: Listener, certificate: Certificate | None, grace: timedelta) -> None:
        self._listener = listener
        self._certificate = certificate
        self.keep_alive_timeout = HEAD
        self.ssl_handshake_timeout = HANDSHAKE
        self.graceful_timeout = grace.total_seconds()

    @property
    def ssl_enabled(self) -> bool:
        return self._certificate is not None

    def create_sockets(self) -> Sockets:
        listeners: list[socket.socket] = [self._listener]
        return Sockets(listeners, [], []) if self._certificate else Sockets([], listeners, [])

    def create_ssl_context(self) -> ssl.SSLContext | None:
        return self._certificate.following_context() if self._certificate else None


class HttpServer:
    """Listens from its construction on; serves from `start()` to `stop()`, on one event loop."""

    def __init__(self, settings: ServerSettings, certificate: Certificate | None, grace: timedelta) -> None:
        """`grace` is the time for responses that are under way at a stop. Raises Failed for a port in use."""
        host, port = settings.host, settings.http_port
        self.connections = Connections(min(settings.share(MAX_CONNECTIONS), limits.half_of_descriptors()))
        self._stopping = asyncio.Event()
        try:
            listener = Listener(host, port, self.connections, shared=settings.workers > 1)
        except OSError as error:
            raise Failed(
                f"the HTTP port {port} on {host} cannot be opened", hint="choose another with --http-port"
            ) from error
        self._config = _Config(listener, certificate, grace)
        self.port: int = listener.getsockname()[1]

    def start(self, application: ASGIFramework) -> None:
        """Serve `application`."""
        serving = serve(application, self._config, shutdown_trigger=self._stopping.wait, mode="asgi")
        self._serving = asyncio.create_task(serving, name="http")
        self._idle_timer = asyncio.create_task(self._end_idle(), name="http idle")

    async def stop(self) -> None:
        """Close the port, answer what has arrived, and return within about `grace`."""
        await self._wait_for_arrivals()
        self._stopping.set()
        # hypercorn ends by itself within the grace. From Python 3.12 on it waits for every connection first.
        await asyncio.wait({self._serving}, timeout=self._config.graceful_timeout + _OVERDUE)
        self._serving.cancel()
        self._idle_timer.cancel()

    async def _end_idle(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            self.connections.end_idle(IDLE)

    async def _wait_for_arrivals(self) -> None:
        """Return when no connection has been accepted for a moment.

        hypercorn closes connections on which it has not read a request yet, and what the system has accepted
        for it is lost with the port.
        """
        loop = asyncio.get_running_loop()
        end, before = loop.time() + _MAX_QUIET_WAIT, -1
        while before != self.connections.accepted and loop.time() < end:
            before = self.connections.accepted
            await asyncio.sleep(_QUIET)
