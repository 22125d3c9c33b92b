"""Exit codes, and how every error becomes one sentence, a next step and its code.

0 done · 1 refused by the server, or failed · 2 bad usage · 3 not signed in · 4 no usable keychain
5 unreachable · 6 partly done · 7 a check found something · 130 cancelled
141 the reader closed the output before it was complete, as a shell counts SIGPIPE
"""

import errno
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from app.cli import debug
from app.domain.errors import Cancelled, LoopinError, NotSignedIn, Unreachable, UsageError, VaultError
from app.domain.text import clean

DONE, FAILED, USAGE, SIGNED_OUT, NO_KEYCHAIN, UNREACHABLE, PARTLY, FOUND, CANCELLED = (
    *range(8),
    130,
)

_CODES: tuple[tuple[type[LoopinError], int], ...] = (
    (UsageError, USAGE),
    (NotSignedIn, SIGNED_OUT),
    (VaultError, NO_KEYCHAIN),
    (Unreachable, UNREACHABLE),
    (Cancelled, CANCELLED),
)


READER_LEFT = 128 + 13
_LAST_STANDARD_STREAM = 2
_OUTPUT_ERRNOS = frozenset({errno.EIO, errno.EFBIG, errno.ENOSPC, errno.EPIPE})


class PartlyDone(LoopinError):
    """Some of what was asked for happened, and some did not."""


class Stopped(LoopinError):
    """A signal ended the command in an orderly way."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


def code_of(error: LoopinError) -> int:
    """The exit code of an error; 128 + N for signal N, as shells count."""
    if isinstance(error, PartlyDone):
        return PARTLY
    if isinstance(error, Stopped):
        return 128 + error.number
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def prepare_streams() -> None:
    """Make the standard streams and logging safe for a command.

    A character that the terminal cannot show is replaced. Standard input and standard error that the caller
    closed become the null device; `run_reporting_errors` refuses to begin without a standard output.

    Errors that libraries log are not printed over the screen: an interrupted gRPC call makes asyncio complain
    of its poller, for one. A record that a handler cannot write is dropped; Python would print it with its
    arguments, which may be secret.
    """
    logging.raiseExceptions = False
    _open_missing_streams()
    for library in ("asyncio", "grpc"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        # Tests and embedders may put streams there that cannot be changed.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")


def _open_missing_streams() -> None:
    # Otherwise the next file or socket takes the free descriptor, and gets what is meant for the stream.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD_STREAM:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(_LAST_STANDARD_STREAM, "w", closefd=False)


def run_reporting_errors(work: Callable[[], int | None]) -> int:
    """Run `work`, write its error to standard error, and return the exit code; no exception passes."""
    if sys.stdout is None:
        return _report(UsageError("standard output is closed", hint="to see nothing: > /dev/null"))
    code = READER_LEFT
    try:
        code = _run(work)
        sys.stdout.flush()
    except BrokenPipeError:
        # In the work it cut the output short; in the flush the work was done before.
        _discard_output()
    except OSError as error:
        code = _report(LoopinError(f"the output could not be written: {error.strerror or error}"))
    if place := debug.finish(code):
        print_stderr(f"loopin: {place}")
    return code


def _run(work: Callable[[], int | None]) -> int:
    try:
        return work() or DONE
    except LoopinError as error:
        debug.note(error)
        return _report(error)
    except KeyboardInterrupt:
        return _report(Cancelled("cancelled"))
    except Exception as error:  # what nobody foresaw becomes one sentence, too
        if isinstance(error, OSError) and _is_output(error):
            raise
        debug.note(error)
        hint = "" if debug.active() else "run it again with --debug, which writes a log file"
        kind = type(error).__name__
        return _report(LoopinError(f"something went wrong inside Loopin ({kind})", hint=hint))


def _is_output(error: OSError) -> bool:
    # Writing to a full disk or a closed pipe names no file; everything else that opens files does.
    return isinstance(error, BrokenPipeError) or (error.filename is None and error.errno in _OUTPUT_ERRNOS)


def _report(error: LoopinError) -> int:
    print_error(error)
    return code_of(error)


def print_error(error: LoopinError) -> None:
    """Write what happened, and the next step, to standard error."""
    lines = [f"loopin: {clean(error.message)}"]
    if error.hint:
        lines.append(f"  next: {clean(error.hint)}")
    print_stderr(*lines)


def print_stderr(*lines: str, end: str = "\n") -> None:
    """Write lines to standard error; lines that nobody reads are dropped."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write("\n".join(lines) + end)
            sys.stderr.flush()


def _discard_output() -> None:
    """Keep the interpreter from complaining when it flushes at its end: the reader of the output has left."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
