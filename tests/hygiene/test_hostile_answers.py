"""Servers and keychains that want to fill the memory, hold us up, or send a credential elsewhere."""

import asyncio
import gzip
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

import pytest

from app.adapters.chainloop import sign_out as sign_out_call
from app.adapters.chainloop.client import ChainloopClients
from app.adapters.gumloop.client import GumloopClients
from app.adapters.gumloop.oauth import AuthlibGumloopOAuth
from app.adapters.keychain.memory import MemoryVault
from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.errors import BadReply, Failed, LoopinError, ReplyTooLarge, Unreachable
from app.domain.gumloop import IssuerFacts, endpoint_of
from app.domain.login import EndedThere
from app.domain.secret import Secret
from app.domain.tokens import StatusFilter
from app.services.stored_logins import CHAINLOOP_SERVICE, ChainloopVault, GumloopVault
from app.services.stored_logins import GUMLOOP_SERVICE as GUMLOOP_SERVICE
from tests.support.chainloop import credential_at
from tests.support.peers import grpc_peer, tcp_peer

pytestmark = pytest.mark.slow

TOKEN = Secret("sample-token-not-real")
TIMEOUT = 2.0
# Where the answer never comes in time, however fast the machine is.
SHORT, PATIENCE = 0.3, 60
Sent = list[bytes]


def _head(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def answering(
    answer: bytes, seen: Sent | None = None, stays: bool = False
) -> Callable[[socket.socket], None]:
    """Read a request, send `answer`, and close, or with `stays` wait until the other side does."""

    def behave(connection: socket.socket) -> None:
        data = connection.recv(65536)
        if seen is not None:
            seen.append(data)
        connection.sendall(answer)
        if stays:
            connection.recv(1)
        connection.close()

    return behave


def endlessly(head: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send `head`, and then `piece` until the other side has had enough."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return behave


def dripping(head: bytes) -> Callable[[socket.socket], None]:
    """Send `head` a byte at a time, each within every timeout for one byte."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.settimeout(SHORT / 10)
        for byte in head * 1000:
            connection.sendall(bytes([byte]))
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    return behave


async def teams(base: str, within: float = TIMEOUT) -> object:
    endpoint = endpoint_of(base)
    made = GumloopClients(timeout=within, user_agent="test")
    credential = Credential(Provider.GUMLOOP, Method.ACCESS_TOKEN, TOKEN, Source.FLAG, endpoint, "default")
    try:
        return await made.open(credential).teams()
    finally:
        await made.aclose()


async def refresh(base: str, within: float = TIMEOUT) -> object:
    return await AuthlibGumloopOAuth(timeout=within, user_agent="test").refresh(endpoint_of(base), TOKEN)


async def revoke(base: str, within: float = TIMEOUT) -> object:
    await AuthlibGumloopOAuth(timeout=within, user_agent="test").revoke(endpoint_of(base), TOKEN)
    return None


async def sign_out(base: str, within: float = TIMEOUT, everywhere: bool = False) -> object:
    endpoint = Endpoint(Provider.CHAINLOOP, "127.0.0.1:1", True)
    # There is no setting for this.
    with patch.object(sign_out_call, "TIMEOUT", within):
        return await sign_out_call.log_out(base, TOKEN, endpoint, everywhere=everywhere)


CALLS: dict[str, Callable[..., Awaitable[object]]] = {
    "read": teams,
    "refresh": refresh,
    "revoke": revoke,
    "sign out": sign_out,
}


@pytest.mark.parametrize("call", ["read", "refresh", "revoke"])
async def test_an_answer_that_unfolds_is_not_unfolded(call: str) -> None:
    """600 MiB of nothing are half a megabyte of gzip."""
    bomb = gzip.compress(bytes(64 * 1024**2))
    packed = _head("200 OK", "Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb
    with tcp_peer(answering(packed)) as address, pytest.raises(BadReply, match="compresses"):
        await CALLS[call](f"http://{address}/api/v1")


@pytest.mark.parametrize("call", ["read", "refresh", "revoke"])
async def test_an_answer_without_end_is_cut(call: str) -> None:
    head = _head("200 OK", "Content-Type: application/json")
    with tcp_peer(endlessly(head, b"[" * 65536)) as address, pytest.raises(ReplyTooLarge):
        await CALLS[call](f"http://{address}/api/v1")


async def test_of_the_answer_to_a_sign_out_nothing_but_the_status_is_read() -> None:
    with tcp_peer(endlessly(_head("200 OK"), b"x" * 65536)) as address:
        assert await sign_out(f"http://{address}/auth/logout") == EndedThere()


@pytest.mark.parametrize("body", ["endless", "stops", "unfolds"])
async def test_the_counts_of_a_sign_out_everywhere_are_not_waited_for(body: str) -> None:
    """The sessions have ended, whatever the counts are."""
    bomb = gzip.compress(bytes(64 * 1024**2))
    peers = {
        "endless": endlessly(_head("200 OK"), b"x" * 65536),
        "stops": answering(_head("200 OK", "Content-Length: 100000") + b"{", stays=True),
        "unfolds": answering(
            _head("200 OK", "Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb
        ),
    }
    with tcp_peer(peers[body]) as address:
        async with asyncio.timeout(PATIENCE):
            ended = await sign_out(f"http://{address}/auth/logout", SHORT, everywhere=True)
    assert ended == EndedThere()


@pytest.mark.parametrize("call", CALLS)
async def test_an_answer_that_drips_is_given_up(call: str) -> None:
    """Each byte comes in time, and the whole never does."""
    head = b"HTTP/1.1 200 OK\r\n" + b"X-Slow: x\r\n" * 10
    with tcp_peer(dripping(head)) as address:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(Unreachable):
                await CALLS[call](f"http://{address}/api/v1", SHORT)


PLACES = ["file:///etc/passwd", "//{other}/", "http://{other}/api/v1/teams", "http://{other}:0/"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_credential_follows_no_redirect(status: int, place: str) -> None:
    """Wherever it leads, and with whatever method."""
    elsewhere: Sent = []
    with tcp_peer(answering(_head("200 OK"), elsewhere)) as other:
        where = place.format(other=other)
        moved = _head(f"{status} Moved", f"Location: {where}", "Content-Length: 0")
        with tcp_peer(answering(moved)) as address:
            for call in CALLS.values():
                with pytest.raises(LoopinError) as caught:
                    await call(f"http://{address}/api/v1")
                assert isinstance(caught.value, Failed | Unreachable)
    assert elsewhere == []


async def test_who_somebody_is_is_asked_of_nobody_else() -> None:
    """RFC 8414 §2: the userinfo endpoint that a server names gets the access token."""
    elsewhere: Sent = []
    with tcp_peer(answering(_head("200 OK"), elsewhere)) as other:
        facts = json.dumps({"userinfo_endpoint": f"http://{other}/me"}).encode()
        head = _head("200 OK", "Content-Type: application/json", f"Content-Length: {len(facts)}")
        with tcp_peer(answering(head + facts)) as address:
            oauth, endpoint = (
                AuthlibGumloopOAuth(timeout=TIMEOUT, user_agent="test"),
                endpoint_of(f"http://{address}"),
            )
            found = await oauth.discover(endpoint)
            assert found == IssuerFacts()
            assert await oauth.person(endpoint, found, TOKEN) == ""
    assert elsewhere == []


@pytest.mark.parametrize("body", ["[" * 100_000, '{"teams":' * 50_000, "[]" * 50_000, "1e999", "NaN", '"x"'])
async def test_json_that_breaks_a_reader_is_a_bad_reply(body: str) -> None:
    payload = (
        _head("200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}") + body.encode()
    )
    with tcp_peer(answering(payload)) as address, pytest.raises(BadReply):
        await teams(f"http://{address}/api/v1")


async def test_a_list_of_tokens_that_are_none_does_not_fill_the_memory() -> None:
    """Two bytes make an empty token: 32 MiB would be sixteen million of them, and a minute."""
    empty = b"\x0a\x00" * 1_000_000
    gateways = ChainloopClients(max_receive=32 * 1024**2, timeout=60)
    with grpc_peer(lambda path, context: empty) as (address, _):
        credential = credential_at(address, TOKEN.reveal())
        with pytest.raises(BadReply, match="tokens that are none"):
            await gateways.open(credential.endpoint, credential).list_tokens(StatusFilter.ALL)
        await gateways.aclose()


# ── a keychain in which somebody else wrote ──

ENTRIES: list[str] = [
    *("[" * 100_000, "{}", "[]", "null", "1", '"x"', "\x00\x1b[2J", "x" * 100_000, "{" * 50_000),
    json.dumps({"token": "", "endpoint": "a:1", "method": "browser"}),
    json.dumps({"token": "t", "endpoint": "a:1", "method": "sideways"}),
    json.dumps({"token": ["t"], "endpoint": {}, "method": 1}),
    json.dumps({"token": "t", "endpoint": "a:1"}),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: repr(entry[:30]))
async def test_a_chainloop_entry_that_is_none_is_told_without_its_text(entry: str) -> None:
    vault = MemoryVault()
    await vault.write(CHAINLOOP_SERVICE, "default", Secret(entry))
    with pytest.raises(LoopinError) as caught:
        await ChainloopVault(vault).read("default")
    assert "loopin-chainloop/default" in caught.value.message
    assert caught.value.__cause__ is None
    assert len(caught.value.message) < 200


HOSTILE = [
    "\x1b[2J",
    "x\r\nX-Injected: 1",
    "\u202eevil",
    "file:///etc/passwd",
    "http://elsewhere.example",
    " ",
    "x" * 99_999,
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:20]))
@pytest.mark.parametrize("field", ["access_token", "api_key", "user_id", "base_url"])
async def test_a_hostile_field_of_a_gumloop_login_is_sent_nowhere(field: str, value: str) -> None:
    """It may be shown, cleaned; but no header is broken by it, and no other host gets the rest."""
    vault = MemoryVault()
    fields = {"api_key": "gum_not_a_real_key", "user_id": "user_abc", "base_url": "http://127.0.0.1:1/api/v1"}
    for name, text in (fields | {field: value}).items():
        await vault.write(GUMLOOP_SERVICE, f"default:{name}", Secret(text))
    login = (await GumloopVault(vault, endpoint_of("https://gumloop.example")).read("default")).login
    assert login is not None
    credential = Credential(
        Provider.GUMLOOP,
        login.method,
        login.secret,
        Source.KEYCHAIN,
        login.endpoint,
        "default",
        login.user_id,
    )
    made: Any = GumloopClients(timeout=TIMEOUT, user_agent="test")
    try:
        with pytest.raises(LoopinError):
            await made.open(credential).teams()
    finally:
        await made.aclose()
