"""The HTTP listener: cheroot, which drains what it has begun when it is told to stop."""

import threading
from datetime import timedelta

from cheroot.wsgi import Server
from flask import Flask

from app.domain.errors import Failed
from app.server import log

WORKERS = 10
REQUEST_TIMEOUT = 15
MAX_HEADER = 32 * 1024
MAX_BODY = 64 * 1024


class _QuietServer(Server):
    """Reports through our log instead of writing tracebacks to standard error."""

    def error_log(self, msg: str = "", level: int = 20, traceback: bool = False) -> None:
        log.event("http.trouble", level=level, traceback=traceback)


class HttpServer:
    """Listens from the start; serves from `start()` to `stop()`."""

    def __init__(self, host: str, port: int) -> None:
        self._server = _QuietServer((host, port), None, numthreads=WORKERS, timeout=REQUEST_TIMEOUT)
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
