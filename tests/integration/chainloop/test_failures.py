"""Peers that are not there, not to be trusted, or not what they should be."""

import base64
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from app.adapters.chainloop.client import ChainloopClients
from app.adapters.chainloop.errors import translate_error
from app.domain.credentials import Endpoint
from app.domain.errors import (
    AlreadyExists,
    APITokenGone,
    BadReply,
    Failed,
    InvalidInput,
    LoopinError,
    NoOrganization,
    NotFound,
    NotGranted,
    OrganizationLost,
    PermissionDenied,
    RateLimited,
    Refused,
    SessionEnded,
    TLSFailed,
    Unreachable,
    UsageError,
)
from app.domain.tokens import StatusFilter, TokenDraft
from tests.support.chainloop import MIB, endpoint_of, person
from tests.support.peers import Answer, Certificate, aborting, certificate, closed_port, grpc_peer, tcp_peer
from tests.support.server import AccountServer

pytestmark = pytest.mark.slow

Code = grpc.StatusCode


@pytest.fixture
async def gateways() -> AsyncIterator[ChainloopClients]:
    made = ChainloopClients(max_receive=MIB, timeout=60)
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def authority() -> Certificate:
    return certificate()


async def refusal(gateways: ChainloopClients, endpoint: Endpoint) -> LoopinError:
    """Make the lightest call and return how it fails."""
    with pytest.raises(LoopinError) as caught:
        await gateways.open(endpoint, None).server_info()
    assert caught.value.hint
    return caught.value


async def test_a_refused_connection_says_that_nothing_answers(gateways: ChainloopClients) -> None:
    for insecure in (True, False):
        error = await refusal(gateways, endpoint_of(closed_port(), insecure=insecure))
        assert type(error) is Unreachable
        assert "nothing answers" in error.message


@pytest.mark.parametrize("address", ["", "https://127.0.0.1:1", "a b:1", "no-such-name.invalid:443"])
async def test_an_address_that_is_none_says_so(gateways: ChainloopClients, address: str) -> None:
    error = await refusal(gateways, endpoint_of(address))
    assert type(error) is Unreachable
    assert "host:port" in error.hint


def answers(payload: bytes) -> "object":
    def behave(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(payload)
        connection.recv(100)

    return behave


def closes(connection: socket.socket) -> None:
    connection.recv(100)
    connection.close()


def is_silent(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


WEB_PAGE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    ("behave", "kind", "words"),
    [
        (answers(WEB_PAGE), BadReply, "web page (HTTP 502)"),
        (answers(b"\x00garbage " * 50), BadReply, "another protocol"),
        (closes, Unreachable, "closed the connection"),
    ],
)
async def test_a_peer_that_is_no_control_plane_is_told_as_such(
    gateways: ChainloopClients, behave: object, kind: type[LoopinError], words: str
) -> None:
    with tcp_peer(behave) as address:  # type: ignore[arg-type]  # a table of behaviours
        error = await refusal(gateways, endpoint_of(address))
    assert type(error) is kind
    assert words in error.message


async def test_a_peer_that_says_nothing_is_given_up() -> None:
    gateways = ChainloopClients(max_receive=MIB, timeout=1)
    with tcp_peer(is_silent) as address:
        error = await refusal(gateways, endpoint_of(address))
    await gateways.aclose()
    assert type(error) is Unreachable
    assert "did not answer within 1 s" in error.message


async def test_tls_to_a_plain_server_names_the_switch(gateways: ChainloopClients) -> None:
    with tcp_peer(answers(WEB_PAGE)) as address:  # type: ignore[arg-type]  # a behaviour
        error = await refusal(gateways, endpoint_of(address, insecure=False))
    assert type(error) is TLSFailed
    assert "--insecure" in error.hint


async def test_plain_text_to_a_tls_server_names_the_switch(
    gateways: ChainloopClients, authority: Certificate
) -> None:
    with grpc_peer(lambda path, context: b"", authority) as (address, _):
        error = await refusal(gateways, endpoint_of(address))
    assert "--insecure" in error.hint


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    gateways: ChainloopClients, authority: Certificate
) -> None:
    with grpc_peer(lambda path, context: b"", authority) as (address, calls):
        for ca in ("", certificate().pem):
            error = await refusal(gateways, endpoint_of(address, insecure=False, ca=ca))
            assert type(error) is TLSFailed
            assert "certificate" in error.message
            assert "--control-plane-ca" in error.hint
        assert calls == []


@pytest.mark.parametrize("form", ["path", "pem", "base64"])
async def test_an_extra_authority_is_taken_in_each_form(
    gateways: ChainloopClients, authority: Certificate, tmp_path: Path, form: str
) -> None:
    forms = {
        "path": str(authority.files(tmp_path)[0]),
        "pem": authority.pem,
        "base64": base64.b64encode(authority.pem.encode()).decode(),
    }
    with grpc_peer(lambda path, context: b"", authority) as (address, calls):
        await gateways.open(endpoint_of(address, insecure=False, ca=forms[form]), None).server_info()
        assert calls == ["Infoz"]


async def test_ssl_cert_file_counts_for_grpc_too(
    gateways: ChainloopClients, authority: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.files(tmp_path)[0]))
    with grpc_peer(lambda path, context: b"", authority) as (address, calls):
        await gateways.open(endpoint_of(address, insecure=False), None).server_info()
        assert calls == ["Infoz"]


@pytest.mark.parametrize("ca", ["/etc/passwd", "-----BEGIN CERTIFICATE-----\nx\n-----END"])
async def test_an_extra_authority_that_is_none_is_refused(gateways: ChainloopClients, ca: str) -> None:
    error = await refusal(gateways, endpoint_of(closed_port(), insecure=False, ca=ca))
    assert type(error) is UsageError
    assert "PEM" in error.hint


@pytest.mark.parametrize("ca", ["/nowhere/ca.pem", "bm9uc2Vuc2U=", "x" * 5000])
async def test_an_extra_authority_that_names_no_file_is_told_with_its_path(
    gateways: ChainloopClients, ca: str
) -> None:
    error = await refusal(gateways, endpoint_of(closed_port(), insecure=False, ca=ca))
    assert type(error) is UsageError
    assert ca[:100] in error.message
    assert "PEM" in error.hint


@pytest.mark.parametrize("payload", [b"\xff\xff\xff garbage", b"\x0a\xff\x01cut"])
async def test_a_message_that_cannot_be_read_is_a_bad_reply(
    gateways: ChainloopClients, payload: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with grpc_peer(lambda path, context: payload) as (address, _):
        error = await refusal(gateways, endpoint_of(address))
    assert type(error) is BadReply
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (Code.UNAUTHENTICATED, "JWT token has expired", SessionEnded),
        (Code.UNKNOWN, "error validating token: API token revoked", APITokenGone),
        (Code.UNAUTHENTICATED, "API token revoked", APITokenGone),
        (Code.UNKNOWN, "rpc error: API token not found", APITokenGone),
        (Code.UNKNOWN, "the database is on fire", Failed),
        (Code.INTERNAL, "server error", Failed),
        (Code.INVALID_ARGUMENT, "bad name", InvalidInput),
        (Code.PERMISSION_DENIED, "operation not allowed", NotGranted),
        (Code.PERMISSION_DENIED, "user is not a member of organization acme", OrganizationLost),
        (Code.UNKNOWN, "org not found", OrganizationLost),
        (Code.PERMISSION_DENIED, "organization is suspended", OrganizationLost),
        (Code.NOT_FOUND, "logged in user not found", NotFound),
        (Code.ALREADY_EXISTS, "duplicated: name already taken", AlreadyExists),
        (Code.FAILED_PRECONDITION, "not now", Refused),
        (Code.RESOURCE_EXHAUSTED, "too many", RateLimited),
        (Code.UNIMPLEMENTED, "unknown service", BadReply),
        (Code.CANCELLED, "cancelled", Unreachable),
        (Code.DATA_LOSS, "", Failed),
    ],
)
async def test_each_status_has_its_own_error(
    gateways: ChainloopClients, code: grpc.StatusCode, details: str, kind: type[LoopinError]
) -> None:
    with grpc_peer(aborting(code, details)) as (address, calls):
        with pytest.raises(LoopinError) as caught:
            await gateways.open(endpoint_of(address), None).server_info()
        assert type(caught.value) is kind
        assert calls == ["Infoz"] * (4 if code is Code.RESOURCE_EXHAUSTED else 1)


NOT_IN, IN_NONE = "USER_NOT_MEMBER_OF_ORG_ERROR_NOT_IN_ORG", "USER_WITH_NO_MEMBERSHIP_ERROR_NOT_IN_ORG"


def refusing(code: grpc.StatusCode, details: str, *infos: Message) -> Answer:
    """Refuses every call, with these in the details."""
    packed = []
    for info in infos:
        packed.append(AnyMessage())
        packed[-1].Pack(info)
    status = rpc_status.to_status(Status(code=code.value[0], message=details, details=packed))
    return lambda path, context: context.abort_with_status(status)


@pytest.mark.parametrize(
    ("code", "reason", "kind", "words"),
    [
        (Code.PERMISSION_DENIED, NOT_IN, OrganizationLost, "the sentence"),
        (Code.PERMISSION_DENIED, IN_NONE, NoOrganization, "you are not a member of an organization"),
        (Code.PERMISSION_DENIED, "suspended", OrganizationLost, "the sentence"),
        (Code.PERMISSION_DENIED, "forbidden", PermissionDenied, "the sentence"),
        (Code.PERMISSION_DENIED, "NOBODY_KNOWS_THIS", PermissionDenied, "the sentence"),
        (Code.UNAUTHENTICATED, "UNAUTHORIZED", SessionEnded, "the sentence"),
    ],
)
async def test_the_reason_decides_and_not_the_sentence(
    gateways: ChainloopClients, code: grpc.StatusCode, reason: str, kind: type[LoopinError], words: str
) -> None:
    with grpc_peer(refusing(code, "the sentence", ErrorInfo(reason=reason))) as (address, _):
        error = await refusal(gateways, endpoint_of(address))
    assert type(error) is kind
    assert error.message == words


@pytest.mark.parametrize("code", [Code.PERMISSION_DENIED, Code.UNKNOWN])
@pytest.mark.parametrize("reason", ["forbidden", NOT_IN])
async def test_the_envelope_of_the_vendors_framework_is_taken_off(
    gateways: ChainloopClients, reason: str, code: grpc.StatusCode
) -> None:
    """Where it forgets to translate an error, the code is in the envelope alone."""
    text = f"error: code = 403 reason = {reason} message = not here metadata = map[] cause = <nil>"
    with grpc_peer(aborting(code, text)) as (address, _):
        error = await refusal(gateways, endpoint_of(address))
    assert error.message == "not here"
    assert isinstance(error, OrganizationLost if reason == NOT_IN else PermissionDenied)


@pytest.mark.parametrize(
    "trailer",
    [b"\xff\xff nonsense", b"", Status(code=5, message="another code").SerializeToString()],
)
async def test_details_that_cannot_be_read_are_left_out(gateways: ChainloopClients, trailer: bytes) -> None:
    def answer(path: str, context: Any) -> bytes:
        context.set_trailing_metadata((("grpc-status-details-bin", trailer),))
        context.abort(Code.PERMISSION_DENIED, "no")
        return b""

    with grpc_peer(answer) as (address, _):
        error = await refusal(gateways, endpoint_of(address))
    assert (type(error), error.message) == (PermissionDenied, "no")


async def test_other_details_come_before_the_reason(gateways: ChainloopClients) -> None:
    infos = (Status(message="something else"), ErrorInfo(reason=NOT_IN))
    with grpc_peer(refusing(Code.PERMISSION_DENIED, "no", *infos)) as (address, _):
        assert isinstance(await refusal(gateways, endpoint_of(address)), OrganizationLost)


async def test_a_mebibyte_of_details_is_one_sentence(gateways: ChainloopClients) -> None:
    infos = ErrorInfo(reason="x" * MIB)
    with grpc_peer(refusing(Code.PERMISSION_DENIED, "no", infos)) as (address, _):
        error = await refusal(gateways, endpoint_of(address))
    assert isinstance(error, BadReply)
    assert len(error.message) < 120
    assert error.hint


async def test_a_certificate_of_another_name_is_said_to_be_one(gateways: ChainloopClients) -> None:
    other = certificate("accounts.example")
    with grpc_peer(lambda path, context: b"", other) as (address, _):
        error = await refusal(gateways, endpoint_of(address, insecure=False, ca=other.pem))
    assert type(error) is TLSFailed
    assert error.message == f"the certificate of {address} is for another name"
    assert "try again" not in error.hint


async def test_a_private_key_is_no_authority(gateways: ChainloopClients) -> None:
    key = certificate().key
    error = await refusal(gateways, endpoint_of(closed_port(), insecure=False, ca=key))
    assert type(error) is UsageError
    assert "is a private key" in error.message
    assert key.splitlines()[1] not in f"{error.message}{error.hint}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:443: tcp handshaker: "
            "Connection timed out",
            "no connection to accounts.example:443 came about",
        ),
        (
            "failed to connect to all addresses; last error: UNAVAILABLE: ipv4:10.0.0.1:443: FD Shutdown",
            "no connection to accounts.example:443 came about",
        ),
        (
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:10.0.0.1:443: something odd",
            "accounts.example:443 is not available: something odd",
        ),
    ],
)
def test_no_raw_text_of_the_library_is_shown(text: str, words: str) -> None:
    empty = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(Code.UNAVAILABLE, empty, empty, details=text)
    told = translate_error(error, endpoint_of("accounts.example:443"), 5)
    assert told.message == words
    assert type(told) is Unreachable


def test_who_left_the_port_out_is_told_which_one_was_taken() -> None:
    empty = grpc.aio.Metadata()
    error = grpc.aio.AioRpcError(Code.UNAVAILABLE, empty, empty, details="Connection refused")
    assert "without one it is 443" in translate_error(error, endpoint_of("accounts.example:443"), 5).hint
    assert "443" not in translate_error(error, endpoint_of("accounts.example:9090"), 5).hint


async def test_what_a_server_writes_cannot_move_the_cursor(gateways: ChainloopClients) -> None:
    with grpc_peer(aborting(Code.PERMISSION_DENIED, "no\x1b[2J\u202e\nway")) as (address, _):
        error = await refusal(gateways, endpoint_of(address))
    assert error.message.isprintable()
    assert "way" in error.message


async def test_a_read_is_repeated_while_nobody_answers_and_then_works(gateways: ChainloopClients) -> None:
    refusing = threading.Event()

    def answer(path: str, context: "grpc.ServicerContext") -> bytes:
        if not refusing.is_set():
            refusing.set()
            context.abort(Code.UNAVAILABLE, "starting")
        return b""

    with grpc_peer(answer) as (address, calls):
        await gateways.open(endpoint_of(address), None).server_info()
        assert calls == ["Infoz", "Infoz"]


async def test_reads_give_up_after_a_bounded_time(gateways: ChainloopClients) -> None:
    began = time.monotonic()
    with grpc_peer(aborting(Code.UNAVAILABLE, "maintenance")) as (address, calls):
        error = await refusal(gateways, endpoint_of(address))
        assert calls == ["Infoz"] * 4
    assert "maintenance" in error.message
    assert time.monotonic() - began < 60


async def test_create_revoke_and_settings_are_never_repeated(gateways: ChainloopClients) -> None:
    with grpc_peer(aborting(Code.UNAVAILABLE, "maintenance")) as (address, calls):
        gateway = gateways.open(endpoint_of(address), None, "acme")
        for call in (
            gateway.create_token(TokenDraft("once")),
            gateway.revoke_token("id"),
            gateway.set_threshold("acme", 30),
            gateway.select_membership("id"),
        ):
            with pytest.raises(Unreachable):
                await call
        assert calls == ["Create", "Revoke", "Update", "SetCurrentMembership"]


async def test_a_create_whose_answer_got_lost_says_that_the_token_may_exist(
    gateways: ChainloopClients,
) -> None:
    for answer in (lambda path, context: b"\xff", aborting(Code.UNAVAILABLE, "gone")):
        with grpc_peer(answer) as (address, _), pytest.raises(LoopinError) as caught:
            await gateways.open(endpoint_of(address), None, "acme").create_token(TokenDraft("lost"))
        assert "may exist" in caught.value.hint


async def test_a_create_that_was_never_sent_says_nothing_of_the_kind(gateways: ChainloopClients) -> None:
    with pytest.raises(Unreachable) as caught:
        await gateways.open(endpoint_of(closed_port()), None, "acme").create_token(TokenDraft("unsent"))
    assert "may exist" not in caught.value.hint


async def test_a_server_that_comes_up_later_is_found_at_the_next_try(gateways: ChainloopClients) -> None:
    endpoint = endpoint_of(closed_port())
    await refusal(gateways, endpoint)
    with grpc_peer(lambda path, context: b"", port=int(endpoint.address.rpartition(":")[2])):
        await gateways.open(endpoint, None).server_info()


@pytest.fixture
def cutting(account_server: AccountServer) -> Iterator[str]:
    """Passes everything on to the real server, and hangs up after 2,500 bytes of its answers."""
    host, _, port = account_server.grpc.rpartition(":")

    def behave(connection: socket.socket) -> None:
        with socket.create_connection((host, int(port))) as upstream:
            threading.Thread(target=_pass_on, args=(connection, upstream), daemon=True).start()
            left = 2500
            while left > 0 and (data := upstream.recv(min(left, 500))):
                connection.sendall(data)
                left -= len(data)
        connection.shutdown(socket.SHUT_RDWR)

    with tcp_peer(behave) as address:
        yield address


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1000):
            target.sendall(data)
    except OSError:
        return


async def test_an_answer_that_is_cut_half_way_is_a_bad_reply(
    gateways: ChainloopClients, account_server: AccountServer, cutting: str
) -> None:
    owner = person(account_server, account_server.owner)
    with pytest.raises(BadReply, match="broke off"):
        await gateways.open(endpoint_of(cutting), owner).list_tokens(StatusFilter.ALL)


def test_the_library_writes_nothing_on_the_screen(authority: Certificate) -> None:
    script = (
        "import asyncio\n"
        "from app.adapters.chainloop.client import ChainloopClients\n"
        "from tests.support.chainloop import endpoint_of\n"
        "async def main():\n"
        "    gateways = ChainloopClients(max_receive=1000, timeout=60)\n"
        "    try:\n"
        "        await gateways.open(endpoint_of('{address}', insecure=False), None).server_info()\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__)\n"
        "    await gateways.aclose()\n"
        "asyncio.run(main())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    with grpc_peer(lambda path, context: b"", authority) as (address, _):
        result = subprocess.run(
            [sys.executable, "-c", script.format(address=address)],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment,
            cwd=Path(__file__).parents[3],
        )
    assert (result.stdout.strip(), result.stderr) == ("TLSFailed", "")
