"""TLS under cheroot, without letting a silent connection hold up the thread that accepts them all."""

import socket
import ssl
from typing import Any

from cheroot.makefile import StreamReader, StreamWriter
from cheroot.ssl import Adapter

from app.server.tls import Certificate

_ENVIRON = {"wsgi.url_scheme": "https", "HTTPS": "on"}


class TlsAdapter(Adapter):
    """Wraps at once; hands are shaken while the first bytes arrive, and nobody waits for them."""

    def __init__(self, certificate: Certificate) -> None:
        self._certificate = certificate

    def bind(self, sock: socket.socket) -> socket.socket:
        """The listener stays plain; its connections are wrapped."""
        return sock

    def wrap(self, sock: socket.socket) -> tuple[ssl.SSLSocket, dict[str, str]]:
        """One connection, with the certificate of this moment."""
        wrapped = self._certificate.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return wrapped, dict(_ENVIRON)

    def get_environ(self) -> dict[str, str]:
        """What WSGI is told."""
        return dict(_ENVIRON)

    def makefile(self, sock: ssl.SSLSocket, mode: str = "r", bufsize: int = -1) -> Any:
        """A stream over the connection."""
        return (StreamReader if "r" in mode else StreamWriter)(sock, mode, bufsize)
