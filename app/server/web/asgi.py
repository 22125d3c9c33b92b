"""The HTTP side as an ASGI application: what happens to a request before and after a worker has it.

Requests wait on the event loop, where they cost next to nothing: for their bodies, and for their turn among
those of the same caller. A worker gets a whole request and returns a whole answer.
"""

import asyncio
import hashlib
import logging
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from app.domain.text import clean
from app.server import log
from app.server.addresses import Network, client_address, counted_network
from app.server.bearer import bearer_in
from app.server.core.health import Readiness
from app.server.executor import FairExecutor
from app.server.limits import RETRY_AFTER, Busy
from app.server.web import health, wsgi
from app.server.web.connections import Address, Connections
from app.server.web.request_checks import MAX_BODY, Refused, check_head
from app.server.web.wsgi import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Seconds for a body to arrive, for a client to take its answer, and for the rest of a refused request.
ARRIVAL, WRITE_TIMEOUT, LINGER = 10.0, 5.0, 2.0
# Paths whose caller is named by a bearer.
TAKES_BEARER = ("/api/", "/auth/logout", "/federated/", "/oauth/userinfo")
_MAX_IGNORED = 4 * 1024 * 1024
_BUSY = "Too many requests are under way. Try again in a moment.\n"


class Disconnected(Exception):
    """The client is gone before its request was whole."""


class Application:
    """Answers health itself, and hands everything else to `app` in a worker."""

    def __init__(
        self,
        app: "WSGIApplication",
        executor: FairExecutor,
        readiness: Readiness,
        connections: Connections,
        headers: dict[str, str],
        proxies: tuple[Network, ...] = (),
    ) -> None:
        self._app = app
        self._executor = executor
        self._readiness = readiness
        self._connections = connections
        # Of answers that are not the application's.
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request (ASGI 3.0). There are no websockets here, and no lifespan events."""
        if scope["type"] == "lifespan" or not scope["client"]:
            return
        if scope["http_version"] == "2":
            await self._end(scope["client"], receive)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
        else:
            await self._serve(scope, scope["client"], _Body(receive), send)

    async def _end(self, client: Address, receive: ASGIReceiveCallable) -> None:
        """End a connection with HTTP/2, which hypercorn begins when a client asks; none is served."""
        self._connections.end(client)
        # Until it has noticed, hypercorn would wait for ever to send an answer.
        while not (await receive())["type"].endswith("disconnect"):
            pass

    async def _serve(self, scope: HTTPScope, client: Address, body: "_Body", send: ASGISendCallable) -> None:
        request, began = log.begin_request(), time.perf_counter()
        refused = False
        try:
            response = await self._answer(scope, client, body)
        except Refused as refusal:
            refused, status = True, refusal.status
            response = self._own(Response.of(status, f"{status.phrase}\n"))
        except Disconnected:
            return
        response.headers.append((log.REQUEST_HEADER.encode(), request.encode()))
        if refused or self._readiness.stopping:
            response.headers.append((b"connection", b"close"))
        await self._send(response, client, send, more=refused)
        self._log(scope, response.status, time.perf_counter() - began)
        if refused:
            await self._read_on(client, body)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer(self, scope: HTTPScope, client: Address, body: "_Body") -> Response:
        """The answer to a request that may not have arrived yet. Raises Refused and Disconnected."""
        check_head(scope)
        data = await body.read()
        with self._connections.busy(client):
            if scope["path"] in health.PATHS:
                return self._own(await health.answer(self._readiness, scope["method"], scope["path"]))
            try:
                return await self._executor.run(self._principal(scope), wsgi.call, self._app, scope, data)
            except Busy:
                status, retry = HTTPStatus.TOO_MANY_REQUESTS, {"retry-after": f"{RETRY_AFTER:.0f}"}
                return self._own(Response.of(status, _BUSY, headers=retry))
            # The boundary: what the application did not answer itself.
            except Exception as error:
                log.failure("http.failed", error)
                return self._own(Response.of(500, "Something went wrong here. Try again in a moment.\n"))

    def _principal(self, scope: HTTPScope) -> str:
        """Whose request it is, before the bearer has been verified; without one, where it comes from.

        Where no bearer is asked for, one that is made up would be a share of its own.
        """
        takes_bearer = scope["path"].startswith(TAKES_BEARER)
        bearer = bearer_in(_field(scope, b"authorization")) if takes_bearer else ""
        principal = bearer or counted_network(self._address(scope))
        return hashlib.sha256(principal.encode("utf-8", "replace")).hexdigest()

    def _address(self, scope: HTTPScope) -> str:
        peer = scope["client"][0] if scope["client"] else ""
        return client_address(peer, _field(scope, b"x-forwarded-for"), self._proxies)

    def _own(self, response: Response) -> Response:
        response.headers.extend(self._headers)
        return response

    async def _send(self, response: Response, client: Address, send: ASGISendCallable, more: bool) -> None:
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await send(
                    {
                        "type": "http.response.start",
                        "status": response.status,
                        "headers": response.headers,
                        "trailers": False,
                    }
                )
                await send({"type": "http.response.body", "body": response.body, "more_body": more})
        except TimeoutError:
            self._connections.end(client)

    async def _read_on(self, client: Address, body: "_Body") -> None:
        """Throw away what a refused client still sends: closing at once would throw the answer away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                await body.skip(_MAX_IGNORED)
        self._connections.end(client)
        # hypercorn would wait for ever for a reader of what has come until then.
        await body.skip()

    def _log(self, scope: HTTPScope, status: int, duration: float) -> None:
        """The line of the access log. Of the address only the path: a query may hold a secret."""
        log.event(
            "http.request",
            # A load balancer asks every few seconds.
            logging.DEBUG if scope["path"] in health.PATHS else logging.INFO,
            method=clean(scope["method"], 20),
            path=log.shown_path(scope["path"]),
            status=status,
            duration=round(duration, 4),
            client=self._address(scope),
        )


class _Body:
    """The body of a request as it arrives."""

    def __init__(self, receive: ASGIReceiveCallable) -> None:
        self._receive = receive
        self._ended = False

    async def read(self) -> bytes:
        """All of it. Raises Refused for one that is too large or late, and Disconnected."""
        data = bytearray()
        try:
            async with asyncio.timeout(ARRIVAL):
                while not self._ended:
                    data += await self._next()
                    if len(data) > MAX_BODY:
                        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except TimeoutError:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT) from None
        return bytes(data)

    async def skip(self, most: float = float("inf")) -> None:
        """Read on until its end, or until the client is gone, or for `most` bytes."""
        with suppress(Disconnected):
            while not self._ended and most > 0:
                most -= len(await self._next())

    async def _next(self) -> bytes:
        message: Any = await self._receive()
        self._ended = not message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise Disconnected
        data: bytes = message.get("body", b"")
        return data


def _field(scope: HTTPScope, name: bytes) -> str:
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)
