"""What happens to a request around the Flask application, without a socket."""

import asyncio
import logging
import threading
from collections.abc import Iterable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from app.server import log
from app.server.limits import MAX_OF_ONE, SHARE
from app.server.web import asgi
from app.server.web.asgi import MAX_BODY, MAX_FIELDS, MAX_LINE
from app.server.web.server import MAX_HEADER, Connections
from tests.support.http_application import Headers, HttpApplication, scope_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATIENCE = 30.0


class Program:
    """A WSGI application that keeps what it was called with, and waits until it may answer."""

    def __init__(self) -> None:
        self.calls: list[WSGIEnvironment] = []
        self.requests: list[str] = []
        self.called: SimpleQueue[None] = SimpleQueue()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        self.calls.append(environ)
        self.requests.append(log.current_request())
        self.called.put(None)
        assert self.may_answer.wait(PATIENCE)
        if environ["PATH_INFO"] == "/breaks":
            raise RuntimeError("secret-not-real")
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"a", environ["wsgi.input"].read()]

    async def is_called(self, times: int) -> None:
        """Return when it was called so often more."""
        for _ in range(times):
            await asyncio.to_thread(self.called.get, timeout=PATIENCE)


class Side(HttpApplication):
    """That program as it is served."""

    def __init__(self) -> None:
        self.program = Program()
        super().__init__(self.program)


@pytest.fixture
def side() -> Side:
    return Side()


async def test_the_application_gets_a_whole_request(side: Side) -> None:
    fields = [(b"content-length", b"4"), (b"x-forwarded-for", b"a"), (b"x-forwarded-for", b"b")]
    fields += [(b"x_forwarded_for", b"c"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), (b"content-type", b"t")]
    status, headers, body = await side.ask(b"/a%2Fb%ff?q=1", fields, b"so", b"me")
    assert (status, body) == (200, b"asome")
    (environ,) = side.program.calls
    wanted = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/a/b\xff",
        "QUERY_STRING": "q=1",
        "REMOTE_ADDR": "192.0.2.1",
        "CONTENT_LENGTH": "4",
        "CONTENT_TYPE": "t",
        "HTTP_X_FORWARDED_FOR": "a,b",
        "HTTP_COOKIE": "a=1; b=2",
    }
    assert environ.items() >= wanted.items()
    assert headers[b"x-request-id"].decode() == side.program.requests[0]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (b"http://evil.example/", [], 400),
        (b"//evil.example/", [], 400),
        (b"*", [], 400),
        (b"/", [(b"authorization", b"a"), (b"authorization", b"b")], 400),
        (b"/", [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")], 400),
        (b"/", [(b"transfer-encoding", b"chunked")], 411),
        (b"/", [(b"content-length", b"%d" % (MAX_BODY + 1))], 413),
        (b"/" + b"a" * MAX_LINE, [], 414),
        (b"/", [(b"x", b"a" * MAX_HEADER)], 431),
        (b"/", [(b"x", b"a")] * (MAX_FIELDS + 1), 431),
    ],
)
async def test_what_could_be_read_in_two_ways_reaches_nobody(
    side: Side, path: bytes, headers: Headers, status: int
) -> None:
    answer = await side.ask(path, headers)
    assert (answer[0], answer[1][b"connection"], answer[1][b"x-own"]) == (status, b"close", b"1")
    assert side.program.calls == []


@pytest.mark.parametrize(("path", "level"), [(b"/livez", "DEBUG"), (b"/readyz", "DEBUG"), (b"/page", "INFO")])
async def test_probes_of_health_do_not_fill_the_access_log(
    side: Side, path: bytes, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "loopin.server"):
        await side.ask(path)
    (line,) = [record for record in caplog.records if record.getMessage() == "http.request"]
    assert line.levelname == level


async def test_a_body_is_not_kept_beyond_its_limit(side: Side) -> None:
    status, headers, _ = await side.ask(b"/", [], b"a" * MAX_BODY, b"a")
    assert (status, headers[b"connection"]) == (413, b"close")
    assert side.program.calls == []


async def test_what_the_application_did_not_catch_is_logged_without_its_words(
    side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "loopin.server"):
        status, headers, body = await side.ask(b"/breaks")
    assert status == 500
    assert b"secret-not-real" not in body
    failed, line = caplog.records[-2:]
    assert (failed.getMessage(), line.getMessage()) == ("http.failed", "http.request")
    assert vars(failed)["request"] == vars(line)["request"] == headers[b"x-request-id"].decode()
    assert vars(line)["fields"].items() >= {"path": "/breaks", "status": 500, "client": "192.0.2.1"}.items()


async def test_each_caller_has_its_share_and_waits_for_nobody_else(side: Side) -> None:
    greedy: Headers = [(b"authorization", b"Bearer greedy-not-real")]
    side.program.may_answer.clear()
    path = b"/api/v1/models"
    asked = [asyncio.create_task(side.ask(path, greedy)) for _ in range(MAX_OF_ONE)]
    async with asyncio.timeout(PATIENCE):
        await side.program.is_called(SHARE)
        refused, headers, _ = await side.ask(path, greedy)
        assert (refused, headers[b"retry-after"]) == (429, b"2")
        assert (await side.ask(b"/livez", greedy, method="GET"))[0] == 200
        other = asyncio.create_task(side.ask())
        await side.program.is_called(1)
        side.program.may_answer.set()
        assert {(await task)[0] for task in (*asked, other)} == {200}
        assert (await side.ask(path, greedy))[0] == 200


async def test_a_bearer_that_is_not_asked_for_is_no_share_of_its_own(side: Side) -> None:
    """The sign-in takes none: whoever makes one up for each request is one address all the same."""

    def principal(path: bytes, number: int) -> str:
        return side.app._principal(scope_of(path, [(b"authorization", b"Bearer made-up-%d" % number)]))

    assert principal(b"/account/sign-in", 1) == principal(b"/account/sign-in", 2)
    assert principal(b"/api/v1/models", 1) != principal(b"/api/v1/models", 2)


async def test_a_network_is_one_caller(side: Side) -> None:
    """Without a bearer; of an IPv6 address its owner has the /64 network at least."""
    one, same = (side.app._principal(scope_of(b"/", client=(f"2001:db8::{n}", 1))) for n in (1, 2))
    assert one == same
    assert one != side.app._principal(scope_of(b"/"))


async def test_a_client_that_takes_no_answer_is_given_up(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "WRITE_TIMEOUT", 0.01)
    ended: list[object] = []
    monkeypatch.setattr(Connections, "end", lambda _self, client: ended.append(client))

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Any) -> None:
        await asyncio.Event().wait()

    async with asyncio.timeout(PATIENCE):
        await side.app(scope_of(b"/page"), receive, send)
    assert ended == [("192.0.2.1", 5000)]
