"""Domain errors as a status of gRPC.

The details of a status carry `google.rpc.ErrorInfo`, as those of the vendor's server do: its command line
decides by the reason, never by the text.
"""

from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from app.domain import errors
from app.server.core.principals import NoOrganization, NotAMember
from app.server.deadline import DeadlineExceeded
from app.server.persistence.errors import TooManyWriters

_DOMAIN = "loopin"
_NO_MESSAGE = "the request is no message of this call"


class Unserved(errors.Refused):
    """A method that this server does not have."""


# The first match counts, so the narrow classes come before the wide ones.
_CODES: tuple[tuple[type[errors.LoopinError], grpc.StatusCode, str], ...] = (
    (errors.UsageError, grpc.StatusCode.INVALID_ARGUMENT, "invalid"),
    (errors.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT, "invalid"),
    (errors.NotSignedIn, grpc.StatusCode.UNAUTHENTICATED, "UNAUTHORIZED"),
    (NotAMember, grpc.StatusCode.PERMISSION_DENIED, "USER_NOT_MEMBER_OF_ORG_ERROR_NOT_IN_ORG"),
    (NoOrganization, grpc.StatusCode.PERMISSION_DENIED, "USER_WITH_NO_MEMBERSHIP_ERROR_NOT_IN_ORG"),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED, "forbidden"),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND, "not found"),
    (errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS, "conflict"),
    (DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    (errors.RateLimited, grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
    (TooManyWriters, grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
    (errors.Unreachable, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    (Unserved, grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED"),
    (errors.Refused, grpc.StatusCode.FAILED_PRECONDITION, "FAILED_PRECONDITION"),
)


def status_of(error: Exception) -> tuple[grpc.StatusCode, str, str]:
    """Code, text and reason; of anything but our own errors the text is "internal error"."""
    # gRPC itself would answer INTERNAL, which says that the server failed.
    if isinstance(error, DecodeError):
        error = errors.InvalidInput(_NO_MESSAGE)
    for kind, code, reason in _CODES:
        if isinstance(error, kind):
            return code, str(error), reason
    return grpc.StatusCode.INTERNAL, "internal error", "INTERNAL"


async def abort(context: Any, error: Exception) -> NoReturn:
    """End the call of this servicer context with the status of `error`."""
    code, text, reason = status_of(error)
    info = AnyMessage()
    info.Pack(ErrorInfo(reason=reason, domain=_DOMAIN))
    status = rpc_status.to_status(Status(code=code.value[0], message=text, details=[info]))
    # What was set before would be lost: the id of the request.
    metadata = (*(context.trailing_metadata() or ()), *status.trailing_metadata)
    await context.abort(code, text, metadata)
    raise error
