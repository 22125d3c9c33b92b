"""Log lines: one event a line on standard error, `key=value`, never a secret.

Only what code names as a field is written; exceptions appear as their type and the place they came from,
because their text may quote a value.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("loopin.server")


class LineFormatter(logging.Formatter):
    """time level event key=value …, always one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, Any] = getattr(record, "fields", {})
        parts = [at, record.levelname.lower(), record.getMessage()]
        parts += [f"{key}={json.dumps(value, default=str)}" for key, value in fields.items()]
        if record.exc_info and record.exc_info[1]:
            parts.append(f"error={json.dumps(_where(record.exc_info[1]))}")
        return " ".join(parts).replace("\n", " ")


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"


def event(name: str, /, level: int = logging.INFO, **fields: object) -> None:
    """Log one event with named values."""
    logger.log(level, name, extra={"fields": fields})


def failure(name: str, error: BaseException, /, **fields: object) -> None:
    """Log something that should not happen, without the text of the exception."""
    logger.error(name, exc_info=error, extra={"fields": fields})


def configure(level: str = "warning") -> None:
    """Send this server's events from `level` on to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
