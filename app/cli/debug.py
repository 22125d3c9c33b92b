"""The log that `--debug` writes: one private file a run, every secret masked."""

import logging
import os
import re
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TextIO

from app.domain.errors import LoopinError, UsageError
from app.domain.inputs import read_secret

MASK = "[secret]"
SHORTEST = 6
"""Characters of a secret that is looked for; a shorter one is part of too many words."""
_SHAPES = r"""eyJ[\w-]{4,}(?:\.[\w-]*){0,2}                # a JWT, or the beginning of one
      | \b[\w-]{16,}\.[\w-]{16,}\.[\w-]{16,}         # three parts that could be one
      | \bgum_\w+                                    # a Gumloop key
      | (?<=[?&]t=)[^&\s'"]+                         # the token in a callback address
      | (?i:(?<=bearer\s))\S+"""
_log = logging.getLogger("loopin")
_state: dict[str, Path] = {}
_known: set[str] = set()


@cache
def _shapes() -> re.Pattern[str]:
    """Most runs write no log, and do not wait until this is compiled."""
    return re.compile(_SHAPES, re.VERBOSE)


def mask(text: str) -> str:
    """Return `text` with everything that is, or looks like, a secret taken out."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _shapes().sub(MASK, text)


def hide(secret: str) -> None:
    """Take `secret` out of everything that is logged from here on: as it was given, and as it is sent."""
    with suppress(UsageError):
        if (sent := read_secret(secret, "a secret")) is not None and len(sent.reveal()) >= SHORTEST:
            _known.add(sent.reveal())
    if len(secret) >= SHORTEST:
        _known.add(secret)


class _Masked(logging.Formatter):
    """Formats first and masks last, so that tracebacks and arguments are masked too."""

    def format(self, record: logging.LogRecord) -> str:
        return mask(super().format(record))


class LogFile(logging.StreamHandler[TextIO]):
    """Writes until the file takes no more; logging itself would print every lost line, unmasked."""

    problem = ""
    """Why the log is not whole."""

    def emit(self, record: logging.LogRecord) -> None:
        if not self.problem:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name that logging calls
        """Note why the file takes no more; a line that cannot be put together is left out."""
        if isinstance(error := sys.exc_info()[1], OSError):
            self._fail(error)

    def close(self) -> None:
        """Close the file, too."""
        super().close()
        try:
            self.stream.close()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.problem = self.problem or error.strerror or type(error).__name__


def start(folder: Path) -> Path:
    """Open the log in `folder` (0700) as a new file (0600), once a run; raise LoopinError."""
    if "path" in _state:
        return _state["path"]
    path = folder / f"debug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # O_EXCL: never write through a link that somebody put there.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise LoopinError(f"the debug log cannot be written: {error.strerror}", hint=str(folder)) from None
    handler = LogFile(os.fdopen(descriptor, "w", encoding="utf-8"))
    handler.setFormatter(_Masked("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    # They log whole headers and bodies, which nobody needs and a mask may miss.
    for loud in ("httpcore", "hpack"):
        logging.getLogger(loud).setLevel(logging.INFO)
    _state["path"] = path
    return path


def active() -> bool:
    """True when a log is being written."""
    return "path" in _state


def note(what: object, *arguments: object) -> None:
    """Log a line, or an error with its traceback, when a log is being written."""
    if not active():
        return
    if isinstance(what, BaseException):
        _log.error("%s", type(what).__name__, exc_info=what)
    else:
        _log.debug(str(what), *arguments)


def finish(code: int) -> str:
    """Close the log and say where it lies, and what is wrong with it; empty when there is none."""
    path = _state.pop("path", None)
    _known.clear()
    if path is None:
        return ""
    _log.debug("exit code %d", code)
    root = logging.getLogger()
    place = f"the log is in {path}"
    for handler in [each for each in root.handlers if isinstance(each, LogFile)]:
        root.removeHandler(handler)
        handler.close()
        if handler.problem:
            place = f"the debug log cannot be written: {handler.problem}; what there is of it is in {path}"
    root.setLevel(logging.WARNING)
    return place
