"""Peers that misbehave: raw TCP, TLS with a certificate of one's own, gRPC with any status."""

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Behaviour = Callable[[socket.socket], None]


@contextmanager
def tcp_peer(behave: Behaviour) -> Iterator[str]:
    """A TCP server that does `behave` with each connection; yields host:port."""
    server = socket.create_server(("127.0.0.1", 0))
    open_ones: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            open_ones.append(connection)
            threading.Thread(target=_guarded, args=(behave, connection), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)
    for connection in open_ones:
        connection.close()


def _guarded(behave: Behaviour, connection: socket.socket) -> None:
    try:
        behave(connection)
    except OSError:
        return


def closed_port() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate: its own authority."""

    pem: str
    key: str

    def files(self, folder: Path) -> tuple[Path, Path]:
        """Write both into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = folder / "cert.pem", folder / "key.pem"
        certificate.write_text(self.pem)
        key.touch(mode=0o600)
        key.write_text(self.key)
        return certificate, key

    def context(self, folder: Path) -> ssl.SSLContext:
        """A server's context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.files(folder))
        return context


def certificate(host: str = "127.0.0.1") -> Certificate:
    """Make one for an address or a name, valid for a day."""
    subject = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopin test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([subject]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        made.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    )


Answer = Callable[[str, Any], bytes]
"""Gets the method's path and the call's context; returns the message as bytes, or aborts."""


class _Anything(grpc.GenericRpcHandler):
    def __init__(self, answer: Answer, calls: list[str]) -> None:
        self._answer = answer
        self._calls = calls

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        path = handler_call_details.method

        def handle(request: bytes, context: Any) -> bytes:
            self._calls.append(path.rpartition("/")[2])
            return self._answer(path, context)

        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(handle)
        return handler


@contextmanager
def grpc_peer(
    answer: Answer, tls: Certificate | None = None, port: int = 0
) -> Iterator[tuple[str, list[str]]]:
    """A gRPC server that answers every method with `answer`; yields host:port and the calls it got."""
    calls: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers((_Anything(answer, calls),))
        if tls is None:
            port = server.add_insecure_port(f"127.0.0.1:{port}")
        else:
            credentials = grpc.ssl_server_credentials([(tls.key.encode(), tls.pem.encode())])
            port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
        server.start()
        try:
            yield f"127.0.0.1:{port}", calls
        finally:
            server.stop(0).wait(5)


def aborting(code: grpc.StatusCode, details: str) -> Answer:
    """Refuses every call in the same way."""

    def answer(path: str, context: Any) -> bytes:
        context.abort(code, details)
        return b""

    return answer
