"""Connecting before there is anything to send."""

import asyncio

import pytest

from app.adapters.chainloop.client import ChainloopClients
from app.domain.errors import TLSFailed, UsageError
from tests.support.chainloop import endpoint_of

PATIENCE = 60


async def test_a_connection_is_made_and_nobody_is_named_on_it() -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.read(1024))
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    gateways = ChainloopClients(max_receive=1 << 20, timeout=PATIENCE)
    async with server, asyncio.timeout(PATIENCE):
        await gateways.connect(endpoint_of(f"127.0.0.1:{port}", insecure=True))
        said = await heard.get()
        await gateways.aclose()
    # The beginning of HTTP/2 (RFC 9113 §3.4), and no header.
    assert said.startswith(b"PRI * HTTP/2.0")
    assert b"authorization" not in said


async def test_what_is_wrong_is_told_by_the_first_call() -> None:
    gateways = ChainloopClients(max_receive=1 << 20, timeout=PATIENCE)
    endpoint = endpoint_of("127.0.0.1:9", insecure=False, ca="/nowhere/ca.pem")
    await gateways.connect(endpoint)
    with pytest.raises((TLSFailed, UsageError)):
        await gateways.open(endpoint, None).server_info()
    await gateways.aclose()
