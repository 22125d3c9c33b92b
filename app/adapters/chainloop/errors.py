"""gRPC status codes and error details, as errors of the domain."""

import re
from collections.abc import Callable
from typing import cast

import grpc
import grpc.aio

from app.domain.credentials import Endpoint, Provider
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
    ReplyTooLarge,
    SessionEnded,
    TLSFailed,
    Unreachable,
)
from app.domain.inputs import TLS_PORT
from app.domain.text import clean

_SIGN_IN = "sign in again: loopin chainloop auth login"
_CHOOSE = "choose another: loopin chainloop organization set --name NAME"
_RESUME = "ask the operator of the control plane"
_NOT_GRANTED = "operation not allowed"
"""What a control plane says where the credential is good and grants other calls; anything else says more."""
_GONE = re.compile(r"API token (revoked|not found)\W*$", re.IGNORECASE)
_NOT_IN, _IN_NONE, _SUSPENDED = (
    "USER_NOT_MEMBER_OF_ORG_ERROR_NOT_IN_ORG",
    "USER_WITH_NO_MEMBERSHIP_ERROR_NOT_IN_ORG",
    "suspended",
)
"""Reasons in the details of a refusal."""
_ORG_NOT_FOUND = "org not found"
"""How every call but Current answers for an unknown organization: UNKNOWN, without details."""
_SENTENCES = (
    (re.compile(r"user is not a member of organization ", re.IGNORECASE), _NOT_IN),
    (re.compile(r"user with id \S+ has no current organization", re.IGNORECASE), _IN_NONE),
    (re.compile(r"organization.* suspended", re.IGNORECASE), _SUSPENDED),
)
"""The same of control planes that send no details."""
_ENVELOPE = re.compile(
    r"error: code = (?P<code>\d+) reason = (?P<reason>.*?) message = (?P<message>.*?)"
    r" metadata = map\[.*\] cause = .*",
    re.DOTALL,
)
"""How the vendor's framework prints an error where it forgets to translate it."""
_OTHER_NAME = ("not in peer certificate", "Hostname Verification Check failed")
_OF_HTTP = {
    "400": grpc.StatusCode.INVALID_ARGUMENT,
    "401": grpc.StatusCode.UNAUTHENTICATED,
    "403": grpc.StatusCode.PERMISSION_DENIED,
    "404": grpc.StatusCode.NOT_FOUND,
    "409": grpc.StatusCode.ALREADY_EXISTS,
}
_HANDSHAKE = ("handshake failed", "CERTIFICATE", "SSL_ERROR", "WRONG_VERSION_NUMBER", *_OTHER_NAME)
_NO_CONNECTION = ("timed out", "FD Shutdown", "Timeout occurred", "No route to host", "unreachable")
_LAST_ERROR = re.compile(r"failed to connect to all addresses; last error: \w+: (?:ipv[46]:\S+: )?")
_NOT_GRPC = ("http2 header with status", "content-type", "Failed parsing HTTP/2", "ALPN")
_BROKEN_OFF = ("closed", "reset", "Broken pipe", "Stream removed")
_HTTP_STATUS = re.compile(r"(?:HTTP status|header with status:) (\d{3})")


def translate_error(
    error: grpc.aio.AioRpcError, endpoint: Endpoint, timeout: float, lost: str = ""
) -> LoopinError:
    """The domain error for a failed call; what the server wrote is cleaned and kept.

    `lost` replaces the hint where the call may have worked although no answer came.
    """
    code, reason, text = _read_status(error)
    if code in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAUTHENTICATED} and _GONE.search(text):
        return APITokenGone(text, hint=_SIGN_IN, provider=Provider.CHAINLOOP)
    if (lost_organization := _organization(code, reason, text)) is not None:
        return lost_organization
    if (make := _REFUSALS.get(code)) is not None:
        return make(text)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return _exhausted(text)
    failure = _failure(code, text, endpoint, timeout)
    if lost and not _never_sent(text):
        return type(failure)(failure.message, hint=lost)
    return failure


def _read_status(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str, str]:
    """The code of a refusal, its reason, empty for none, and its sentence, cleaned."""
    code, reason, text = error.code(), _reason_in(error), error.details() or ""
    if (printed := _ENVELOPE.fullmatch(text)) is not None:
        reason, text = reason or printed["reason"], printed["message"]
        if code is grpc.StatusCode.UNKNOWN:
            code = _OF_HTTP.get(printed["code"], code)
    return code, clean(reason, 80), clean(text, 300).strip().rstrip(".")


def _reason_in(error: grpc.aio.AioRpcError) -> str:
    # Loaded with the first refusal: a command that is answered needs neither.
    from google.protobuf.message import DecodeError
    from google.rpc.error_details_pb2 import ErrorInfo
    from grpc_status import rpc_status

    info = ErrorInfo()
    try:
        status = rpc_status.from_call(cast("grpc.Call", error))
        known = any(detail.Unpack(info) for detail in (status.details if status else ()))
    except (DecodeError, ValueError):
        # What a server sends there may be anything; the code and the sentence say enough.
        return ""
    return str(info.reason) if known else ""


def _organization(code: grpc.StatusCode, reason: str, text: str) -> Refused | None:
    """What is wrong with the organization that the call is about, if that is it."""
    if code is grpc.StatusCode.UNKNOWN and text == _ORG_NOT_FOUND:
        return OrganizationLost("there is no such organization", hint=_CHOOSE)
    if code is not grpc.StatusCode.PERMISSION_DENIED:
        return None
    if not reason:
        reason = next((known for sentence, known in _SENTENCES if sentence.match(text)), "")
    if reason == _IN_NONE:
        return NoOrganization()
    if reason == _SUSPENDED:
        return OrganizationLost(text or "the organization is suspended", hint=f"{_CHOOSE}, or {_RESUME}")
    return OrganizationLost(text, hint=_CHOOSE) if reason == _NOT_IN else None


def _failure(code: grpc.StatusCode, text: str, endpoint: Endpoint, timeout: float) -> LoopinError:
    if code is grpc.StatusCode.UNAVAILABLE:
        return _unavailable(text, endpoint)
    if code is grpc.StatusCode.CANCELLED:
        # A person who cancels is a CancelledError. This is the other side: a server that stops, for example.
        return Unreachable(f"{endpoint.address} ended the call", hint="try again in a moment")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unreachable(f"{endpoint.address} did not answer within {timeout:g} s", hint="try again")
    if _speaks_no_grpc(text):
        return _not_grpc(text, endpoint)
    if "Failed to create channel" in text:
        return Unreachable(f"{endpoint.address!r} is no address", hint="an address is host:port")
    return Failed(f"{endpoint.address} failed: {text or code.name}", hint="try again later")


def _never_sent(text: str) -> bool:
    return "failed to connect" in text.lower() or "resolv" in text


_REFUSALS: dict[grpc.StatusCode, Callable[[str], LoopinError]] = {
    grpc.StatusCode.UNAUTHENTICATED: lambda text: SessionEnded(
        text or "the token is not accepted", hint=_SIGN_IN, provider=Provider.CHAINLOOP
    ),
    grpc.StatusCode.INVALID_ARGUMENT: lambda text: InvalidInput(
        text or "the server found a value that it cannot accept"
    ),
    grpc.StatusCode.OUT_OF_RANGE: lambda text: InvalidInput(text or "a value is out of range"),
    grpc.StatusCode.PERMISSION_DENIED: lambda text: _denied(text),
    grpc.StatusCode.NOT_FOUND: lambda text: NotFound(text or "there is no such thing"),
    grpc.StatusCode.ALREADY_EXISTS: lambda text: AlreadyExists(
        text or "the name is taken", hint="choose another name"
    ),
    grpc.StatusCode.FAILED_PRECONDITION: lambda text: Refused(text or "not possible now"),
    grpc.StatusCode.ABORTED: lambda text: Refused(text or "somebody else was faster", hint="try again"),
    grpc.StatusCode.UNIMPLEMENTED: lambda text: BadReply(
        f"the server does not know this call{f': {text}' if text else ''}",
        hint="check that the address is a Chainloop control plane",
    ),
}


def _denied(text: str) -> PermissionDenied:
    kind = NotGranted if text in {"", _NOT_GRANTED} else PermissionDenied
    return kind(text or _NOT_GRANTED, hint="ask an owner or admin of the organization")


def _unavailable(text: str, endpoint: Endpoint) -> LoopinError:
    address = endpoint.address
    if any(mark in text for mark in _HANDSHAKE):
        return _tls(text, address)
    if _speaks_no_grpc(text):
        return _not_grpc(text, endpoint)
    if "resolv" in text:
        return Unreachable(
            f"the name of {address} cannot be found",
            hint="an address is host:port; check it and the network",
        )
    # Nobody has given 443 who left the port out.
    port = "" if not address.endswith(f":{TLS_PORT}") else f", and its port: without one it is {TLS_PORT}"
    if "refused" in text:
        return Unreachable(
            f"nothing answers at {address}", hint=f"check the address{port}; is the server running?"
        )
    if any(mark in text for mark in _NO_CONNECTION):
        return Unreachable(
            f"no connection to {address} came about", hint=f"check the network and the address{port}"
        )
    if any(mark in text for mark in _BROKEN_OFF):
        return _broken_off(text, endpoint)
    reason_text = _LAST_ERROR.sub("", text)
    return Unreachable(
        f"{address} is not available{f': {reason_text}' if reason_text else ''}", hint="try again in a moment"
    )


def _broken_off(text: str, endpoint: Endpoint) -> LoopinError:
    if not _never_sent(text):
        return BadReply(f"{endpoint.address} broke off in the middle of its answer", hint="try again")
    hint = "it may want TLS: leave out --insecure" if endpoint.insecure else "try again"
    return Unreachable(f"{endpoint.address} closed the connection", hint=hint)


def _tls(text: str, address: str) -> TLSFailed:
    if "WRONG_VERSION_NUMBER" in text:
        return TLSFailed(f"{address} does not speak TLS", hint="a plain-text server needs --insecure")
    if any(mark in text for mark in _OTHER_NAME):
        return TLSFailed(
            f"the certificate of {address} is for another name",
            hint="check the address: it must be the name that the certificate is for",
        )
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.rpartition("CERTIFICATE_VERIFY_FAILED:")[2].removesuffix(": OK").strip()[:80]
        return TLSFailed(
            f"the certificate of {address} is not trusted: {why or 'no known authority signed it'}",
            hint="name its authority with --control-plane-ca",
        )
    return TLSFailed(f"no secure connection to {address}: {text[-160:]}", hint="check the address")


def _speaks_no_grpc(text: str) -> bool:
    return any(mark in text for mark in _NOT_GRPC)


def _not_grpc(text: str, endpoint: Endpoint) -> BadReply:
    status = _HTTP_STATUS.search(text)
    answer = f"answers with a web page (HTTP {status[1]})" if status else "speaks another protocol"
    return BadReply(
        f"{endpoint.address} {answer}, not as a control plane",
        hint="check the address: it is host:port of the gRPC API, not of the web page",
    )


def _exhausted(text: str) -> LoopinError:
    if "larger than max" in text.lower():
        # "Received message larger than max (5242880 vs. 4194304)"
        sizes = re.search(r"\((\d+) vs\. (\d+)\)", text)
        by = f": {int(sizes[1]):,} bytes, {int(sizes[2]):,} are allowed" if sizes else ""
        return ReplyTooLarge(f"the answer is too large{by}", hint="raise --max-recv-msg-size (bytes)")
    if "metadata size" in text.lower():
        return BadReply("the details of the server's error are too long", hint="ask the server's operator")
    return RateLimited(text or "too many requests", hint="wait a moment")
