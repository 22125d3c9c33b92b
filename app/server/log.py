"""Log of the account server: one event a line on standard error, as `key=value` or as JSON, never a secret.

Only named fields are written. Of an exception: its type, the source lines of this program that it passed
through, and the error codes of the database; never its text and no variable, as both may quote a request.
Events of one request carry its id.
"""

import asyncio
import json
import logging
import re
import secrets
import sys
import threading
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import app
from app.domain.text import clean

REQUEST_HEADER = "x-request-id"
FORMATS = ("text", "json")
logger = logging.getLogger("loopin.server")
_PROGRAM = Path(app.__file__).resolve().parent
_ROOT = _PROGRAM.parent
_MAX_FRAMES, _MAX_CAUSES, _MAX_SEGMENT = 12, 4, 40
# SQLite names the constraint in the text only. The groups match names of tables, columns and indexes.
_SQLITE_CONSTRAINT = re.compile(r"([A-Z ]{2,20}) constraint failed(?:: (?:index )?'?([\w., ]{1,200})'?)?")
_request: ContextVar[str] = ContextVar("request", default="")
_configuration = "warning", "text"


def configure(level: str = "warning", form: str = "text") -> None:
    """Write events from `level` on to standard error, in one of FORMATS."""
    global _configuration
    _configuration = level, form
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False


def configuration() -> tuple[str, str]:
    """The arguments of the last `configure`, for a process that is started from this one."""
    return _configuration


def event(name: str, /, level: int = logging.INFO, **fields: object) -> None:
    """Log one event with named values."""
    logger.log(level, name, extra={"fields": fields, "request": _request.get()})


def failure(name: str, error: BaseException, /, **fields: object) -> None:
    """Log an unexpected exception, without its text."""
    logger.error(name, exc_info=error, extra={"fields": fields, "request": _request.get()})


def begin_request() -> str:
    """Give the current task a new request id, and return it."""
    request = secrets.token_hex(8)
    _request.set(request)
    return request


def current_request() -> str:
    """The id of the current request; empty outside of one."""
    return _request.get()


def redact_path(path: str) -> str:
    """Shorten a path for the log. No route has a segment of more than 40 characters; it may be a token."""
    return clean("/".join("…" if len(part) > _MAX_SEGMENT else part for part in path.split("/")), 200)


def describe_exception(error: BaseException) -> dict[str, object]:
    """Fields for the log: `error` and its `cause`s by type, and `at`, the innermost frames of this program.

    For a database error also `sqlstate` (PostgreSQL) or `sqlite_error`, and the violated `constraint`.
    """
    chain = list(_chain(error))
    frames = [frame for link in chain for frame in _own_frames(link)]
    fields: dict[str, object] = {"error": _type_name(error)}
    if len(chain) > 1:
        fields["cause"] = [_type_name(cause) for cause in chain[1:]]
    fields["at"] = list(dict.fromkeys(reversed(frames)))[:_MAX_FRAMES]
    return fields | next(filter(None, map(_describe_database_error, chain)), {})


def database_code(error: object) -> tuple[str, str]:
    """SQLSTATE and SQLite's error name of a driver's exception; empty where it has none."""
    return getattr(error, "sqlstate", None) or "", getattr(error, "sqlite_errorname", None) or ""


def capture_library_errors() -> None:
    """Log what libraries log themselves, and exceptions that end a thread, without their text."""
    logging.getLogger().addHandler(_LibraryHandler(logging.WARNING))
    threading.excepthook = _log_thread_exception


def handle_loop_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Exception handler of the event loop; a lost connection, which a client can cause, is no failure."""
    error = context.get("exception")
    # CancelledError: a task that was still running at a stop.
    if "transport" in context or isinstance(error, asyncio.CancelledError):
        event("http.trouble", logging.INFO, error=type(error).__name__)
    else:
        loop.default_exception_handler(context)


class TextFormatter(logging.Formatter):
    """`time level event key=value …` on one line; values are JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        fields = [f"{key}={json.dumps(value, default=str)}" for key, value in _fields(record).items()]
        return " ".join((_time(record), record.levelname.lower(), record.getMessage(), *fields))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, event and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        head = {"time": _time(record), "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(head | _fields(record), default=str)


class _LibraryHandler(logging.Handler):
    """Logs the name of the library and the exception, not the message."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record of a library."""
        if record.exc_info and record.exc_info[1]:
            failure("library.failed", record.exc_info[1], library=record.name)
        else:
            event("library.trouble", record.levelno, library=record.name)


def _log_thread_exception(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is not None:
        name = arguments.thread.name if arguments.thread else ""
        failure("thread.failed", arguments.exc_value, thread=name)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = dict(getattr(record, "fields", {}))
    if record.exc_info and record.exc_info[1]:
        fields |= describe_exception(record.exc_info[1])
    if request := getattr(record, "request", ""):
        fields["request"] = request
    return fields


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MAX_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _own_frames(error: BaseException) -> Iterator[str]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(_PROGRAM):
            yield f"{path.relative_to(_ROOT).as_posix()}:{line} {frame.f_code.co_name}"


def _describe_database_error(error: BaseException) -> dict[str, str]:
    sqlstate, sqlite_error = database_code(error)
    if sqlstate:
        name: str | None = getattr(getattr(error, "diag", None), "constraint_name", None)
        return {"sqlstate": sqlstate} | ({"constraint": name} if name else {})
    if sqlite_error:
        match = _SQLITE_CONSTRAINT.fullmatch(str(error))
        constraint = ": ".join(part for part in match.groups() if part) if match else ""
        return {"sqlite_error": sqlite_error} | ({"constraint": constraint} if constraint else {})
    return {}
