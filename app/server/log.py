"""Log lines: one event a line on standard error, as `key=value` or as JSON, never a secret.

Only what code names as a field is written, and of an exception what `error_report` says. What belongs to one
request carries its id.
"""

import json
import logging
import secrets
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from app.domain.text import clean
from app.server.error_report import report

REQUEST_HEADER = "x-request-id"
FORMATS = ("text", "json")
_LONGEST_SEGMENT = 40
logger = logging.getLogger("loopin.server")
_request: ContextVar[str] = ContextVar("request", default="")
_configuration = "warning", "text"


class TextFormatter(logging.Formatter):
    """time level event key=value …, always one line; values are JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        fields = [f"{key}={json.dumps(value, default=str)}" for key, value in _fields(record).items()]
        return " ".join((_time(record), record.levelname.lower(), record.getMessage(), *fields))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, event and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        opening = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(opening | _fields(record), default=str)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = dict(getattr(record, "fields", {}))
    if record.exc_info and record.exc_info[1]:
        fields |= report(record.exc_info[1])
    if request := getattr(record, "request", ""):
        fields["request"] = request
    return fields


def begin_request() -> str:
    """A new id, which every event of this task carries from here on."""
    request = secrets.token_hex(8)
    _request.set(request)
    return request


def current_request() -> str:
    """The id of the request under way, empty when there is none."""
    return _request.get()


def shown_path(path: str) -> str:
    """A path for the log. A long segment is none of our names; it may be a token in the wrong place."""
    return clean("/".join("…" if len(part) > _LONGEST_SEGMENT else part for part in path.split("/")), 200)


def event(name: str, /, level: int = logging.INFO, **fields: object) -> None:
    """Log one event with named values."""
    logger.log(level, name, extra={"fields": fields, "request": _request.get()})


def failure(name: str, error: BaseException, /, **fields: object) -> None:
    """Log something that should not happen, without the text of the exception."""
    logger.error(name, exc_info=error, extra={"fields": fields, "request": _request.get()})


def configuration() -> tuple[str, str]:
    """What `configure` was called with, for a process that is started from this one."""
    return _configuration


def configure(level: str = "warning", form: str = "text") -> None:
    """Send this server's events from `level` on to standard error, in one of FORMATS."""
    global _configuration
    _configuration = level, form
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
