"""One request of ASGI as a call of a WSGI application (PEP 3333), with its body and its answer in memory.

So the thread that calls the application never waits for the client. hypercorn's own wrapper would: its thread
sends the answer piece by piece.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote_to_bytes

from hypercorn.typing import HTTPScope

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

NONE: Mapping[str, str] = MappingProxyType({})
_PLAIN_NAMES = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer. `headers` as on the wire."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def of(cls, status: int, text: str, kind: str = "text/plain", headers: Mapping[str, str] = NONE) -> Self:
        """An answer with a body of this content type, with its length and `headers`."""
        body = text.encode()
        fields = {"content-type": kind, "content-length": str(len(body))} | {**headers}
        return cls(status, [(name.encode(), value.encode()) for name, value in fields.items()], body)


def call(app: "WSGIApplication", scope: HTTPScope, body: bytes) -> Response:
    """Call `app` and return its whole answer."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None, /) -> Any:
        started.append((status, headers))
        return written.append

    answer = app(_environ(scope, body), start_response)
    try:
        written.extend(answer)
    finally:
        if close := getattr(answer, "close", None):
            close()
    status, headers = started[-1]
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return Response(int(status[:3]), encoded, b"".join(written))


def _environ(scope: HTTPScope, body: bytes) -> "WSGIEnvironment":
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
    for name, value in scope["headers"]:
        # WSGI spells it like one with a hyphen: a client could put its own beside a proxy's.
        if b"_" not in name:
            _add_field(environ, name.decode("latin-1"), value.decode("latin-1"))
    return environ


def _add_field(environ: "WSGIEnvironment", name: str, value: str) -> None:
    key = name.upper().replace("-", "_")
    key = key if key in _PLAIN_NAMES else f"HTTP_{key}"
    # Each proxy may add a line of its own (RFC 9110 §5.3; for cookies RFC 9113 §8.2.3).
    separator = "; " if name == "cookie" else ","
    environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value
