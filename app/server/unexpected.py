"""What no gate of ours catches: errors that libraries log themselves, and those that end a thread.

Python would print them with their text, which may quote what somebody sent.
"""

import asyncio
import logging
import threading
from typing import Any

from app.server import log


class _Libraries(logging.Handler):
    """Tells which library has trouble, and its exception as one of ours; never its words."""

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one record on."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            log.failure("library.failed", error, library=record.name)
        else:
            log.event("library.trouble", record.levelno, library=record.name)


def catch() -> None:
    """From here on, for this process."""
    logging.getLogger().addHandler(_Libraries(logging.WARNING))
    threading.excepthook = _thread_ended


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        log.failure("thread.failed", ended.exc_value, thread=ended.thread.name if ended.thread else "")


def catch_in(loop: asyncio.AbstractEventLoop) -> None:
    """What ends one connection of this event loop is no failure of ours: a client can cause it."""
    loop.set_exception_handler(_connection_ended)


def _connection_ended(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    # A task that is cancelled at a stop has been given up on purpose.
    if "transport" in context or isinstance(error, asyncio.CancelledError):
        log.event("http.trouble", logging.INFO, error=type(error).__name__)
    else:
        loop.default_exception_handler(context)
