"""Requests that two readers could understand differently, that never end, or that are too large."""

import re
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.server.request_headers import counted_network
from app.server.web.asgi import MAX_BODY, MAX_FIELDS, MAX_LINE
from app.server.web.server import MAX_CONNECTIONS, MAX_HEADER
from tests.attack.conftest import SECRETS
from tests.attack.wire import PATIENCE, SETTINGS, begin, connect, frame, rest, say, status
from tests.support.server import AccountServer, ServerFactory, csrf_of, own_address

pytestmark = pytest.mark.slow

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\nHost: x\r\nConnection: close\r\n"
POST = b"POST /oauth/revoke HTTP/1.1\r\n" + FORM
NEXT = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "

APPLICATION, SERVER = "app.server.web.asgi", "app.server.web.server"
# Far longer than anybody here waits: whoever held a worker would hold it to the end.
LONG = 20 * PATIENCE
SILENCE_IS_FINE = dict.fromkeys((f"{APPLICATION}.ARRIVAL", f"{SERVER}.HEAD", f"{SERVER}.IDLE"), LONG)

LONG_LINE = b"GET /" + b"a" * MAX_LINE + b" HTTP/1.1\r\nHost: x\r\n\r\n"

ODD = {
    "rfc9112_2_2 a bare carriage return": (GET + b"X: a\rb\r\n\r\n", 400),
    "rfc9110_5_5 a NUL": (GET + b"X: a\x00b\r\n\r\n", 400),
    "rfc9112_3_2_1 another host in the target": (b"GET http://evil.example/healthz HTTP/1.1\r\n\r\n", 400),
    "rfc9112_3_2_1 two slashes": (b"GET //evil.example/healthz HTTP/1.1\r\n\r\n", 400),
    "rfc9112_3_2_1 a target no parser reads": (b"GET //[ HTTP/1.1\r\n\r\n", 400),
    "rfc9112_3_2_1 bytes beyond ASCII": (b"GET /\xff\xfe HTTP/1.1\r\n\r\n", 400),
    "rfc9112_3_2_3 a tunnel": (b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n", 400),
    "rfc9112_3_2 two hosts": (GET + b"Host: y\r\n\r\n", 400),
    "rfc6750_3_1 two credentials": (GET + b"Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n", 400),
    "rfc9112_5_1 white space before the colon": (GET + b"X : a\r\n\r\n", 400),
    "rfc9112_5_2 a fold before any field": (b"GET / HTTP/1.1\r\n a: b\r\n\r\n", 400),
    "rfc9112_6_1 length and coding": (
        POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "rfc9112_6_1 a coding": (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "rfc9112_6_1 a hidden coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
    "rfc9112_6_3 two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\na=b", 400),
    "rfc9112_6_3 a list of lengths": (POST + b"Content-Length: 3, 4\r\n\r\na=b", 400),
    "rfc9112_6_3 a length with a sign": (POST + b"Content-Length: +3\r\n\r\na=b", 400),
    "rfc9112_6_3 a negative length": (POST + b"Content-Length: -1\r\n\r\n", 400),
    "rfc9112_6_3 a length only Python reads": (POST + b"Content-Length: 1_0\r\n\r\n", 400),
    "rfc9112_2_3 another version": (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
    "rfc9112_3 no request at all": (b"\x16\x03\x01\x02\x00\x01\n\n", 400),
    "rfc9110_15_5_14 a body that is too large": (
        POST + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1) + b"a" * (MAX_BODY + 1),
        413,
    ),
    "rfc9110_15_5_15 an address that is too long": (LONG_LINE, 414),
    "rfc9110_15_5_15 an address without end": (b"GET /" + b"a" * 1_000_000, 431),
    "rfc6585_5 fields that are too long": (GET + b"X: " + b"a" * MAX_HEADER + b"\r\n\r\n", 431),
    "rfc6585_5 too many fields": (GET + b"X: a\r\n" * (MAX_FIELDS + 1) + b"\r\n", 431),
}


@pytest.mark.parametrize("name", ODD)
def test_rfc9112_a_request_that_could_be_read_in_two_ways_is_refused(
    target: AccountServer, name: str
) -> None:
    """What follows such a request on the connection is never taken for another request."""
    data, wanted = ODD[name]
    # The server ends the connection itself.
    answer = say(target.http, data.replace(b"Connection: close\r\n", b"") + NEXT)
    assert status(answer) == wanted, answer[:200]
    assert len(statuses(answer)) == 1


REPAIRED = {
    "rfc9112_2_2 a bare line end": b"GET /livez HTTP/1.1\nHost: x\n\n",
    "rfc9112_5_2 a folded field": b"GET /livez HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
    "rfc9110_8_6 the same length twice": b"GET /livez HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 3\r\nContent-Length: 3\r\n\r\na=b",
    "rfc9110_8_6 the same length in a list": b"GET /livez HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 3, 3\r\n\r\na=b",
}


@pytest.mark.parametrize("name", REPAIRED)
def test_rfc9112_what_a_server_may_repair_has_one_meaning(target: AccountServer, name: str) -> None:
    """h11 takes what these sections let a server take; the next request begins where it should."""
    answer = say(target.http, REPAIRED[name] + GET + b"\r\n")
    assert statuses(answer) == [200, 200]


def test_rfc9112_9_3_2_requests_one_behind_the_other_are_answered_in_turn(target: AccountServer) -> None:
    answer = say(target.http, GET.replace(b"Connection: close\r\n", b"") + b"\r\n" + GET + b"\r\n")
    assert statuses(answer) == [200, 200]


def test_rfc9112_11_2_what_is_left_of_a_body_is_no_request(target: AccountServer) -> None:
    """The address takes no body; the bytes of one must not become the next request on the connection."""
    hidden = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /no-such-page HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(hidden)
    answer = say(target.http, head + hidden + GET + b"\r\n")
    assert statuses(answer)[1:] == [200]
    assert b"loopin_sweep" not in answer


def test_rfc9110_10_1_1_a_client_that_asks_for_leave_gets_it_at_once(target: AccountServer) -> None:
    with connect(target.http) as made:
        made.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 30\r\n\r\n")
        assert status(made.recv(1000)) == 100
        made.sendall(b"client_id=gumloop_cli&token=xy")
        assert status(rest(made)) == 200


def test_rfc9700_4_13_only_the_proxys_own_header_counts(target: AccountServer) -> None:
    """With an underscore it would have the same name in WSGI, and the client could be anybody."""
    account, of_proxy, of_client = f"{uuid4().hex}@acme.example", own_address(), own_address()
    with httpx.Client(base_url=target.http, trust_env=False) as browser:
        page = browser.get("/account/sign-in")
        form = {"csrf_token": csrf_of(page.text), "email": account, "password": "wrong"}
        sent = [("X-Forwarded-For", of_proxy), ("X_Forwarded_For", of_client)]
        assert browser.post("/account/sign-in", data=form, headers=sent).status_code == 401
    connection = target.database()
    seen = {row[0] for row in connection.execute("SELECT address FROM login_attempts").fetchall()}
    connection.close()
    assert counted_network(of_proxy) in seen
    assert counted_network(of_client) not in seen


def test_rfc9110_5_3_every_proxy_may_add_a_line_of_its_own(target: AccountServer) -> None:
    account, client = f"{uuid4().hex}@acme.example", own_address()
    with httpx.Client(base_url=target.http, trust_env=False) as browser:
        page = browser.get("/account/sign-in")
        form = {"csrf_token": csrf_of(page.text), "email": account, "password": "wrong"}
        sent = [("X-Forwarded-For", f"[{client}]:51000"), ("X-Forwarded-For", "127.0.0.9:443")]
        assert browser.post("/account/sign-in", data=form, headers=sent).status_code == 401
    connection = target.database()
    seen = {row[0] for row in connection.execute("SELECT address FROM login_attempts").fetchall()}
    connection.close()
    assert counted_network(client) in seen
    assert "127.0.0.9" not in seen


def test_rfc9700_4_11_a_path_with_two_slashes_leads_to_no_other_host(target: AccountServer) -> None:
    rest_of_it = b" HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    for path in (
        b"/auth//login",
        b"/account//keys",
        b"/oauth/authorize//",
        b"/.//x.example",
        b"//x.example",
    ):
        answer = say(target.http, b"GET " + path + rest_of_it)
        assert status(answer) in {400, 404}, answer[:200]
        assert b"location:" not in answer.lower()


def test_rfc4732_fifty_half_sent_requests_delay_nobody(own_target: ServerFactory) -> None:
    """Sixteen of them held every worker before; now they cost none."""
    server = own_target(constants=SILENCE_IS_FINE)
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(server.http)) for _ in range(50)]
        for made in slow:
            made.sendall(HALF)
        body = [stack.enter_context(connect(server.http)) for _ in range(20)]
        for made in body:
            made.sendall(POST + b"Content-Length: 1000\r\n\r\ntoken=")
        is_answered(server)


def test_rfc4732_a_request_that_drips_is_given_up(own_target: ServerFactory) -> None:
    """A byte now and then does not buy more time: the clock counts from the first."""
    server = own_target(constants={f"{APPLICATION}.ARRIVAL": 0.5, f"{SERVER}.HEAD": 0.5})
    assert drip(server, HALF) == b""
    assert status(drip(server, POST + b"Content-Length: 30000\r\n\r\ntoken=")) == 408


def drip(server: AccountServer, data: bytes) -> bytes:
    """What is answered to a client that sends a byte now and then."""
    with connect(server.http) as made:
        made.sendall(data)
        made.settimeout(0.1)
        for _ in range(600):
            try:
                return made.recv(1000)
            except ConnectionError:
                return b""
            except TimeoutError:
                with suppress(ConnectionError):
                    made.sendall(b"a")
    raise AssertionError("it was never given up")


def test_rfc4732_more_connections_than_there_is_room_for_shut_nobody_out(own_target: ServerFactory) -> None:
    """The oldest silent one goes when a new one comes."""
    server = own_target(constants=SILENCE_IS_FINE)
    with ExitStack() as stack:
        first = stack.enter_context(connect(server.http))
        for _ in range(MAX_CONNECTIONS + 20):
            stack.enter_context(connect(server.http))
        is_answered(server)
        # Long before its time as a silent one is over.
        assert first.recv(1) == b""


def test_rfc4732_a_client_that_does_not_read_holds_no_worker(own_target: ServerFactory) -> None:
    """Its answers fill its own buffer, then it is let go; forty of them are more than there are workers."""
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 60
    server = own_target(constants={f"{SERVER}.IDLE": LONG, f"{SERVER}.HEAD": LONG})
    is_answered(server)
    before = sockets_of(server)
    with ExitStack() as stack:
        for _ in range(40):
            made = socket.socket()
            stack.enter_context(made)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            host, _, port = server.http.removeprefix("http://").rpartition(":")
            made.connect((host, int(port)))
            made.sendall(asked)
        while server.errors.count('http.arrived path="/openapi.json"') < 40 or sockets_of(server) > before:
            is_answered(server)


H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HTTP2 = {
    "rfc9113_3_3 and says nothing more": PREFACE,
    "rfc9113_3_3 and asks": PREFACE + frame(SETTINGS, 0, 0) + begin(1, "/livez"),
    "rfc7540_3_2 by an upgrade": b"GET /livez HTTP/1.1\r\nHost: x\r\n" + H2C,
    "rfc7540_3_2 by an upgrade that makes no sense": b"GET /livez HTTP/1.1\r\nHost: x\r\n"
    + H2C.replace(b"AAMAAABkAAQAAP__", b"!!!"),
}


@pytest.mark.parametrize("name", HTTP2)
def test_rfc9113_who_speaks_http2_is_let_go_and_leaves_nothing_behind(
    own_target: ServerFactory, name: str
) -> None:
    """hypercorn begins with HTTP/2, and has no setting against it."""
    server = own_target(constants={f"{SERVER}.IDLE": 0.3})
    answer = say(server.http, HTTP2[name])
    assert b"status" not in answer
    assert [found for found in statuses(answer) if found != 101] == []
    # It would wait for whatever still hangs on the connection.
    assert server.stop() == 0


@pytest.mark.parametrize("more", [b"", NEXT, b"\x81\x80\0\0\0\0" * 100])
def test_rfc6455_4_2_2_there_are_no_websockets(own_target: ServerFactory, more: bytes) -> None:
    server = own_target(constants={f"{SERVER}.IDLE": 0.3})
    fields = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    answer = say(server.http, b"GET /livez HTTP/1.1\r\nHost: x\r\n" + fields + key + more)
    assert statuses(answer) in ([403], [400])
    assert server.stop() == 0


def test_rfc4732_who_is_refused_and_sends_on_leaves_nothing_behind(own_target: ServerFactory) -> None:
    """hypercorn keeps ten pieces of a body for whoever reads them, and would wait for ever for a reader."""
    server = own_target()
    # More than sixteen pieces, as it reads 64 KiB at most.
    answer = say(server.http, POST + b"Content-Length: 3000000\r\n\r\n" + b"a" * 3_000_000)
    assert statuses(answer) == [413]
    assert server.stop() == 0


def test_rfc9112_9_6_connections_that_clients_close_are_not_kept(own_target: ServerFactory) -> None:
    """hypercorn would keep each of them until the time for a request is over."""
    server = own_target(constants=SILENCE_IS_FINE)
    is_answered(server)
    before = sockets_of(server)
    for _ in range(50):
        with connect(server.http) as made:
            made.sendall(HALF)
    while sockets_of(server) > before:
        is_answered(server)


BOMB = b"[" * 30_000


@pytest.mark.parametrize("path", ["/auth/logout", *SECRETS])
def test_rfc8259_9_json_that_is_nested_without_end_is_refused(
    target: AccountServer, bearer: str, path: str
) -> None:
    secret = SECRETS.get(path, bearer)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    for body in (BOMB, b'{"a":' * 10_000, b'{"everywhere": ' + b"9" * 20_000 + b"}"):
        answer = httpx.post(f"{target.http}{path}", content=body, headers=headers, trust_env=False)
        assert answer.status_code == 400, answer.text


def test_rfc6749_3_2_ten_thousand_parameters_are_refused_in_time(target: AccountServer) -> None:
    many = "&".join(f"a{number}=" for number in range(8000))
    with httpx.Client(base_url=target.http, trust_env=False, timeout=PATIENCE) as client:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert client.post("/oauth/token", content=many, headers=kind).status_code in {400, 413}
        assert client.get(f"/oauth/authorize?{many[:15_000]}").status_code == 400


def is_answered(server: AccountServer) -> None:
    """Somebody new is, while others do as they like."""
    with httpx.Client(base_url=server.http, trust_env=False, timeout=PATIENCE) as client:
        assert client.get("/healthz").status_code == 200


def statuses(answer: bytes) -> list[int]:
    """Those of all responses."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+)", answer)]


def sockets_of(server: AccountServer) -> int:
    """How many the process has open."""
    count = 0
    for place in Path(f"/proc/{server.pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            count += place.readlink().name.startswith("socket:")
    return count
