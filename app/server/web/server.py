"""The HTTP listener: hypercorn on the event loop of the process, and the threads that work for it."""

import asyncio
import logging
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from flask import Flask
from hypercorn.asyncio import serve
from hypercorn.config import Config, Sockets

from app.domain.errors import Failed
from app.server import descriptors
from app.server.core.services import Services
from app.server.executor import FairExecutor
from app.server.settings import ServerSettings
from app.server.tls import Certificate
from app.server.web.asgi import Application
from app.server.web.connections import Connections, Listener
from app.server.web.headers import common
from app.server.web.request_checks import MAX_HEADER

WORKERS = 16
MAX_CONNECTIONS = 400
# So many are accepted in a row. Were it hundreds, a new one could be the oldest before its request is read.
ACCEPTED_AT_ONCE = 16
# Seconds for a handshake, for a head from the first moment on, and without a request that is being answered.
# The last is longer than the first two and the time for a body together: it runs meanwhile.
HANDSHAKE, HEAD, IDLE = 5.0, 10.0, 30.0
# Seconds between two looks at idle connections; at a stop, the time in which nothing new has arrived, and the
# longest time to wait for that.
_INTERVAL, _QUIET, _LAST_LOOK = 1.0, 0.05, 1.0
# Seconds after its own limit before the listener is cancelled.
_OVERDUE = 0.5


class _Config(Config):
    """Settings of hypercorn: our own socket and TLS, its log events as those of a library."""

    include_server_header = False
    errorlog = logging.getLogger("hypercorn.error")
    backlog = ACCEPTED_AT_ONCE
    h11_max_incomplete_size = MAX_HEADER
    # Over HTTP/2 nothing is served (application.py); until the first request it has little to fill.
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
    """Listens from the start; serves from `start()` to `stop()`, which run on one event loop."""

    def __init__(self, settings: ServerSettings, certificate: Certificate | None, grace: timedelta) -> None:
        """`grace` is for the answers that are under way at a stop."""
        host, port, share = settings.host, settings.http_port, settings.share
        self._connections = Connections(min(share(MAX_CONNECTIONS), descriptors.half()))
        self._pool = ThreadPoolExecutor(share(WORKERS), thread_name_prefix="http")
        self._stopping = asyncio.Event()
        try:
            listener = Listener(host, port, self._connections, shared=settings.workers > 1)
        except OSError as error:
            raise Failed(
                f"the HTTP port {port} on {host} cannot be opened", hint="choose another with --http-port"
            ) from error
        self._config = _Config(listener, certificate, grace)
        self.port: int = listener.getsockname()[1]

    def start(self, app: Flask, parts: Services, public_url: str) -> None:
        """Serve `app`. `public_url` is where browsers reach it."""
        served = Application(
            app.wsgi_app,
            FairExecutor(self._pool, parts.settings.share),
            parts.readiness,
            self._connections,
            common(public_url.startswith("https://")),
            parts.settings.trusted_proxies,
        )
        serving = serve(served, self._config, shutdown_trigger=self._stopping.wait, mode="asgi")
        self._serving = asyncio.create_task(serving, name="http")
        self._ending_idle = asyncio.create_task(self._end_idle(), name="http idle")

    async def stop(self) -> None:
        """Close the port, answer what has arrived, and return within about `grace`."""
        await self._settle()
        self._stopping.set()
        # hypercorn ends by itself within the grace. From Python 3.12 on it waits for every connection first.
        await asyncio.wait({self._serving}, timeout=self._config.graceful_timeout + _OVERDUE)
        self._serving.cancel()
        self._ending_idle.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _end_idle(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            self._connections.end_idle(IDLE)

    async def _settle(self) -> None:
        """Return when nothing has arrived for a moment.

        hypercorn closes connections on which it has not read a request yet, and what the system has accepted
        for it is lost with the port.
        """
        loop = asyncio.get_running_loop()
        end, before = loop.time() + _LAST_LOOK, -1
        while before != self._connections.accepted and loop.time() < end:
            before = self._connections.accepted
            await asyncio.sleep(_QUIET)
