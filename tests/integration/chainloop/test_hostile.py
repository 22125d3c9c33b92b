"""A control plane that names the wrong places, or speaks to the screen."""

import contextlib
import socket
from collections.abc import Iterator

import httpx
import pytest

from app.adapters.chainloop.client import ChainloopClients
from app.adapters.chainloop.sign_out import log_out
from app.domain.errors import Failed, LoginFailed, LoopinError, SessionEnded, TLSFailed, Unreachable
from app.domain.login import EndedThere, Step
from app.domain.secret import Secret
from app.proto.controlplane.v1 import status_pb2
from app.services.login.browser import BrowserOptions
from app.services.login.chainloop_browser import page_url
from tests.integration.chainloop.test_login import error_of, run
from tests.support.callbacks import ForbiddenBrowser
from tests.support.chainloop import ContainerFactory, credential_at, endpoint_of
from tests.support.login_steps import browser_steps
from tests.support.peers import certificate, closed_port, grpc_peer, tcp_peer

TOKEN = Secret("sample-session-not-real")
WRONG_PAGES = [
    "",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http://[x",
    "https://",
    "mailto:a@b",
    "//host/x",
]


def info(login_url: str) -> bytes:
    return status_pb2.InfozResponse(login_url=login_url, capabilities=["sign_out"]).SerializeToString()


@pytest.mark.parametrize("page", WRONG_PAGES)
async def test_only_a_web_page_is_ever_opened(container_for: ContainerFactory, page: str) -> None:
    with grpc_peer(lambda path, context: info(page)) as (address, _):
        container = container_for(address, browser=ForbiddenBrowser())
        steps = await run(browser_steps(container.chainloop_browser_sign_in(), BrowserOptions()))
    assert isinstance(error_of(steps), LoginFailed)
    assert steps[-1].step is Step.SERVER


@pytest.mark.parametrize("page", WRONG_PAGES)
async def test_a_session_is_not_sent_to_a_place_that_is_none(gateways: ChainloopClients, page: str) -> None:
    with grpc_peer(lambda path, context: info(page)) as (address, _):
        credential = credential_at(address, TOKEN.reveal())
        with pytest.raises(Failed):
            await gateways.open(credential.endpoint, credential).sign_out()


async def test_a_session_never_leaves_this_machine_in_plain_text() -> None:
    with pytest.raises(Failed, match="without encryption"):
        await log_out("http://server.example/auth/logout", TOKEN, endpoint_of("a:1"), everywhere=False)


@contextlib.contextmanager
def http_peer(status: str, seen: list[bytes] | None = None, body: bytes = b"") -> Iterator[str]:
    """Answers every request with one status and body."""

    def behave(connection: socket.socket) -> None:
        data = b""
        while not data.endswith(b"}"):
            data += connection.recv(4000)
        if seen is not None:
            seen.append(data)
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with contextlib.suppress(OSError):
            connection.sendall(head.encode() + body)
        connection.close()

    with tcp_peer(behave) as address:
        yield f"http://{address}/auth/logout"


@pytest.mark.parametrize(("status", "ended"), [("204 No Content", True), ("404 Not Found", False)])
async def test_what_the_answer_to_a_sign_out_means(status: str, ended: bool) -> None:
    seen: list[bytes] = []
    with http_peer(status, seen) as address:
        told = await log_out(address, TOKEN, endpoint_of("a:1"), everywhere=True)
    assert told == (EndedThere() if ended else None)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert f"authorization: bearer {TOKEN.reveal()}".encode() in head.lower()
    assert body.replace(b" ", b"") == b'{"everywhere":true}'


async def test_a_session_that_is_over_is_ended_and_ends_no_other() -> None:
    with http_peer("401 Unauthorized") as address:
        assert await log_out(address, TOKEN, endpoint_of("a:1"), everywhere=False) == EndedThere()
        with pytest.raises(SessionEnded):
            await log_out(address, TOKEN, endpoint_of("a:1"), everywhere=True)


@pytest.mark.parametrize(
    ("body", "sessions", "programs"),
    [
        (b'{"sessions": 3, "programs": 2}', 3, 2),
        (b'{"sessions": 0, "programs": "\\u001b[1m", "more": 1}', 0, None),
        (b'{"sessions": true, "programs": -1}', None, None),
        (b'{"sessions": 1e9, "programs": 99999999999}', None, None),
        (b"[3, 2]", None, None),
        (b"\xff{", None, None),
        (b"[" * 4000, None, None),
        (b'{"sessions": 3, "programs": 2}' + b" " * 5_000_000, None, None),
    ],
)
async def test_how_many_ended_is_believed_in_the_promised_form_only(
    body: bytes, sessions: int | None, programs: int | None
) -> None:
    with http_peer("200 OK", body=body) as address:
        told = await log_out(address, TOKEN, endpoint_of("a:1"), everywhere=True)
    assert told == EndedThere(sessions, programs)


@pytest.mark.parametrize("status", ["500 Internal Server Error", "302 Found"])
async def test_any_other_answer_is_a_failure_without_the_token(status: str) -> None:
    with http_peer(status) as address, pytest.raises(Failed, match=status[:3]) as caught:
        await log_out(address, TOKEN, endpoint_of("a:1"), everywhere=False)
    assert TOKEN.reveal() not in str(caught.value)


async def test_nobody_answering_a_sign_out_is_unreachable() -> None:
    address = f"http://{closed_port()}/auth/logout"
    with pytest.raises(Unreachable):
        await log_out(address, TOKEN, endpoint_of("a:1"), everywhere=False)


async def test_a_sign_out_goes_to_nobody_whom_we_may_not_trust(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    server = certificate().context(tmp_path_factory.mktemp("tls"))

    def behave(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), server.wrap_socket(connection, server_side=True) as secure:
            raise AssertionError(f"it was told: {secure.recv(100)!r}")

    with tcp_peer(behave) as address, pytest.raises(TLSFailed):
        await log_out(f"https://{address}/auth/logout", TOKEN, endpoint_of("a:1"), everywhere=False)


def test_the_pages_own_query_is_kept() -> None:
    url = httpx.URL(page_url("https://cp.example/auth/login?connection=x", "http://127.0.0.1:1/cb?state=s"))
    assert dict(url.params) == {
        "connection": "x",
        "callback": "http://127.0.0.1:1/cb?state=s",
        "long-lived": "true",
    }


async def test_an_error_of_the_tree_is_all_that_comes_out(gateways: ChainloopClients) -> None:
    with grpc_peer(lambda path, context: b"\x00" * 50) as (address, _), pytest.raises(LoopinError):
        await gateways.open(endpoint_of(address), None).current()
