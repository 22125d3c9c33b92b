"""Requests while they arrive: one thread watches every connection, and workers get whole requests only.

Whoever sends slowly, or stops in the middle, so waits alone. A worker reads from memory, and what it writes
fits the system's buffer: it never waits for a client.
"""

import errno
import logging
import math
import select
import selectors
import socket
import sys
import time
from contextlib import suppress
from typing import Any

from cheroot.connections import ConnectionManager

from app.server import log
from app.server.http.connection import Connection
from app.server.http.framing import LATE, Refused

MAX_CONNECTIONS = 400
SEND_BUFFER = 256 * 1024
# A worker gets a request only while no more than this waits for the client. An answer is sent in several
# pieces, and each of them waits while more than two thirds of the buffer are used (Linux).
MAX_UNREAD = SEND_BUFFER // 2
_LAST_LOOK = 1.0
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# The published types leave it out.
_accept: Any = vars(ConnectionManager)["_from_server_socket"]


class Arrivals(ConnectionManager):
    """Every connection that no worker has."""

    _selector: Any

    def receive(self, conn: Connection) -> None:
        """Take what has come, and hand the connection over, refuse it, close it or watch on."""
        try:
            stays = conn.ignore_more() if conn.refused else self._look(conn)
        except Refused as refusal:
            stays = self._refuse(conn, refusal.status)
        except OSError:
            stays = False
        if stays is False:
            conn.close()
        elif stays:
            self._watch(conn)

    def put(self, conn: Connection) -> None:
        """Take a connection back from a worker: its next request may be here already."""
        conn.since = time.monotonic()
        self.receive(conn)

    def stop(self) -> None:
        """Stop watching; before the listener closes, hand over the requests that have arrived."""
        super().stop()
        end = time.monotonic() + _LAST_LOOK
        while time.monotonic() < end and (ready := list(self._selector.select(timeout=0))):
            for handle, waiting in ready:
                if waiting is not self.server:
                    self._selector.unregister(handle)
                    self.receive(waiting)
                elif (new := self._from_server_socket(self.server.socket)) is not None:
                    self.receive(new)

    def _look(self, conn: Connection) -> bool | None:
        """True to watch on, False to close, None when a worker has it."""
        conn.rfile.fill(conn.socket)
        if conn.rfile.next_request():
            if not _takes_answers(conn.socket):
                return False
            conn.socket.settimeout(self.server.timeout)
            self.server.hand_over(conn)
            return None
        if conn.rfile.asks_for_leave():
            conn.socket.send(_CONTINUE)
        return not conn.rfile.ended

    def _refuse(self, conn: Connection, status: str) -> bool:
        """Say why, and let the client read it: closing at once would throw the answer away."""
        log.event("http.refused", logging.DEBUG, status=status)
        conn.refused, conn.since = True, time.monotonic()
        conn.rfile.drop()
        text = f"{status[4:]}\n"
        answer = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
            f"Cache-Control: no-store\r\nConnection: close\r\n\r\n{text}"
        )
        with suppress(OSError):
            conn.socket.settimeout(0)
            conn.socket.send(answer.encode())
            conn.socket.shutdown(socket.SHUT_WR)
        return True

    def _watch(self, conn: Connection) -> None:
        self._selector.register(conn.socket.fileno(), selectors.EVENT_READ, data=conn)

    def _waiting(self) -> list[tuple[int, Connection]]:
        return [(handle, conn) for handle, conn in self._selector.connections if conn is not self.server]

    def _expire(self, threshold: float) -> None:
        now = time.monotonic()
        for handle, conn in self._waiting():
            if conn.is_late(now):
                self._refuse(conn, LATE)
            elif conn.is_over(now):
                self._selector.unregister(handle)
                conn.close()

    def _from_server_socket(self, server_socket: Any) -> Connection | None:
        if len(self._selector) > MAX_CONNECTIONS:
            self._end_the_oldest()
        try:
            new: Connection | None = _accept(self, server_socket)
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            log.event("http.no_room", logging.WARNING, error=errno.errorcode[error.errno])
            self._end_the_oldest()
            # Until then the listener stays ready, and this would be asked again and again.
            time.sleep(0.05)
            return None
        return new

    def _end_the_oldest(self) -> None:
        """Make room. The connection is closed when its turn comes: it may be among those being looked at."""
        oldest = min((conn for _, conn in self._waiting()), key=lambda conn: conn.since, default=None)
        if oldest is not None:
            oldest.since = math.inf
            with suppress(OSError):
                oldest.socket.shutdown(socket.SHUT_RDWR)


def _takes_answers(connection: socket.socket) -> bool:
    """False for a client that asks more and does not read what it was answered."""
    if sys.platform == "win32":
        return bool(select.select([], [connection], [], 0)[1])
    import fcntl
    import termios

    unread = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
    return int.from_bytes(unread, sys.byteorder) <= MAX_UNREAD
