"""TLS under cheroot, without letting a silent connection hold up the thread that accepts them all."""

import socket
import ssl
from typing import Any

from cheroot.errors import FatalSSLAlert
from cheroot.makefile import StreamReader, StreamWriter
from cheroot.ssl import Adapter

from app.server.tls import Certificate

_ENVIRON = {"wsgi.url_scheme": "https", "HTTPS": "on"}


class _Socket(ssl.SSLSocket):
    """Ends a connection whose other side speaks no TLS, as cheroot ends one that is cut off."""

    def recv_into(self, *arguments: Any, **options: Any) -> int:
        try:
            return super().recv_into(*arguments, **options)
        except ssl.SSLError as error:
            raise FatalSSLAlert(*error.args) from error


class TlsAdapter(Adapter):
    """Wraps at once and shakes hands with the first byte: that happens on a worker, within its timeout."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate

    def bind(self, sock: socket.socket) -> socket.socket:
        """The listener stays plain; its connections are wrapped."""
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """One connection, with the certificate of this moment."""
        context = self._certificate.context
        context.sslsocket_class = _Socket
        wrapped = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, dict(_ENVIRON)

    def get_environ(self) -> dict[str, str]:
        """What WSGI is told."""
        return dict(_ENVIRON)

    def makefile(self, sock: ssl.SSLSocket, mode: str = "r", bufsize: int = -1) -> Any:
        """A stream over the connection."""
        return (StreamReader if "r" in mode else StreamWriter)(sock, mode, bufsize)
