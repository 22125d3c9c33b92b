"""An exception in a handler does not end the app; it still fails the test during which it was raised."""

import logging
from collections.abc import Iterator

import pytest


class Contained(logging.Handler):
    """Keeps what was contained."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the error itself."""
        if record.msg.startswith("an error was contained") and record.exc_info and record.exc_info[1]:
            self.errors.append(record.exc_info[1])


@pytest.fixture(autouse=True)
def contained() -> Iterator[list[BaseException]]:
    """What was contained so far; a test that expects an error takes it out."""
    handler, logger = Contained(), logging.getLogger("app.tui.terminal")
    logger.addHandler(handler)
    yield handler.errors
    logger.removeHandler(handler)
    if handler.errors:
        raise handler.errors[0]
