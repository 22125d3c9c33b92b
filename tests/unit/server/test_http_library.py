"""The parts of cheroot that are not public and that the HTTP listener stands on.

When one of these fails, read the new release beside arrivals.py, connection.py, server.py and tls.py in
app/server/http before the range in pyproject.toml is widened: silent and slow clients would otherwise hold
the workers again.
"""

import inspect
import socket
from datetime import timedelta
from typing import Any

import cheroot
import pytest
from cheroot.connections import ConnectionManager
from cheroot.makefile import MakeFile
from cheroot.server import HeaderReader, HTTPConnection, HTTPRequest, HTTPServer

from app.server.http.arrivals import Arrivals
from app.server.http.connection import Connection, Inbox
from app.server.http.server import HttpServer
from app.server.http.server import _Server as Listener

# Where the library does what we replace or call, and how that reads.
STANDS_ON: dict[str, tuple[Any, str]] = {
    "new connections are taken by our own method": (ConnectionManager, "self._from_server_socket("),
    "late connections are ended by our own method": (ConnectionManager, "self._expire("),
    "the selector gives handles with connections": (ConnectionManager, "in self._selector.connections"),
    "a connection leaves the selector before it is read": (
        ConnectionManager,
        "self._selector.unregister(sock_fd)",
    ),
    "the loop ends when it is told to": (ConnectionManager, "while not self._stop_requested"),
    "what arrives is handed to our own method": (ConnectionManager, "self.server.process_conn("),
    "idle connections come back to our own method": (HTTPServer, "self._connections.put(conn)"),
    "the manager is made while the server prepares": (HTTPServer.prepare, "self._connections = connections."),
    "a stop ends the manager first": (HTTPServer.stop, "self._connections.stop()"),
    "a whole request goes into the workers' queue": (HTTPServer.process_conn, "self.requests.put(conn)"),
    "header names are asked about": (HeaderReader, "self._allow_header("),
    "a request reads its header with our reader": (HTTPRequest, "self.header_reader("),
    "a connection makes our kind of request": (HTTPConnection, "self.RequestHandlerClass("),
    "the server makes our kind of connection": (ConnectionManager, "self.server.ConnectionClass("),
}


@pytest.mark.parametrize("what", STANDS_ON)
def test_the_library_still_works_as_the_listener_expects(what: str) -> None:
    holder, words = STANDS_ON[what]
    assert words in inspect.getsource(holder), f"cheroot {cheroot.__version__} changed: {what}"


@pytest.mark.parametrize(
    ("ours", "names"),
    [
        (Arrivals, ("_from_server_socket", "_expire", "put", "stop")),
        (Connection, ("RequestHandlerClass",)),
        (Listener, ("prepare", "process_conn", "error_log", "ConnectionClass", "keep_alive_conn_limit")),
    ],
)
def test_what_the_listener_replaces_is_there_to_be_replaced(ours: type[Any], names: tuple[str, ...]) -> None:
    for name in names:
        assert any(name in vars(base) for base in ours.__mro__[1:]), f"cheroot {cheroot.__version__}: {name}"


def test_a_listener_watches_with_our_manager_and_reads_into_memory() -> None:
    server = HttpServer("127.0.0.1", 0)
    here, there = socket.socketpair()
    try:
        assert isinstance(server._server._connections, Arrivals)
        assert isinstance(Connection(server._server, here, MakeFile).rfile, Inbox)
    finally:
        server.stop(timedelta(seconds=1))
        here.close()
        there.close()
