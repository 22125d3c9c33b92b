"""Requests that two readers could understand differently, or that are too large, are refused (RFC 9112).

So a proxy in front and this server never disagree about who asks for what, and where the next request begins.
What h11 refuses itself is not looked for again.
"""

import re
from http import HTTPStatus

from hypercorn.typing import HTTPScope

MAX_LINE = 16 * 1024
MAX_HEADER = 32 * 1024
MAX_FIELDS = 100
MAX_BODY = 64 * 1024
_VERSIONS = frozenset({"1.0", "1.1"})
# In origin form only (§3.2.1): whatever names a host would be read by two, and perhaps in two ways.
_PATH = re.compile(rb"/(?!/)[!-~]*")


class Refused(Exception):
    """The request is not answered further than with `status`, and the connection ends."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


def check_head(scope: HTTPScope) -> None:
    """Raise Refused for a request line or fields that are not accepted."""
    fields = list(scope["headers"])
    if scope["http_version"] not in _VERSIONS:
        raise Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_LINE:
        raise Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
    # Four bytes a field for the colon, the space and the end of the line.
    if len(fields) > MAX_FIELDS or sum(len(name) + len(value) + 4 for name, value in fields) > MAX_HEADER:
        raise Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    if not _PATH.fullmatch(scope["raw_path"]):
        raise Refused(HTTPStatus.BAD_REQUEST)
    _check_fields([name for name, _ in fields], dict(fields))


def _check_fields(names: list[bytes], fields: dict[bytes, bytes]) -> None:
    coded = b"transfer-encoding" in fields
    # Of two credentials one reader takes the first and another the last; of a length and a coding, either.
    if names.count(b"authorization") > 1 or (coded and b"content-length" in fields):
        raise Refused(HTTPStatus.BAD_REQUEST)
    if coded:
        raise Refused(HTTPStatus.LENGTH_REQUIRED)
    if int(fields.get(b"content-length", b"0")) > MAX_BODY:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
