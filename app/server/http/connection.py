"""One HTTP connection: what has arrived on it, and the one whole request that a worker reads."""

import socket
import ssl
import time
from typing import Any

from cheroot import server as cheroot_server
from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest

from app.server.http import framing
from app.server.http.framing import MAX_BODY, MAX_HEADER, Head

# Seconds: from the first byte of a request to its last, between requests, and for the rest of a refused one.
ARRIVAL, IDLE, LINGER = 10.0, 15.0, 2.0
_READ = 64 * 1024
_MAX_BUFFER = MAX_HEADER + MAX_BODY + _READ
_MAX_IGNORED = 4 * 1024 * 1024
# Each proxy may add a line of its own; the library would keep the last. The published types leave this out.
vars(cheroot_server)["comma_separated_headers"].append(b"X-Forwarded-For")
_NOT_YET = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Inbox:
    """What has arrived. To a worker it looks like a file that holds one request and then ends."""

    def __init__(self) -> None:
        self.closed = False
        self.ended = False
        self.bytes_read = 0
        self.began: float | None = None
        self._coming = bytearray()
        self._head: Head | None = None
        self._request = b""
        self._at = 0

    def fill(self, sock: socket.socket) -> None:
        """Take all that is there without waiting for more. Raises OSError for a connection that broke."""
        sock.settimeout(0)
        while len(self._coming) < _MAX_BUFFER and not self.ended:
            try:
                self.add(sock.recv(_READ))
            except _NOT_YET:
                return

    def add(self, chunk: bytes) -> None:
        """Append what was received. The time of a request counts from its first byte."""
        self._coming += chunk
        self.ended = not chunk
        if chunk and self.began is None:
            self.began = time.monotonic()

    def next_request(self) -> bool:
        """True when a request is whole; then it can be read, and nothing after it. Raises Refused."""
        if self._head is None:
            self._head = framing.read_head(self._coming)
        if self._head is None or len(self._coming) < self._head.total:
            return False
        size, self._head = self._head.total, None
        self._request, self._at = bytes(self._coming[:size]), 0
        del self._coming[:size]
        self.began = time.monotonic() if self._coming else None
        return True

    def asks_for_leave(self) -> bool:
        """True, once, for a client that sends its body only after 100 (RFC 9110 §10.1.1)."""
        if self._head is None or not self._head.expects:
            return False
        self._head = Head(self._head.total, expects=False)
        return True

    def drop(self) -> int:
        """Forget what has arrived; return how many bytes that were."""
        size = len(self._coming)
        self._coming.clear()
        return size

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes of the request."""
        end = len(self._request) if size is None or size < 0 else self._at + size
        found = self._request[self._at : end]
        self._at += len(found)
        self.bytes_read += len(found)
        return found

    def readline(self, size: int | None = -1) -> bytes:
        """Up to the end of a line, or `size` bytes."""
        rest = (self._request.find(b"\n", self._at) + 1 or len(self._request)) - self._at
        return self.read(rest if size is None or size < 0 else min(size, rest))

    def close(self) -> None:
        """Forget everything."""
        self.closed, self._request = True, b""
        self.drop()


class _Fields(HeaderReader):
    """Leaves out names with an underscore.

    WSGI spells them like those with a hyphen, so that a client could put its own beside a proxy's. And
    whoever expected leave to send a body has got it by now.
    """

    def _allow_header(self, key_name: bytes) -> bool:
        return b"_" not in key_name and key_name != b"Expect"


class _Request(HTTPRequest):
    header_reader = _Fields()


class Connection(HTTPConnection):
    """At each moment either the thread that watches or one worker has it."""

    RequestHandlerClass = _Request

    def __init__(self, server: Any, sock: Any, makefile: Any) -> None:
        super().__init__(server, sock, makefile)
        self.rfile.close()
        self.rfile: Inbox = Inbox()
        self.since = time.monotonic()
        self.refused = False
        self._ignored = 0

    def is_late(self, now: float) -> bool:
        """True when a request was begun and does not come to its end."""
        began = self.rfile.began
        return not self.refused and began is not None and now - began > ARRIVAL

    def is_over(self, now: float) -> bool:
        """True when nothing was asked for too long."""
        return now - self.since > (LINGER if self.refused else IDLE)

    def ignore_more(self) -> bool:
        """Throw away what a refused client goes on sending, so that it reads why; False at the end of it."""
        self.rfile.fill(self.socket)
        self._ignored += self.rfile.drop()
        return not self.rfile.ended and self._ignored < _MAX_IGNORED
