"""The HTTP listener: cheroot, which drains what it has begun when it is told to stop."""

import select
import socket
import threading
import time
from datetime import timedelta
from typing import Any

from cheroot.connections import ConnectionManager
from cheroot.wsgi import Server
from flask import Flask

from app.domain.errors import Failed
from app.server import log
from app.server.http.tls import TlsAdapter
from app.server.tls import Certificate

WORKERS = 16
REQUEST_TIMEOUT = 15
BACKLOG = 128
MAX_HEADER = 32 * 1024
MAX_BODY = 64 * 1024
_LAST_LOOK = 1.0


class _Connections(ConnectionManager):
    """Before the listener closes, hands over the requests that have arrived but nobody has picked up."""

    # The published types leave these out.
    _selector: Any
    _from_server_socket: Any

    def stop(self) -> None:
        super().stop()
        end = time.monotonic() + _LAST_LOOK
        while time.monotonic() < end and (ready := self._selector.select(timeout=0)):
            for handle, waiting in ready:
                self._hand_over(handle, waiting)

    def _hand_over(self, handle: int, waiting: Any) -> None:
        if waiting is not self.server:
            self._selector.unregister(handle)
            self.server.process_conn(waiting)
        elif (new := self._from_server_socket(self.server.socket)) is not None:
            self.server.process_conn(new)


class _Server(Server):
    """Reports through our log, and lets no silent connection hold a worker.

    Browsers open connections ahead of need. A worker that waits for the first byte of one is lost to
    others, and to a stop, until the timeout.
    """

    _connections: Any

    def prepare(self) -> None:
        super().prepare()
        self._connections.close()
        self._connections = _Connections(self)

    def process_conn(self, conn: Any) -> None:
        if conn.rfile.has_data() or _says_something(conn.socket):
            super().process_conn(conn)
        else:
            self._connections.put(conn)

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        log.event("http.trouble", level=level, traceback=traceback)


class HttpServer:
    """Listens from the start; serves from `start()` to `stop()`."""

    def __init__(self, host: str, port: int, certificate: Certificate | None = None) -> None:
        self._server = _Server(
            (host, port), None, numthreads=WORKERS, timeout=REQUEST_TIMEOUT, request_queue_size=BACKLOG
        )
        self._server.ssl_adapter = TlsAdapter(certificate) if certificate else None
        self._server.max_request_header_size = MAX_HEADER
        self._server.max_request_body_size = MAX_BODY
        self._thread: threading.Thread | None = None
        try:
            self._server.prepare()
        except OSError as error:
            raise Failed(
                f"the HTTP port {port} on {host} cannot be opened", hint="choose another with --http-port"
            ) from error
        self.port: int = self._server.socket.getsockname()[1]

    def start(self, app: Flask) -> None:
        """Serve `app` on threads of its own."""
        self._server.wsgi_app = app
        self._thread = threading.Thread(target=self._server.serve, name="http", daemon=True)
        self._thread.start()

    def stop(self, grace: timedelta) -> None:
        """Close the port, answer what has arrived, and return within about `grace`."""
        self._server.shutdown_timeout = grace.total_seconds()
        self._server.stop()
        if self._thread is not None:
            self._thread.join(grace.total_seconds())


def _says_something(connection: socket.socket) -> bool:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
