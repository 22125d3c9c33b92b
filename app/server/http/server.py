"""The HTTP listener: cheroot, which drains what it has begun when it is told to stop."""

import logging
import socket
import sys
import threading
from datetime import timedelta
from typing import Any

from cheroot.wsgi import Server
from flask import Flask

from app.domain.errors import Failed
from app.server import log
from app.server.http.arrivals import MAX_CONNECTIONS, SEND_BUFFER, Arrivals
from app.server.http.connection import Connection
from app.server.http.framing import MAX_BODY, MAX_HEADER
from app.server.http.tls import TlsAdapter
from app.server.tls import Certificate

WORKERS = 16
# Seconds that a worker waits for a client which does not take its answer.
WRITE_TIMEOUT = 5
BACKLOG = 128


class _Server(Server):
    """Reports through our log, and gives its workers nothing but whole requests."""

    ConnectionClass = Connection
    # Idle connections cost no worker, so the library need not close them early.
    keep_alive_conn_limit = MAX_CONNECTIONS
    _connections: Any

    def prepare(self) -> None:
        super().prepare()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._connections.close()
        self._connections = Arrivals(self)

    def process_conn(self, conn: Connection) -> None:
        self._connections.receive(conn)

    def hand_over(self, conn: Connection) -> None:
        """Give a connection with a whole request to the next worker that is free."""
        super().process_conn(conn)

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        error = sys.exc_info()[1] if traceback else None
        if error is not None:
            log.failure("http.failed", error)
        else:
            # Whatever its level: a client can cause it.
            log.event("http.trouble", logging.INFO)


class HttpServer:
    """Listens from the start; serves from `start()` to `stop()`."""

    def __init__(self, host: str, port: int, certificate: Certificate | None = None) -> None:
        self._server = _Server(
            (host, port),
            None,
            numthreads=WORKERS,
            server_name="loopin",
            timeout=WRITE_TIMEOUT,
            request_queue_size=BACKLOG,
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
