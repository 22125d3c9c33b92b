"""The TLS certificate of both ports: PEM files, read again on request."""

import ssl
from pathlib import Path
from typing import Any

from app.domain.errors import LoopinError, UsageError
from app.server import log, private_files


class Certificate:
    """A certificate chain with its key, for TLS 1.2 or newer (RFC 9325 §3.1.1).

    Raises UsageError for files that cannot be used, and Failed for a key that others can read.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert = cert
        self._key = key
        self.context, self.chain, self.key = self._read()

    def reload(self) -> None:
        """Use the files for every connection from now on; invalid ones are logged and ignored."""
        try:
            self.context, self.chain, self.key = self._read()
        except LoopinError as error:
            log.failure("tls.not_reloaded", error)
            return
        log.event("tls.loaded")

    def following_context(self) -> ssl.SSLContext:
        """A context for a listener: each handshake uses the current certificate."""
        context = self._read()[0]

        def use_current(connection: Any, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self.context

        # Called for every ClientHello, also for one that names no server.
        context.sni_callback = use_current
        return context

    def _read(self) -> tuple[ssl.SSLContext, bytes, bytes]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # With an empty password: a key that has one would ask for it at the terminal.
            key = private_files.read_secret_file(self._key, "the TLS key")
            context.load_cert_chain(self._cert, self._key, password=lambda: "")
            return context, self._cert.read_bytes(), key
        except (OSError, ValueError) as error:
            raise UsageError(
                f"the certificate {self._cert} and the key {self._key} cannot be used together",
                hint="both must be PEM files that the server can read, the key without a password",
            ) from error


def load_certificate(cert: Path | None, key: Path | None) -> Certificate | None:
    """The certificate in these files; None without files."""
    return Certificate(cert, key) if cert and key else None
