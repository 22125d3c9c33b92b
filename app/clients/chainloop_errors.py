"""Between gRPC's status codes and our errors, in words that a person understands."""

import re
from collections.abc import Callable

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
from app.domain.text import clean

_SIGN_IN = "sign in again: loopin chainloop auth login"
_NOT_GRANTED = "operation not allowed"
"""What a control plane says where the credential is good and grants other calls; anything else says more."""
_GONE = re.compile(r"API token (revoked|not found)\W*$", re.IGNORECASE)
_NO_SUCH_ORGANIZATION = re.compile(
    r"not a member of organization|^org not found$|organization.* suspended", re.IGNORECASE
)
_HANDSHAKE = ("handshake failed", "CERTIFICATE", "SSL_ERROR", "WRONG_VERSION_NUMBER")
_NOT_GRPC = ("http2 header with status", "content-type", "Failed parsing HTTP/2", "ALPN")
_BROKEN_OFF = ("closed", "reset", "Broken pipe", "Stream removed")
_HTTP_STATUS = re.compile(r"(?:HTTP status|header with status:) (\d{3})")


def translated(
    error: grpc.aio.AioRpcError, endpoint: Endpoint, timeout: float, lost: str = ""
) -> LoopinError:
    """The domain error for a failed call; what the server wrote is cleaned and kept.

    `lost` replaces the hint where the call may have worked although no answer came.
    """
    text = clean(error.details() or "", 300).strip().rstrip(".")
    code = error.code()
    if code in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAUTHENTICATED} and _GONE.search(text):
        return APITokenGone(text, hint=_SIGN_IN, provider=Provider.CHAINLOOP)
    unknown = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.PERMISSION_DENIED}
    if code in unknown and _NO_SUCH_ORGANIZATION.search(text):
        return OrganizationLost(text, hint="choose another: loopin chainloop organization set --name NAME")
    if (make := _REFUSALS.get(code)) is not None:
        return make(text)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return _exhausted(text)
    failure = _failure(code, text, endpoint, timeout)
    if lost and not _never_sent(text):
        return type(failure)(failure.message, hint=lost)
    return failure


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
        "the server does not know this call", hint="check that the address is a Chainloop control plane"
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
            f"the name of {address} cannot be found", hint="an address is host:port; check it and the network"
        )
    if "refused" in text:
        return Unreachable(f"nothing answers at {address}", hint="check the address; is the server running?")
    if any(mark in text for mark in _BROKEN_OFF):
        return _broken_off(text, endpoint)
    return Unreachable(f"{address} is not available: {text}", hint="try again in a moment")


def _broken_off(text: str, endpoint: Endpoint) -> LoopinError:
    if not _never_sent(text):
        return BadReply(f"{endpoint.address} broke off in the middle of its answer", hint="try again")
    hint = "it may want TLS: leave out --insecure" if endpoint.insecure else "try again"
    return Unreachable(f"{endpoint.address} closed the connection", hint=hint)


def _tls(text: str, address: str) -> TLSFailed:
    if "WRONG_VERSION_NUMBER" in text:
        return TLSFailed(f"{address} does not speak TLS", hint="a plain-text server needs --insecure")
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
    return RateLimited(text or "too many requests", hint="wait a moment")
