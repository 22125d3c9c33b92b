"""The ASGI application around the Flask application: checks, limits, health and the access log.

Requests wait on the event loop, where they cost little: for their bodies, and for a worker. A worker thread
gets a whole request and returns a whole response, so it never waits for a client.
"""

import asyncio
import json
import logging
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from werkzeug import Response as WerkzeugResponse

from app.domain.text import clean
from app.server import log
from app.server.core.monitoring import Readiness
from app.server.limits import RETRY_AFTER, Busy, FairExecutor
from app.server.opaque_tokens import hash_secret
from app.server.persistence.errors import RETRY_AFTER as DATABASE_RETRY_AFTER
from app.server.request_headers import client_address, counted_network, read_bearer
from app.server.settings import ServerSettings
from app.server.web.server import MAX_HEADER, Address, Connections

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

WORKERS = 16
# Bytes of a request line and of a body; number of header fields.
MAX_LINE, MAX_BODY, MAX_FIELDS = 16 * 1024, 64 * 1024, 100
# Seconds for a body to arrive, for a client to receive its response, and for the rest of a refused request.
ARRIVAL, WRITE_TIMEOUT, LINGER = 10.0, 5.0, 2.0
LIVE, READY = "/livez", frozenset({"/readyz", "/healthz"})
HEALTH_PATHS = frozenset({LIVE, *READY})
# Prefixes of paths that take a bearer token.
BEARER_PATHS = ("/api/", "/auth/logout", "/federated/", "/oauth/userinfo")
_MAX_IGNORED = 4 * 1024 * 1024
_VERSIONS = frozenset({"1.0", "1.1"})
# Origin form only (RFC 9112 §3.2.1), and not //host/path, which could be read as another host.
_PATH = re.compile(rb"/(?!/)[!-~]*")
_BUSY = "Too many requests are under way. Try again in a moment.\n"
_FAILED = "Something went wrong here. Try again in a moment.\n"


class Response(WerkzeugResponse):
    """A response without a default content type: the application's own headers are kept as they are."""

    default_mimetype = None


class RequestRefused(Exception):
    """The request is answered with `status` and no further, and the connection is closed."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Disconnected(Exception):
    """The client closed the connection before its request was complete."""


class Application:
    """Serves `app` in worker threads; answers health, refusals and failures itself, with `headers`."""

    def __init__(
        self,
        app: "WSGIApplication",
        settings: ServerSettings,
        readiness: Readiness,
        connections: Connections,
        headers: dict[str, str],
    ) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(settings.share(WORKERS), thread_name_prefix="http")
        self._executor = FairExecutor(self._pool, settings.share)
        self._readiness = readiness
        self._connections = connections
        self._headers = headers
        self._proxies = settings.trusted_proxies

    def close(self) -> None:
        """Begin no more work."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request (ASGI 3.0). Websockets and HTTP/2 are refused."""
        if scope["type"] == "lifespan" or not scope["client"]:
            return
        if scope["http_version"] == "2":
            await self._end_http2(scope["client"], receive)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": None})
        else:
            await self._serve(scope, scope["client"], _Body(receive), send)

    async def _end_http2(self, client: Address, receive: ASGIReceiveCallable) -> None:
        """End a connection with HTTP/2, which hypercorn accepts when a client asks for it."""
        self._connections.end(client)
        # Returning earlier would make hypercorn wait for ever to send a response.
        while not (await receive())["type"].endswith("disconnect"):
            pass

    async def _serve(self, scope: HTTPScope, client: Address, body: "_Body", send: ASGISendCallable) -> None:
        request, began, refused = log.begin_request(), time.perf_counter(), False
        try:
            response = await self._respond(scope, client, body)
        except RequestRefused as refusal:
            refused = True
            response = self._own(refusal.status, f"{refusal.status.phrase}\n")
        except Disconnected:
            return
        response.headers[log.REQUEST_HEADER] = request
        if refused or self._readiness.stopping:
            response.headers["Connection"] = "close"
        await self._send(response, client, send, more=refused)
        self._log(scope, response.status_code, time.perf_counter() - began)
        if refused:
            await self._discard(client, body)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _respond(self, scope: HTTPScope, client: Address, body: "_Body") -> WerkzeugResponse:
        """The response to a request whose body may not have arrived yet."""
        check_head(scope)
        data = await body.read()
        with self._connections.busy(client):
            if scope["path"] in HEALTH_PATHS:
                return await self._respond_health(scope["method"], scope["path"])
            try:
                return await self._executor.run(self._principal(scope), _call_wsgi, self._app, scope, data)
            except Busy:
                return self._own(429, _BUSY, {"Retry-After": f"{RETRY_AFTER:.0f}"})
            # The boundary: what the application did not handle itself.
            except Exception as error:
                log.failure("http.failed", error)
                return self._own(500, _FAILED)

    async def _respond_health(self, method: str, path: str) -> WerkzeugResponse:
        """Whether this process runs, or whether it can serve requests. Never waits for a worker."""
        if method not in ("GET", "HEAD"):
            problem = {"code": "method_not_allowed", "message": HTTPStatus.METHOD_NOT_ALLOWED.phrase}
            return self._own(405, problem, {"Allow": "GET, HEAD"})
        if path == LIVE or await self._readiness.ready():
            return self._own(200, {"status": "ok"})
        return self._own(503, {"status": "unavailable"}, {"Retry-After": str(DATABASE_RETRY_AFTER)})

    def _own(
        self, status: int, body: str | dict[str, str], headers: dict[str, str] | None = None
    ) -> WerkzeugResponse:
        """A response of this module: text, or JSON for a dictionary."""
        is_text = isinstance(body, str)
        content = body if is_text else json.dumps(body) + "\n"
        content_type = "text/plain" if is_text else "application/json"
        return Response(content, status, self._headers | (headers or {}), content_type=content_type)

    def _principal(self, scope: HTTPScope) -> str:
        """The key of the caller's share: its bearer token, not verified yet, or its network.

        On other paths a client could invent a bearer for each request, to get a new share.
        """
        takes_bearer = scope["path"].startswith(BEARER_PATHS)
        bearer = read_bearer(_field(scope, b"authorization")) if takes_bearer else ""
        return hash_secret(bearer or counted_network(self._address(scope)))

    def _address(self, scope: HTTPScope) -> str:
        peer = scope["client"][0] if scope["client"] else ""
        return client_address(peer, _field(scope, b"x-forwarded-for"), self._proxies)

    async def _send(
        self, response: WerkzeugResponse, client: Address, send: ASGISendCallable, more: bool
    ) -> None:
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in response.headers]
        try:
            async with asyncio.timeout(WRITE_TIMEOUT):
                await send(
                    {
                        "type": "http.response.start",
                        "status": response.status_code,
                        "headers": headers,
                        "trailers": False,
                    }
                )
                await send({"type": "http.response.body", "body": response.get_data(), "more_body": more})
        except TimeoutError:
            self._connections.end(client)

    async def _discard(self, client: Address, body: "_Body") -> None:
        """Read what a refused client still sends: closing at once would discard the response."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                await body.skip(_MAX_IGNORED)
        self._connections.end(client)
        # hypercorn would wait for ever for a reader of what has arrived until then.
        await body.skip()

    def _log(self, scope: HTTPScope, status: int, duration: float) -> None:
        """The line of the access log. Without the query, which may hold a secret."""
        log.event(
            "http.request",
            # A load balancer asks for health every few seconds.
            logging.DEBUG if scope["path"] in HEALTH_PATHS else logging.INFO,
            method=clean(scope["method"], 20),
            path=log.redact_path(scope["path"]),
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
        """All of it. Raises RequestRefused for one that is too large or late, and Disconnected."""
        data = bytearray()
        try:
            async with asyncio.timeout(ARRIVAL):
                while not self._ended:
                    data += await self._next()
                    if len(data) > MAX_BODY:
                        raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        except TimeoutError:
            raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT) from None
        return bytes(data)

    async def skip(self, limit: float = float("inf")) -> None:
        """Read on until the end, the client's disconnect, or `limit` bytes."""
        with suppress(Disconnected):
            while not self._ended and limit > 0:
                limit -= len(await self._next())

    async def _next(self) -> bytes:
        message: Any = await self._receive()
        self._ended = not message.get("more_body", False)
        if message["type"] == "http.disconnect":
            raise Disconnected
        data: bytes = message.get("body", b"")
        return data


def check_head(scope: HTTPScope) -> None:
    """Raise RequestRefused for a head that is too large, or that two readers could understand differently.

    So a proxy in front and this server agree on the target, the credentials and where the next request begins
    (RFC 9112). What h11 refuses itself is not checked again.
    """
    fields = list(scope["headers"])
    names, values = [name for name, _ in fields], dict(fields)
    if scope["http_version"] not in _VERSIONS:
        raise RequestRefused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_LINE:
        raise RequestRefused(HTTPStatus.REQUEST_URI_TOO_LONG)
    # Four bytes a field for the colon, the space and the end of the line.
    if len(fields) > MAX_FIELDS or sum(len(name) + len(value) + 4 for name, value in fields) > MAX_HEADER:
        raise RequestRefused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    if not _PATH.fullmatch(scope["raw_path"]):
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
    # With two credentials, or with a length and a coding, readers differ in which one counts.
    is_coded = b"transfer-encoding" in values
    if names.count(b"authorization") > 1 or (is_coded and b"content-length" in values):
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
    if is_coded:
        raise RequestRefused(HTTPStatus.LENGTH_REQUIRED)
    if int(values.get(b"content-length", b"0")) > MAX_BODY:
        raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _call_wsgi(app: "WSGIApplication", scope: HTTPScope, body: bytes) -> WerkzeugResponse:
    """The whole response of `app`. hypercorn's own wrapper would send it in pieces from this thread."""
    return Response.from_app(app, _environ(scope, body), buffered=True)


def _environ(scope: HTTPScope, body: bytes) -> "WSGIEnvironment":
    """The request for WSGI (PEP 3333)."""
    host, port = scope["server"] or ("localhost", None)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 80),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        # WSGI does not distinguish X_Forwarded_For from X-Forwarded-For: a client could add its own.
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        # A field may occur more than once (RFC 9110 §5.3; for cookies RFC 9113 §8.2.3).
        separator = "; " if name == "cookie" else ","
        environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
    return environ


def _field(scope: HTTPScope, name: bytes) -> str:
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)
