"""What a caller gets in place of an answer, and how it goes over the wire.

The details of a refusal carry `google.rpc.ErrorInfo`, as those of the vendor's server do: its command line
decides by the reason, never by the text.
"""

from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from app.domain import errors
from app.server.database.trouble import TooManyWriters
from app.server.deadline import DeadlineExceeded
from app.server.usecases.actors import NoOrganization, NotAMember

_DOMAIN = "loopin"
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
    (errors.Refused, grpc.StatusCode.FAILED_PRECONDITION, "FAILED_PRECONDITION"),
)


class Refusal(Exception):
    """A status code, a sentence and a reason; without one the reason is the name of the code."""

    def __init__(self, code: grpc.StatusCode, text: str, reason: str = "") -> None:
        super().__init__(code.name)
        self.code = code
        self.text = text
        self.reason = reason or code.name

    async def send(self, context: Any) -> NoReturn:
        """End the call of this servicer context with it."""
        info = AnyMessage()
        info.Pack(ErrorInfo(reason=self.reason, domain=_DOMAIN))
        status = rpc_status.to_status(Status(code=self.code.value[0], message=self.text, details=[info]))
        # What was set before would be lost: the id of the request.
        metadata = (*(context.trailing_metadata() or ()), *status.trailing_metadata)
        await context.abort(self.code, self.text, metadata)
        raise self


def refusal_of(error: Exception) -> Refusal:
    """What the caller is told; of anything but our own errors it is "internal error"."""
    if isinstance(error, Refusal):
        return error
    found = next((row for row in _CODES if isinstance(error, row[0])), None)
    if found is None:
        return Refusal(grpc.StatusCode.INTERNAL, "internal error")
    return Refusal(found[1], str(error), found[2])
