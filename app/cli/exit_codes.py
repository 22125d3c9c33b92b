"""The exit codes, and the one gate through which every error leaves.

0 done · 1 refused by the server, or failed · 2 bad usage · 3 not signed in · 4 no usable keychain
5 unreachable · 6 partly done · 7 a check found something · 130 cancelled
141 whoever read the output had left before it was complete, as a shell counts SIGPIPE
"""

import errno
import logging
import os
import signal
import sys
from collections.abc import Callable

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


class PartlyDone(LoopinError):
    """Some of what was asked for happened, and some did not."""


class Stopped(LoopinError):
    """A signal ended it, and everything was put back in order."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.number = number


READER_LEFT = 128 + 13


def code_of(error: LoopinError) -> int:
    """The exit code that tells a script what kind of error this is; 128 + N for signal N, as shells count."""
    if isinstance(error, PartlyDone):
        return PARTLY
    if isinstance(error, Stopped):
        return 128 + error.number
    return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)


def prepare_streams() -> None:
    """A terminal that cannot show a character gets a stand-in for it, not an error.

    Standard input and standard error that the caller closed become the null device; `guarded` refuses
    to begin without a standard output.

    What libraries log goes to a log, where there is one: Python would print their errors over the screen.
    An interrupted gRPC call makes asyncio complain of its poller, for one. What a log cannot take is lost:
    Python would print it with its arguments, which may be secret.
    """
    logging.raiseExceptions = False
    _fill_gaps()
    for library in ("asyncio", "grpc"):
        logging.getLogger(library).addHandler(logging.NullHandler())
    for stream in (sys.stdout, sys.stderr):
        # Tests and embedders may put streams there that cannot be changed.
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="replace")


def _fill_gaps() -> None:
    # The next file or socket would take the free number, and get what is meant for the stream.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(_STANDARD, "w", closefd=False)


_STANDARD = 2
"""Descriptors up to this one are the standard streams."""


def run_reporting_errors(work: Callable[[], int | None]) -> int:
    """Run `work` and return the exit code; nothing gets past here but that number."""
    if sys.stdout is None:
        return _report(UsageError("standard output is closed", hint="to see nothing: > /dev/null"))
    code = READER_LEFT
    try:
        code = _outcome(work)
        sys.stdout.flush()
    except BrokenPipeError:
        # In the work it cut the output short; in the flush the work was done before.
        _hush()
    except OSError as error:
        code = _report(LoopinError(f"the output could not be written: {error.strerror or error}"))
    if said := debug.finish(code):
        print_stderr(f"loopin: {said}")
    return code


def _outcome(work: Callable[[], int | None]) -> int:
    try:
        return work() or DONE
    except LoopinError as error:
        debug.note(error)
        return _report(error)
    except KeyboardInterrupt:
        return _report(Cancelled("cancelled"))
    except OSError as error:
        if _is_output(error):
            raise
        return _unexpected(error)
    except Exception as error:  # the gate: what nobody foresaw becomes one sentence
        return _unexpected(error)


def _is_output(error: OSError) -> bool:
    # Writing to a full disk or a closed pipe names no file; everything else that opens files does.
    return isinstance(error, BrokenPipeError) or (error.filename is None and error.errno in _OUTPUT_ERRNOS)


_OUTPUT_ERRNOS = frozenset({errno.EIO, errno.EFBIG, errno.ENOSPC, errno.EPIPE})


def _unexpected(error: BaseException) -> int:
    debug.note(error)
    hint = "" if debug.active() else "run it again with --debug, which writes a log file"
    return _report(LoopinError(f"something went wrong inside Loopin ({type(error).__name__})", hint=hint))


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
    """Write lines to standard error; one that nobody reads is lost without a word."""
    stream = sys.stderr
    if stream is None:
        return
    try:
        print(*lines, sep="\n", end=end, file=stream, flush=True)
    except OSError:
        return


def _hush() -> None:
    """Whoever read our output has gone: keep the interpreter from complaining when it flushes at its end."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
