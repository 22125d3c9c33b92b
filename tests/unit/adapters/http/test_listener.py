"""The loopback listener, over raw sockets: everything that may come to such a port."""

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from app.adapters.http.callback_server import LoopbackListener, LoopbackListeners
from app.domain.errors import PortBusy
from app.domain.login import BrowserPage

PATH = "/auth/callback"
GOOD = BrowserPage(True, "You are signed in", "You can close this window.")


@pytest.fixture
async def listeners() -> AsyncIterator[LoopbackListeners]:
    made = LoopbackListeners(linger=0.5)
    yield made
    await made.aclose()


@pytest.fixture
async def listener() -> AsyncIterator[LoopbackListener]:
    hasty = LoopbackListeners(linger=0.01)
    async with await hasty.listen(0, PATH) as listening:
        yield listening
    await hasty.aclose()


def port_of(listener: LoopbackListener) -> int:
    return int(listener.address.split(":")[2].split("/")[0])


async def send(listener: LoopbackListener, raw: bytes) -> bytes:
    """One connection, one request, the whole answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(listener))
    try:
        writer.write(raw)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


def request(target: str, method: str = "GET", host: str = "127.0.0.1", more: str = "") -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


def location(answer: bytes) -> str:
    found = re.search(rb"Location: (\S+)", answer)
    assert found
    return found[1].decode()


async def deliver(listener: LoopbackListener, query: str, page: BrowserPage = GOOD) -> bytes:
    """Send a callback, answer it with `page`, return what the browser got."""
    sending = asyncio.create_task(send(listener, request(f"{PATH}?{query}")))
    callback = await listener.next()
    assert dict(parse_qsl(query)) == callback.params
    await callback.answer(page)
    return await sending


async def test_a_callback_arrives_with_its_parameters(listener: LoopbackListener) -> None:
    sending = asyncio.create_task(send(listener, request(f"{PATH}?state=s%20s&t=a&t=b&empty=")))
    callback = await listener.next()
    assert callback.params == {"state": "s s", "t": "a", "empty": ""}
    assert "s s" not in repr(callback)
    await callback.answer(GOOD)
    assert status(await sending) == 303


async def test_the_page_is_shown_at_an_address_without_the_query(listener: LoopbackListener) -> None:
    answer = await deliver(listener, "state=x&t=jwt-not-real")
    assert location(answer) == "/done"
    assert b"jwt-not-real" not in answer
    page = await send(listener, request("/done"))
    assert status(page) == 200
    assert b"You are signed in" in page


async def test_the_page_loads_nothing_runs_nothing_and_is_kept_nowhere(listener: LoopbackListener) -> None:
    await deliver(listener, "state=x")
    head, _, body = (await send(listener, request("/done"))).decode().partition("\r\n\r\n")
    assert "Content-Security-Policy: default-src 'none'; style-src 'nonce-" in head
    assert "Cache-Control: no-store" in head
    assert "Referrer-Policy: no-referrer" in head
    assert "X-Frame-Options: DENY" in head
    assert not re.search(r"https?://|<script|src=|url\(|@import", body)
    nonce = re.search(r"'nonce-([^']+)'", head)
    assert nonce
    assert f'nonce="{nonce[1]}"' in body


async def test_hostile_words_on_a_page_stay_words(listener: LoopbackListener) -> None:
    hostile = BrowserPage(False, "<script>alert(1)</script>", 'x"><img src=x>\x1b[2J\u202e{nonce}')
    await deliver(listener, "state=x", hostile)
    body = (await send(listener, request("/done"))).decode()
    assert "<script>" not in body
    assert "<img" not in body
    assert "\x1b" not in body
    assert "\u202e" not in body
    assert "{nonce}" in body


async def test_each_answer_keeps_its_own_page(listener: LoopbackListener) -> None:
    refused = await deliver(listener, "state=wrong", BrowserPage(False, "Refused", "Not this one."))
    accepted = await deliver(listener, "state=right")
    assert b"Refused" in await send(listener, request(location(refused)))
    assert b"You are signed in" in await send(listener, request(location(accepted)))


async def arrive(listener: LoopbackListener, query: str) -> "asyncio.Task[bytes]":
    """Send a callback and return when the listener has read it: it has answered what came after it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(listener))
    writer.write(request(f"{PATH}?{query}"))
    await writer.drain()
    for _ in range(3):
        await send(listener, request(PATH, "HEAD"))

    async def read() -> bytes:
        try:
            async with asyncio.timeout(60):
                return await reader.read()
        finally:
            writer.close()

    return asyncio.create_task(read())


async def test_a_duplicate_gets_the_page_of_the_first_and_is_not_a_second_answer(
    listener: LoopbackListener,
) -> None:
    first = await arrive(listener, "state=x&code=c")
    second = await arrive(listener, "code=c&state=x")
    await (await listener.next()).answer(BrowserPage(False, "Refused", "Not this one."))
    assert location(await first) == location(await second) == "/done"
    assert status(await deliver(listener, "state=y")) == 303


@pytest.mark.parametrize(
    ("query", "title"),
    [("state=x", b"You are signed in"), ("state=y", b"This sign-in is over"), ("", b"over")],
)
async def test_a_late_request_is_answered_while_the_listener_lingers(
    listeners: LoopbackListeners, query: str, title: bytes
) -> None:
    async with await listeners.listen(0, PATH) as listening:
        await deliver(listening, "state=x")
    late = await send(listening, request(f"{PATH}?{query}"))
    assert status(late) == 303
    assert title in await send(listening, request(location(late)))


@pytest.mark.parametrize("error", [None, RuntimeError("failed"), asyncio.CancelledError()])
async def test_whoever_waits_when_a_sign_in_ends_is_told(
    listeners: LoopbackListeners, error: BaseException | None
) -> None:
    """Also after a pasted answer, a failure and a cancellation, when nobody answered a callback."""
    with contextlib.suppress(RuntimeError, asyncio.CancelledError):
        async with await listeners.listen(0, PATH) as listening:
            waiting = await arrive(listening, "state=x")
            if error is not None:
                raise error
    answer = await waiting
    page = answer if status(answer) == 200 else await send(listening, request(location(answer)))
    assert b"This sign-in is over" in page
    await listeners.aclose()


async def test_every_tab_that_was_sent_to_the_last_page_may_fetch_it(listeners: LoopbackListeners) -> None:
    async with await listeners.listen(0, PATH) as listening:
        tabs = [await arrive(listening, "state=x") for _ in range(2)]
        await (await listening.next()).answer(GOOD)
        places = [location(await tab) for tab in tabs]
    for place in places:
        assert b"You are signed in" in await send(listening, request(place))


PREFETCHES = [
    "Sec-Purpose: prefetch\r\n",
    "Sec-Purpose: prefetch;prerender\r\n",
    "sec-purpose:prefetch;anonymous-client-ip\r\n",
    "Purpose: prefetch\r\n",
    "X-Purpose: preview\r\n",
    "X-Moz: prefetch\r\n",
]


@pytest.mark.parametrize("header", PREFETCHES)
async def test_a_prefetch_is_neither_an_answer_nor_a_look_at_the_last_page(
    listeners: LoopbackListeners, header: str
) -> None:
    async with await listeners.listen(0, PATH) as listening:
        assert status(await send(listening, request(f"{PATH}?state=x", more=header))) == 503
        answer = await deliver(listening, "state=x")
    assert b"You are signed in" in await send(listening, request(location(answer), more=header))
    assert status(await send(listening, request(location(answer), "HEAD"))) == 200
    assert b"You are signed in" in await send(listening, request(location(answer)))


async def test_a_look_at_an_earlier_page_does_not_count_for_the_last_one(
    listeners: LoopbackListeners,
) -> None:
    async with await listeners.listen(0, PATH) as listening:
        refused = await deliver(listening, "state=wrong", BrowserPage(False, "Refused", "Not this one."))
        accepted = await deliver(listening, "state=right")
    assert b"Refused" in await send(listening, request(location(refused)))
    assert b"You are signed in" in await send(listening, request(location(accepted)))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (request("/favicon.ico"), 404),
        (request("/"), 404),
        (request("/done"), 404),
        (request(f"{PATH}/more?t=x"), 404),
        (request(f"/{PATH}x?t=x"), 404),
        (request(f"{PATH}?t=x", "POST"), 405),
        (request(f"{PATH}?t=x", "OPTIONS"), 405),
        (request(f"{PATH}?t=x", "HEAD"), 200),
        (request(f"{PATH}?t=x", host="evil.example"), 403),
        (request(f"{PATH}?t=x", host="127.0.0.1.evil.example:80"), 403),
        # RFC 9112 §3.2.
        (b"GET /auth/callback?t=x HTTP/1.1\r\n\r\n", 400),
        (b"GET /auth/callback?t=x HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        (b"GET /auth/callback?t=x HTTP/1.0\r\n\r\n", 403),
        (request(f"{PATH}?t=x", more="Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        (request(f"{PATH}?t=x", more="Transfer-Encoding: chunked, gzip\r\n"), 501),
        (b"GET http://127.0.0.1/auth/callback?t=x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"GET /x HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (request(PATH + "?" + "&".join(f"p{n}=1" for n in range(80))), 400),
        (b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 431),
        (request("/", more="X: " + "y" * 20000 + "\r\n"), 431),
    ],
)
async def test_a_stray_request_is_answered_and_never_reaches_the_sign_in(
    listener: LoopbackListener, raw: bytes, expected: int
) -> None:
    assert status(await send(listener, raw)) == expected
    assert status(await deliver(listener, "state=x")) == 303


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1234", "localhost:99", "LOCALHOST", "[::1]:80"])
async def test_any_loopback_name_is_taken(listener: LoopbackListener, host: str) -> None:
    sending = asyncio.create_task(send(listener, request(f"{PATH}?t=x", host=host)))
    await (await listener.next()).answer(GOOD)
    assert status(await sending) == 303


async def test_an_answer_to_head_has_no_body(listener: LoopbackListener) -> None:
    assert (await send(listener, request(PATH, "HEAD"))).endswith(b"\r\n\r\n")


async def test_idle_and_half_open_connections_hold_up_nobody(listener: LoopbackListener) -> None:
    idle = [await asyncio.open_connection("127.0.0.1", port_of(listener)) for _ in range(30)]
    idle[0][1].write(b"GET /auth/call")
    assert status(await deliver(listener, "state=x")) == 303
    for _, writer in idle:
        writer.close()


async def test_a_reset_connection_is_harmless(listener: LoopbackListener) -> None:
    for raw in (b"", b"GET /auth/ca", request(f"{PATH}?t=reset")):
        sock = socket.create_connection(("127.0.0.1", port_of(listener)))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(raw)
        await asyncio.sleep(0)
        if b"reset" in raw:
            gone = await listener.next()
            sock.close()
            await gone.answer(BrowserPage(False, "Refused", "Not this one."))
        else:
            sock.close()
    assert status(await deliver(listener, "state=x")) == 303


async def test_whoever_resets_before_a_refusal_arrives_is_no_error(listener: LoopbackListener) -> None:
    problems: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
    for _ in range(20):
        sock = socket.create_connection(("127.0.0.1", port_of(listener)))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(b"nonsense\r\n\r\n")
        sock.close()
    assert status(await deliver(listener, "state=x")) == 303
    assert problems == []


async def test_leaving_by_cancel_frees_the_port_at_once(listeners: LoopbackListeners) -> None:
    async def sign_in(port: "asyncio.Future[int]") -> None:
        async with await listeners.listen(0, PATH) as listening:
            port.set_result(port_of(listening))
            await (await listening.next()).answer(BrowserPage(False, "Refused", "Not this one."))
            await asyncio.Event().wait()

    known: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(sign_in(known))
    port = await known
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request(f"{PATH}?t=x"))
    assert status(await reader.read()) == 303
    writer.close()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with await listeners.listen(port, PATH):
        pass


async def test_without_an_answer_the_port_is_free_at_once(listeners: LoopbackListeners) -> None:
    async with await listeners.listen(0, PATH) as listening:
        port = port_of(listening)
        idle = await asyncio.open_connection("127.0.0.1", port)
    async with await listeners.listen(port, PATH):
        pass
    idle[1].close()


async def test_after_an_answer_the_page_can_still_be_fetched(listeners: LoopbackListeners) -> None:
    async with await listeners.listen(0, PATH) as listening:
        answer = await deliver(listening, "state=x")
    assert b"You are signed in" in await send(listening, request(location(answer)))
    await listeners.aclose()
    with pytest.raises(OSError, match=r"."):
        await send(listening, request("/done"))


async def test_an_answer_given_on_the_way_out_still_arrives(listeners: LoopbackListeners) -> None:
    async with await listeners.listen(0, PATH) as listening:
        sending = asyncio.create_task(send(listening, request(f"{PATH}?state=x")))
        await (await listening.next()).answer(GOOD)
    answer = await sending
    assert status(answer) == 303
    assert b"You are signed in" in await send(listening, request(location(answer)))


async def test_a_page_that_nobody_fetches_is_waited_for_a_moment_only(listeners: LoopbackListeners) -> None:
    began = time.monotonic()
    async with await listeners.listen(0, PATH) as listening:
        await deliver(listening, "state=x")
        port = port_of(listening)
    await listeners.aclose()
    assert time.monotonic() - began < 60
    async with await listeners.listen(port, PATH):
        pass


async def test_a_taken_port_names_who_holds_it(listeners: LoopbackListeners) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortBusy) as caught:
            await listeners.listen(port, PATH)
    assert caught.value.port == port
    assert re.fullmatch(r".+ \(process \d+\)", caught.value.holder)
    assert caught.value.holder in caught.value.message


async def test_a_port_that_is_none_is_refused(listeners: LoopbackListeners) -> None:
    with pytest.raises(PortBusy, match="70000 is not a port"):
        await listeners.listen(70000, PATH)


async def test_only_this_machine_can_connect(listener: LoopbackListener) -> None:
    assert listener.address.startswith("http://127.0.0.1:")
    table = (await asyncio.to_thread(Path("/proc/net/tcp").read_text)).splitlines()
    mine = {line.split()[1] for line in table if f":{port_of(listener):04X}" in line.split()[1]}
    assert {address.split(":")[0] for address in mine} == {"0100007F"}
