"""Where one HTTP/1.1 request ends, decided before anybody works on it (RFC 9112).

Strict on purpose: what two readers could understand differently is refused, so that a proxy in front and
this server never disagree about where the next request begins.
"""

import re
from dataclasses import dataclass

MAX_LINE = 16 * 1024
MAX_HEADER = 32 * 1024
MAX_FIELDS = 100
MAX_BODY = 64 * 1024
_END = b"\r\n\r\n"
# In origin form only (§3.2.1): whatever names a host would be read by two, and perhaps in two ways.
_LINE = re.compile(rb"[A-Z]{1,20} (/(?!/)[!-~]*|\*) HTTP/[0-9]\.[0-9]")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(rb"[0-9]{1,10}")
# Of two values one reader takes the first and another the last.
_ONCE = (b"authorization", b"content-length", b"host")


class Refused(Exception):
    """This is no request that can be answered. `status` as in a status line, such as `400 Bad Request`."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


BAD = "400 Bad Request"
LATE = "408 Request Timeout"
NO_LENGTH = "411 Length Required"
BODY_TOO_LARGE = "413 Content Too Large"
LINE_TOO_LONG = "414 URI Too Long"
HEADER_TOO_LARGE = "431 Request Header Fields Too Large"


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a request says: its size with the body, in bytes, and whether it waits for leave."""

    total: int
    expects: bool


def read_head(data: bytes | bytearray) -> Head | None:
    """Read the head at the beginning of `data`; None while it is not complete. Raises Refused."""
    # One empty line before a request is ignored (RFC 9112 §2.2).
    start = 2 if data.startswith(b"\r\n") else 0
    end = data.find(_END, start, start + MAX_HEADER + len(_END))
    line = data.find(b"\n", start, start + MAX_LINE)
    if line > start and data[line - 1] != 0x0D:
        raise Refused(BAD)
    if line < 0 and len(data) - start > MAX_LINE:
        raise Refused(LINE_TOO_LONG)
    if end < 0 and len(data) - start > MAX_HEADER:
        raise Refused(HEADER_TOO_LARGE)
    if end < 0:
        return None
    fields = _fields(bytes(data[start:end]))
    size = end + len(_END)
    return Head(size + _body_length(fields), b"100-continue" in fields.get(b"expect", []))


def _fields(head: bytes) -> dict[bytes, list[bytes]]:
    """Every value by its name in lower case (RFC 9112 §5)."""
    if b"\x00" in head or b"\r" in head.replace(b"\r\n", b""):
        raise Refused(BAD)
    line, *lines = head.split(b"\r\n")
    if not _LINE.fullmatch(line):
        raise Refused(BAD)
    if len(lines) > MAX_FIELDS:
        raise Refused(HEADER_TOO_LARGE)
    found: dict[bytes, list[bytes]] = {}
    for field in lines:
        name, colon, value = field.partition(b":")
        # This refuses folded lines and white space before the colon as well (§5.1, §5.2).
        if not colon or not _NAME.fullmatch(name):
            raise Refused(BAD)
        found.setdefault(name.lower(), []).append(value.strip(b" \t").lower())
    if any(len(found.get(name, [])) > 1 for name in _ONCE):
        raise Refused(BAD)
    return found


def _body_length(fields: dict[bytes, list[bytes]]) -> int:
    """How many bytes follow the head (RFC 9112 §6.3): a length that is said once, and nothing else."""
    lengths = fields.get(b"content-length", [])
    coded = b"transfer-encoding" in fields
    if lengths and coded:
        raise Refused(BAD)
    if coded:
        raise Refused(NO_LENGTH)
    if not lengths:
        return 0
    if not _LENGTH.fullmatch(lengths[0]):
        raise Refused(BAD)
    if int(lengths[0]) > MAX_BODY:
        raise Refused(BODY_TOO_LARGE)
    return int(lengths[0])
