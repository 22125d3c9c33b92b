"""A control plane behind an http proxy, asked through it."""

import asyncio
import os
from contextlib import suppress

import pytest

from app.adapters.chainloop.client import ChainloopClients
from app.domain.credentials import Endpoint, Provider
from tests.support.server import AccountServer


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy"])
async def test_calls_go_through_the_proxy_with_its_password(
    account_server: AccountServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for variable in list(os.environ):
        if variable.lower().endswith("_proxy"):
            monkeypatch.delenv(variable)
    heads: list[str] = []
    tunnels: list[asyncio.Task[None] | None] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnels.append(asyncio.current_task())
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        host, _, port = account_server.grpc.rpartition(":")
        server = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_copy(reader, server[1]), _copy(server[0], writer))

    async with await asyncio.start_server(tunnel, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv(name, f"http://someone:not-a-real-word@127.0.0.1:{port}")
        gateways = ChainloopClients(max_receive=4 << 20, timeout=60)
        try:
            endpoint = Endpoint(Provider.CHAINLOOP, "plane.example:443", insecure=True)
            assert (await gateways.open(endpoint, None).server_info()).version
        finally:
            await gateways.aclose()
        # One that is left to itself keeps its sockets open when the loop has ended.
        await asyncio.gather(*filter(None, tunnels))
    (head,) = heads
    assert head.startswith("CONNECT plane.example:443 HTTP/1.1\r\n")
    assert "proxy-authorization: basic" in head.lower()
