"""gRPC under attack: calls that never come, streams that never end, messages that are bombs."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest

from app.server.rpc.interceptor import MAX_STREAMS
from app.server.rpc.server import _OPTIONS, MAX_CALLS, MAX_METADATA, MAX_REQUEST
from tests.attack.wire import (
    DATA,
    INFOZ,
    PATIENCE,
    RESET,
    SETTINGS,
    begin,
    call,
    connect,
    frame,
    rest,
    speak_http2,
)
from tests.support.server import AccountServer, ServerFactory, sign_in

pytestmark = pytest.mark.slow

CREATE = "/controlplane.v1.APITokenService/Create"
CURRENT = "/controlplane.v1.ContextService/Current"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
CONNECTIONS, STREAMS = 3, 60
FRAME = 16_384
OPTIONS, HANDSHAKE = "app.server.rpc.server._OPTIONS", "grpc.server_handshake_timeout_ms"
AGE, GRACE = "grpc.max_connection_age_ms", "grpc.max_connection_age_grace_ms"


def channel_to(server: AccountServer) -> grpc.Channel:
    alone = ("grpc.use_local_subchannel_pool", 1)
    return grpc.insecure_channel(server.grpc, [("grpc.enable_http_proxy", 0), alone])


@pytest.fixture
def channel(target: AccountServer) -> Iterator[grpc.Channel]:
    with channel_to(target) as made:
        yield made


def owner(bearer: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {bearer}")]


@pytest.mark.parametrize("path", [CURRENT, INFOZ, "/controlplane.v1.NoSuchService/Call"])
@pytest.mark.parametrize("name", ["authorization", "chainloop-organization"])
def test_rfc6750_3_1_two_credentials_or_organizations_are_refused(
    target: AccountServer, channel: grpc.Channel, path: str, name: str
) -> None:
    """A proxy that looks at one of them, and a server that takes the other, would be two readers."""
    good = owner(sign_in(target, *target.owner))
    known = {"authorization": good[0][1], "chainloop-organization": "acme"}[name]
    for pair in ([(name, known), (name, "x")], [(name, "x"), (name, known)], [(name, known)] * 2):
        metadata = pair if name == "authorization" else [*good, *pair]
        assert call(channel, path, metadata=metadata) == (
            "INVALID_ARGUMENT",
            f"the call names more than one {name}",
        )
    assert call(channel, CURRENT, metadata=good) == ("OK", "")


@pytest.mark.parametrize("path", [INFOZ, CREATE, REFLECT, WATCH])
def test_rfc4732_calls_that_are_begun_and_left_delay_nobody(own_target: ServerFactory, path: str) -> None:
    """No deadline, no message, no end: sixteen of them held every worker before."""
    server = own_target()
    whole = frame(DATA, 0x1, 0, b"\x00" * 5) if path == WATCH else b""
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            made = stack.enter_context(speak_http2(server.grpc))
            for stream in range(1, 2 * STREAMS, 2):
                message = whole[:5] + stream.to_bytes(4, "big") + whole[9:] if whole else b""
                made.sendall(begin(stream, path) + message)
        with channel_to(server) as channel:
            assert call(channel, INFOZ) == ("OK", "")


@pytest.mark.parametrize("path", [INFOZ, CHECK, WATCH])
@pytest.mark.parametrize(
    ("rest_of_it", "status"),
    [
        (b"", b"4"),
        (frame(DATA, 0, 1, b"\x00\x00\x00\x00\x09half"), b"4"),
        (frame(DATA, 0x1, 1), b"3"),
    ],
    ids=["nothing", "half a message", "an end without a message"],
)
def test_rfc4732_a_request_that_does_not_arrive_is_ended(
    own_target: ServerFactory, path: str, rest_of_it: bytes, status: bytes
) -> None:
    """DEADLINE_EXCEEDED or INVALID_ARGUMENT, long before its connection ends; nor does it hold up a stop."""
    server = own_target(constants={"app.server.rpc.interceptor.MESSAGE_TIMEOUT": 0.3})
    with speak_http2(server.grpc) as made:
        made.sendall(begin(1, path) + rest_of_it)
        received = b""
        while b"grpc-status\x01" + status not in received:
            more = made.recv(1024)
            assert more, received
            received += more


def test_connections_that_come_of_age_are_renewed_without_a_failed_call(own_target: ServerFactory) -> None:
    server = own_target(constants={OPTIONS: options({AGE: 200, GRACE: 200})})
    with channel_to(server) as channel:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            assert call(channel, INFOZ) == ("OK", "")


def test_rfc9113_10_5_streams_are_counted(own_target: ServerFactory) -> None:
    """Whoever opens more than there is room for is told so, and calls go on."""
    server = own_target()
    with ExitStack() as stack:
        codes = []
        for _ in range(MAX_STREAMS * 3 // (2 * MAX_CALLS)):
            channel = stack.enter_context(channel_to(server))
            watch = cast("Any", channel.unary_stream(WATCH))
            # One is left for the call.
            for _ in range(MAX_CALLS - 1):
                stream = watch(b"", timeout=PATIENCE)
                stack.callback(stream.cancel)
                codes.append(first(stream))
            assert call(channel, INFOZ) == ("OK", "")
    assert codes.count("OK") <= MAX_STREAMS
    assert codes[-1] == "RESOURCE_EXHAUSTED"


def first(stream: Any) -> str:
    try:
        next(stream)
    except grpc.RpcError as error:
        return cast("grpc.Call", error).code().name
    return "OK"


def test_rfc9113_10_5_thousands_of_calls_that_are_taken_back_at_once_do_no_harm(
    own_target: ServerFactory,
) -> None:
    """Known as rapid reset, CVE-2023-44487."""
    server = own_target()
    with speak_http2(server.grpc) as made, channel_to(server) as channel:
        for stream in range(1, 6000, 2):
            try:
                made.sendall(begin(stream, CREATE) + frame(RESET, 0, stream, b"\x00\x00\x00\x08"))
            except OSError:
                break
        assert call(channel, INFOZ) == ("OK", "")


@pytest.mark.parametrize("path", [INFOZ, CREATE, CHECK, WATCH, REFLECT])
def test_grpc_status_bytes_that_are_no_message_are_an_invalid_argument(
    channel: grpc.Channel, bearer: str, path: str
) -> None:
    """gRPC's own answer would be INTERNAL, which says that the server failed."""
    send = cast("Any", channel.stream_stream(path))
    for data in (b"\xff\xff\xff", b"\x0a\x05a", b"\x0a\x01\xff" if path != INFOZ else b"\x80"):
        with pytest.raises(grpc.RpcError) as refused:
            list(send(iter([data]), metadata=tuple(owner(bearer)), timeout=PATIENCE))
        assert cast("grpc.Call", refused.value).code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("count", [2, 40])
def test_grpc_status_of_several_messages_the_first_counts(
    channel: grpc.Channel, bearer: str, count: int
) -> None:
    send = cast("Any", channel.stream_unary(CURRENT))
    assert send(iter([b""] * count), metadata=tuple(owner(bearer)), timeout=PATIENCE)


@pytest.mark.parametrize("method", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_rfc9113_10_5_1_a_message_is_measured_as_it_is_unpacked(
    channel: grpc.Channel, bearer: str, method: grpc.Compression
) -> None:
    """Fifty megabytes of nothing are fifty kilobytes on the way."""
    code, _ = call(channel, CREATE, b"\x00" * (50 * MAX_REQUEST), owner(bearer), method)
    assert code == "RESOURCE_EXHAUSTED"
    assert call(channel, INFOZ) == ("OK", "")


def test_rfc9113_10_5_1_metadata_is_limited(channel: grpc.Channel) -> None:
    assert call(channel, INFOZ, b"", [("x", "a" * MAX_METADATA)])[0] == "RESOURCE_EXHAUSTED"
    many = [(f"x-{number}", "a" * 50) for number in range(500)]
    assert call(channel, INFOZ, b"", many)[0] == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("path", ["/controlplane.v1.APITokenService/Nope", "/nope/Nope", "/x", "/"])
def test_grpc_status_nobody_learns_which_calls_there_are(channel: grpc.Channel, path: str) -> None:
    """To whoever is signed in; the others hear that first (tests/integration/server/test_unserved.py)."""
    assert call(channel, path)[0] == "UNAUTHENTICATED"


def test_a_stop_does_not_wait_for_those_who_watch_the_health(own_target: ServerFactory) -> None:
    server = own_target()
    with channel_to(server) as channel:
        stream = cast("Any", channel.unary_stream(WATCH))(b"", timeout=10 * PATIENCE)
        assert next(stream) == b"\x08\x01"
        # It would wait an hour for a call.
        assert server.stop() == 0
        # NOT_SERVING, and then the end.
        assert next(stream) == b"\x08\x02"
        assert first(stream) == "UNAVAILABLE"


def test_rfc4732_connections_that_say_nothing_are_let_go_and_leave_room(own_target: ServerFactory) -> None:
    """More than the usual 1,024 descriptors would allow; each is closed within seconds."""
    server = own_target(constants={OPTIONS: options({HANDSHAKE: 1_000})})
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(server.grpc)) for _ in range(700)]
        with channel_to(server) as channel:
            assert call(channel, INFOZ) == ("OK", "")
        assert httpx.get(f"{server.http}/healthz", trust_env=False, timeout=PATIENCE).status_code == 200
        for made in silent[:20]:
            # The server's own settings come at once, and then the end.
            rest(made)


@pytest.mark.parametrize("size", [MAX_REQUEST, 1024 * 1024])
def test_rfc9113_10_5_messages_that_are_not_finished_cost_little_memory(
    own_target: ServerFactory, size: int
) -> None:
    """A mebibyte for each of a hundred calls on twelve connections would be more than a gibibyte.

    A message that says it is longer than allowed is refused before it is here; of the others a connection
    has as many as it may have calls.
    """
    server = own_target()
    bearer = sign_in(server, *server.owner)
    before = resident(server)
    message = b"\x00" + size.to_bytes(4, "big") + b"x" * (MAX_REQUEST - 1)
    with ExitStack() as stack:
        for _ in range(12):
            made = stack.enter_context(speak_http2(server.grpc))
            # The server's settings: until then less may be sent.
            assert made.recv(1024)
            for stream in range(1, 200, 2):
                # A server that has had enough may close.
                with suppress(ConnectionError):
                    made.sendall(begin(stream, CREATE))
                    for start in range(0, len(message), FRAME):
                        made.sendall(frame(DATA, 0, stream, message[start : start + FRAME]))
        with channel_to(server) as channel:
            assert call(channel, CURRENT, metadata=owner(bearer)) == ("OK", "")
        assert resident(server) - before < 150 * 1024 * 1024


def resident(server: AccountServer) -> int:
    """The memory that the server has, in bytes."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def test_rfc9113_10_5_idle_connections_up_to_the_limit_keep_nobody_out_for_long(
    own_target: ServerFactory,
) -> None:
    idle = options({"grpc.max_connection_idle_ms": 1_000})
    server = own_target(constants={OPTIONS: idle, "app.server.rpc.server.MAX_CONNECTIONS": 40})
    with ExitStack() as stack:
        for _ in range(60):
            connection = stack.enter_context(speak_http2(server.grpc))
            # Those over the limit are closed at once.
            with suppress(ConnectionError):
                connection.sendall(frame(SETTINGS, 0x1, 0))
        with channel_to(server) as channel:
            ready = cast("Any", channel.unary_unary(INFOZ))
            assert ready(b"", timeout=PATIENCE, wait_for_ready=True)


def options(others: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """The server's own, with other values for some of them."""
    assert others.keys() <= dict(_OPTIONS).keys()
    return tuple({**dict(_OPTIONS), **others}.items())
