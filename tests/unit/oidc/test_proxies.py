"""Which proxy is on the way: one table for HTTP and gRPC."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest

from app.adapters.chainloop.client import ChainloopClients
from app.domain.credentials import Endpoint, Provider
from app.domain.errors import Unreachable
from app.oidc.http import create_client
from app.oidc.proxies import proxy_for

PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def decided(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], url: str, *, grpc: bool = False
) -> str:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return str(proxy_for(url, grpc=grpc) or "")


@pytest.mark.parametrize("grpc", [False, True])
@pytest.mark.parametrize("value", [PROXY, "proxy.example:3128", f" {PROXY}\n", f"{PROXY}/"])
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_every_spelling_counts_for_both(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, grpc: bool
) -> None:
    assert decided(monkeypatch, {name: value}, "https://a.example:443", grpc=grpc) == f"{PROXY} ({name})"


@pytest.mark.parametrize("grpc", [False, True])
@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "https://a.example"),
        ({"HTTPS_PROXY": " "}, "https://a.example"),
        ({"HTTP_PROXY": PROXY}, "https://a.example"),
        ({"HTTPS_PROXY": PROXY}, "http://a.example"),
        *(({"ALL_PROXY": PROXY}, f"http://{host}:80") for host in ("localhost", "127.1.2.3", "[::1]")),
        ({"ALL_PROXY": "socks5://nobody:1", "HTTPS_PROXY": "ftp://x"}, "https://localhost"),
        *(
            ({"HTTPS_PROXY": PROXY, name: value}, "https://api.a.example:8443")
            for name in ("NO_PROXY", "no_proxy")
            for value in ("*", "a.example", ".a.example", "*.a.example", "b,api.A.example", "b a.example:8443")  # noqa: E501
        ),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "2001:db8::/32"}, "https://[2001:db8::1]:443"),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "[2001:db8::1]:443"}, "https://[2001:db8::1]:443"),
    ],
)  # fmt: skip
def test_the_direct_way(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], url: str, grpc: bool
) -> None:
    assert decided(monkeypatch, variables, url, grpc=grpc) == ""


@pytest.mark.parametrize(
    "value", ["b.example", "xa.example", "a.example:1", "ple", "10.0.0.0/8", "api.a.example.b"]
)
def test_what_an_exception_does_not_cover(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert decided(monkeypatch, {"HTTPS_PROXY": PROXY, "NO_PROXY": value}, "https://a.example:443")


@pytest.mark.parametrize(
    "value", ["http://someone:word@[::1", "ftp://x", "http://", "http://a b", "http://x:port"]
)
def test_one_that_cannot_be_used_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    for grpc in (False, True):
        with pytest.raises(Unreachable, match="HTTPS_PROXY") as caught:
            decided(monkeypatch, {"HTTPS_PROXY": value}, "https://a.example", grpc=grpc)
        assert "word" not in caught.value.message


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://someone:not-a-real-word@proxy.example")
    proxy = proxy_for("https://a.example")
    assert proxy is not None
    assert proxy.url == "http://someone:not-a-real-word@proxy.example:80"
    assert "not-a-real-word" not in repr(proxy) + str(proxy)


@pytest.mark.parametrize("value", ["socks5://127.0.0.1:1", "https://proxy.example"])
def test_grpc_does_not_go_past_a_proxy_that_it_cannot_use(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    with pytest.raises(Unreachable, match="gRPC goes through http proxies only"):
        decided(monkeypatch, {"ALL_PROXY": value}, "https://a.example", grpc=True)


async def test_a_proxy_that_cannot_be_used_breaks_nothing_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    async with create_client(httpx.AsyncClient, "http://127.0.0.1:1"):
        pass


@asynccontextmanager
async def connect_proxy(answer: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """An http proxy that answers every request with `answer`; its address and the request lines."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head.decode().split("\r\n", 1)[0])
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield "{}:{}".format(*server.sockets[0].getsockname()), seen


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "all_proxy"])
async def test_grpc_and_http_ask_the_proxy_and_name_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async with connect_proxy(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") as (address, seen):
        monkeypatch.setenv(name, address)
        gateways = ChainloopClients(max_receive=4 << 20, timeout=60)
        try:
            with pytest.raises(Unreachable, match="not available") as caught:
                await gateways.open(Endpoint(Provider.CHAINLOOP, "plane.example:443"), None).server_info()
        finally:
            await gateways.aclose()
        assert f"http://{address} ({name})" in caught.value.hint
        async with create_client(httpx.AsyncClient, "https://api.example") as client:
            with pytest.raises(httpx.ProxyError):
                await client.get("https://api.example/")
    assert {line for line in seen if "plane" in line} == {"CONNECT plane.example:443 HTTP/1.1"}
    assert "CONNECT api.example:443 HTTP/1.1" in seen
