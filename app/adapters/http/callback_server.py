"""The loopback listener of a browser sign-in (RFC 8252 §7.3)."""

import asyncio
import contextlib
import os
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

import h11

from app.adapters.http.callback_page import render_page
from app.domain.errors import PortBusy
from app.domain.login import BrowserPage

HOST = "127.0.0.1"
MAX_HEAD = 16 * 1024
"""Bytes of request line and headers; a callback with a JWT has a few thousand."""
_LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
_PREFETCH_HEADERS = (b"sec-purpose", b"purpose", b"x-purpose", b"x-moz")
"""Sec-Purpose is the Fetch standard's; the others are what browsers sent before it."""
_PREFETCH_VALUES = (b"prefetch", b"preview", b"prerender")
CONNECTION_TIMEOUT = 10.0
"""Seconds in which a connection must have sent its request."""
LINGER = 2.0
"""Seconds for the browser to fetch the last page."""
CLOSE_TIMEOUT = 1.0
"""Seconds for the answers that are under way when a listener closes."""
_OVER = BrowserPage(False, "This sign-in is over", "Go back to Loopin and start it again.")


class _BadRequest(Exception):
    """A request that is refused with `status`."""

    def __init__(self, status: int) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Request:
    """The request line; `params` has the first value of each query parameter.

    `prefetch` is true when a browser asks ahead and nobody sees the answer yet.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(repr=False)
    prefetch: bool = False


class LoopbackListeners:
    """Makes listeners on 127.0.0.1, and waits for the last page of each to be fetched."""

    def __init__(self, linger: float = LINGER) -> None:
        self._linger = linger
        self._lingering: set[asyncio.Task[None]] = set()

    async def listen(self, port: int, path: str) -> "LoopbackListener":
        """Bind 127.0.0.1:`port` (0 = any free one) now; raise PortBusy, with its holder if known."""
        return LoopbackListener(_bind(port), path, self)

    async def aclose(self) -> None:
        """Wait until every last page was fetched; at most the linger time."""
        await asyncio.gather(*self._lingering, return_exceptions=True)

    def linger(self, listener: "LoopbackListener") -> None:
        """Keep an answered listener open in the background until its page was fetched."""
        task = asyncio.create_task(listener.finish(self._linger))
        self._lingering.add(task)
        task.add_done_callback(self._lingering.discard)


def _bind(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # On Windows SO_REUSEADDR would let another program take the port over; elsewhere it only
        # skips the wait after a closed connection.
        if os.name == "nt":
            sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE"), 1)  # noqa: B009  # Windows only
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(64)
        sock.setblocking(False)
    except (OSError, OverflowError) as error:
        sock.close()
        raise _busy(port, error) from None
    return sock


def _busy(port: int, error: Exception) -> PortBusy:
    # Imports psutil; most ports are free.
    from app.adapters.system.processes import port_holder

    who = port_holder(port) if isinstance(error, OSError) else ""
    if isinstance(error, PermissionError):
        message = f"port {port} needs more rights than you have"
    elif isinstance(error, OverflowError):
        message = f"{port} is not a port"
    else:
        message = f"port {port} is taken" + (f" by {who}" if who else "")
    return PortBusy(message, hint="choose another port, or 0 for any free one", port=port, holder=who)


@dataclass(slots=True, eq=False)
class LoopbackCallback:
    """A request at the callback path, with its duplicates. Its query may carry a token, so it never
    shows in a repr."""

    params: Mapping[str, str] = field(repr=False)
    owner: "LoopbackListener" = field(repr=False)
    page: "asyncio.Future[BrowserPage]" = field(repr=False)

    async def answer(self, page: BrowserPage) -> None:
        """Send the browser on to `page`, at an address without the query, so history keeps no token."""
        if not self.page.done():
            self.page.set_result(page)
            self.owner.note_answer(self, page)


class LoopbackListener:
    """Takes `GET <path>`; everything else is answered here and never reaches a sign-in.

    Each connection has its own task, so one that sends nothing, or resets, holds up nobody. Every request
    gets an answer, until the port is closed:

    | request at the callback path              | answer                                            |
    |-------------------------------------------|---------------------------------------------------|
    | the first with its parameters             | the page that the sign-in gives it                |
    | the same parameters again                 | the same page, also while the listener lingers    |
    | other parameters, after the sign-in ended | a page that says so                               |
    | a prefetch                                | 503: the browser asks again for what is looked at |
    """

    def __init__(self, sock: socket.socket, path: str, owner: LoopbackListeners) -> None:
        self._sock = sock
        self._path = path
        self._owner = owner
        self._arrivals: asyncio.Queue[LoopbackCallback] = asyncio.Queue()
        self._unanswered: list[LoopbackCallback] = []
        self._last: LoopbackCallback | None = None
        self._over = self._succeeded = self._closed = False
        self._connections: set[asyncio.Task[None]] = set()
        self._answering: set[asyncio.Task[None]] = set()
        self._pages: dict[str, BrowserPage] = {}
        self._unfetched: Counter[str] = Counter()
        self._settled = asyncio.Event()
        self._port: int = sock.getsockname()[1]
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """The callback address."""
        return f"http://{HOST}:{self._port}{self._path}"

    async def next(self) -> LoopbackCallback:
        """Wait for the next request to the callback path."""
        return await self._arrivals.get()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, sock=self._sock)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cancelled = kind is not None and not issubclass(kind, Exception)
        somebody_waits = self._last is not None or bool(self._unanswered)
        self._end()
        # After a success there is nothing left to cancel: somebody just looked no further.
        if self._succeeded or (somebody_waits and not cancelled):
            self._owner.linger(self)
        else:
            await self._close()

    def note_answer(self, callback: LoopbackCallback, page: BrowserPage) -> None:
        """A page is on its way to the browser; for callbacks."""
        self._unanswered.remove(callback)
        self._last = callback
        # Pages of earlier answers are no longer waited for.
        self._unfetched.clear()
        if page.ok:
            self._succeeded = True
            self._end()

    async def finish(self, patience: float) -> None:
        """Wait for the last page to be fetched by everybody who was sent there, at most `patience`
        seconds, and close."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._wait_until_settled()
        finally:
            await self._close()

    def _end(self) -> None:
        """No sign-in reads what arrives from here on."""
        self._over = True
        for callback in self._unanswered:
            callback.page.set_result(_OVER)
        self._unanswered.clear()

    async def _wait_until_settled(self) -> None:
        while self._answering or self._unfetched.total():
            self._settled.clear()
            await self._settled.wait()

    async def _close(self) -> None:
        """Free the port at once: the listening socket first, then what is connected."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        for task in self._connections - self._answering:
            task.cancel()
        if self._answering:
            await asyncio.wait(self._answering, timeout=CLOSE_TIMEOUT)
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        connection = _Connection(reader, writer)
        try:
            async with asyncio.timeout(CONNECTION_TIMEOUT):
                request = await connection.receive()
            self._answering.add(task)
            await self._serve(request, connection)
        except _BadRequest as error:
            with contextlib.suppress(OSError):
                await connection.send(error.status)
        # Whatever a connection does (reset, half a request, silence), it is only this connection.
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            self._connections.discard(task)
            self._answering.discard(task)
            self._settled.set()
            writer.close()

    async def _serve(self, request: _Request, connection: "_Connection") -> None:
        if request.method not in {"GET", "HEAD"}:
            await connection.send(405, headers={"Allow": "GET, HEAD"})
        elif (page := self._pages.get(request.path)) is not None:
            await connection.send_page(page)
            if request.method == "GET" and not request.prefetch:
                self._unfetched[request.path] = max(self._unfetched[request.path] - 1, 0)
        elif request.path != self._path:
            await connection.send(404)
        elif request.method == "HEAD":
            await connection.send(200)
        elif request.prefetch:
            await connection.send(503)
        else:
            await self._serve_callback(request, connection)

    async def _serve_callback(self, request: _Request, connection: "_Connection") -> None:
        page = await self._page_for(request.params)
        if self._closed:
            # There is no port any more that the browser could be sent on to.
            await connection.send_page(page)
            return
        path = self._path_of(page)
        self._unfetched[path] += 1
        await connection.send(303, headers={"Location": path})

    async def _page_for(self, params: Mapping[str, str]) -> BrowserPage:
        for callback in self._unanswered:
            if callback.params == params:
                return await asyncio.shield(callback.page)
        if self._over:
            same = self._last is not None and self._last.params == params
            return self._last.page.result() if same and self._last is not None else _OVER
        future: asyncio.Future[BrowserPage] = asyncio.get_running_loop().create_future()
        callback = LoopbackCallback(params, self, future)
        self._unanswered.append(callback)
        self._arrivals.put_nowait(callback)
        return await asyncio.shield(future)

    def _path_of(self, page: BrowserPage) -> str:
        for path, known in self._pages.items():
            if known == page:
                return path
        path = f"/done/{len(self._pages) + 1}" if self._pages else "/done"
        self._pages[path] = page
        return path


class _Connection:
    """One request and one response over HTTP/1.1, parsed and framed by h11."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        self._head = False

    async def receive(self) -> _Request:
        """Read the head of the request; raise _BadRequest, and EOFError when the other side leaves before."""
        received = 0
        try:
            while not isinstance(event := self._http.next_event(), h11.Request):
                data = await self._reader.read(MAX_HEAD)
                received += len(data)
                if not data:
                    raise EOFError
                if received > MAX_HEAD:
                    raise _BadRequest(431)
                self._http.receive_data(data)
        except h11.RemoteProtocolError as error:
            raise _BadRequest(error.error_status_hint) from None
        self._head = event.method == b"HEAD"
        return _read_request(event)

    async def send(
        self, status: int, body: str = "", *, headers: Mapping[str, str] | None = None, policy: str = ""
    ) -> None:
        """Send a whole response that nothing stores, frames or passes on."""
        reason = HTTPStatus(status).phrase
        content = (body or f"{reason}\n").encode()
        fields = {
            "Content-Type": "text/html; charset=utf-8" if body else "text/plain; charset=utf-8",
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Content-Security-Policy": policy or "default-src 'none'; frame-ancestors 'none'",
            "Connection": "close",
            **(headers or {}),
        }
        events: list[h11.Event] = [h11.Response(status_code=status, headers=[*fields.items()], reason=reason)]
        if not self._head:
            events.append(h11.Data(data=content))
        for event in (*events, h11.EndOfMessage()):
            self._writer.write(self._http.send(event) or b"")
        await self._writer.drain()

    async def send_page(self, page: BrowserPage) -> None:
        """Send the page at the end of a sign-in."""
        body, policy = render_page(page)
        await self.send(200, body, policy=policy)


def _read_request(event: h11.Request) -> _Request:
    target = event.target.decode("ascii")
    if event.http_version not in {b"1.0", b"1.1"} or not target.startswith("/"):
        raise _BadRequest(400)
    # A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding): its Host gives it away.
    if _host(event) not in _LOOPBACK_HOSTS:
        raise _BadRequest(403)
    # Two leading slashes would be read as the name of a host.
    parts = urlsplit("/" + target.lstrip("/"))
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise _BadRequest(400) from None
    prefetch = any(
        name in _PREFETCH_HEADERS and any(word in value.lower() for word in _PREFETCH_VALUES)
        for name, value in event.headers
    )
    return _Request(event.method.decode("ascii"), parts.path, dict(reversed(pairs)), prefetch)


def _host(event: h11.Request) -> str:
    value = next((value for name, value in event.headers if name == b"host"), b"").decode("latin-1").lower()
    host, _, port = value.rpartition(":")
    return host if port.isdigit() and host else value
