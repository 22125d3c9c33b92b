"""The same over TLS: half a handshake, half a request, two requests in one record."""

import ssl
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.attack.wire import PATIENCE, connect, rest
from tests.support.peers import certificate
from tests.support.server import ServerFactory

pytestmark = pytest.mark.slow

GET = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n"
# The beginning of a ClientHello that says it has 512 bytes (RFC 8446 §4, §5.1).
HALF_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def test_rfc4732_half_a_handshake_and_half_a_request_delay_nobody(
    own_target: ServerFactory, tmp_path: Path
) -> None:
    own = certificate()
    cert, key = own.files(tmp_path / "tls")
    # None of them is closed for its silence while this test runs.
    constants = {f"app.server.web.server.{name}": 20 * PATIENCE for name in ("HANDSHAKE", "HEAD", "IDLE")}
    server = own_target("--tls-cert", str(cert), "--tls-key", str(key), constants=constants)
    trusted = ssl.create_default_context(cadata=own.pem)
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(connect(server.http.removeprefix("https://"))).sendall(HALF_HELLO)
            stack.enter_context(connect(server.http)).sendall(GET)
        with httpx.Client(base_url=server.http, trust_env=False, verify=trusted, timeout=PATIENCE) as client:
            assert client.get("/healthz").status_code == 200
    with connect(server.http) as made:
        # One record, two requests: nothing may be left lying between the layers.
        made.sendall(GET + b"\r\n" + GET + b"Connection: close\r\n\r\n")
        assert rest(made).count(b'"openapi":"3.1.0"') == 2
