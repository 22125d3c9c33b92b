"""Clients that do not keep to the rules: bytes over a socket, and HTTP/2 frames made by hand (RFC 9113)."""

import socket
import ssl
import struct
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlsplit

import grpc

PATIENCE = 60.0
INFOZ = "/controlplane.v1.StatusService/Infoz"
DATA, HEADERS, RESET, SETTINGS = 0, 1, 3, 4
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def call(
    channel: grpc.Channel,
    path: str,
    data: bytes = b"",
    metadata: Sequence[tuple[str, str]] = (),
    compression: grpc.Compression | None = None,
) -> tuple[str, str]:
    """Send these bytes as the request; return the name of the status and its text."""
    try:
        send = cast("Any", channel.unary_unary(path))
        send(data, metadata=tuple(metadata), timeout=PATIENCE, compression=compression)
    except grpc.RpcError as error:
        answer = cast("grpc.Call", error)
        return answer.code().name, answer.details() or ""
    return "OK", ""


def connect(url: str) -> socket.socket:
    """A connection to an address such as http://127.0.0.1:8080 or 127.0.0.1:9090."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    made = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=PATIENCE)
    if parts.scheme != "https":
        return made
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(made, server_hostname="localhost")


def say(url: str, data: bytes) -> bytes:
    """Send these bytes on a connection of their own, and return all that is answered until its end."""
    with connect(url) as made:
        # A server that has heard enough may close while we speak.
        with suppress(ConnectionError):
            made.sendall(data)
        return rest(made)


def rest(connection: socket.socket) -> bytes:
    """All that still comes, until the other side closes."""
    found = b""
    with suppress(ConnectionError):
        while chunk := connection.recv(65536):
            found += chunk
    return found


def status(answer: bytes) -> int:
    """The status of the first response; 0 without one."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One HTTP/2 frame (RFC 9113 §4.1)."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def begin(stream: int, path: str, more: Iterable[tuple[str, str]] = ()) -> bytes:
    """The headers of a call whose message does not follow."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x")]
    fields += [("content-type", "application/grpc"), ("te", "trailers"), *more]
    return frame(HEADERS, 0x4, stream, b"".join(_literal(*field) for field in fields))


def speak_http2(address: str) -> socket.socket:
    """A connection on which frames may follow."""
    made = connect(address)
    made.sendall(_PREFACE + frame(SETTINGS, 0, 0))
    return made


def _literal(name: str, value: str) -> bytes:
    """A field that is in no table (RFC 7541 §6.2.2)."""
    return b"\x00" + _text(name.encode()) + _text(value.encode())


def _text(data: bytes) -> bytes:
    size, prefix = len(data), bytearray()
    if size < 127:
        return bytes([size]) + data
    prefix.append(127)
    size -= 127
    while size >= 128:
        prefix.append(size % 128 + 128)
        size //= 128
    return bytes([*prefix, size]) + data
