"""`loopin run`: another program with the credentials in effect in its environment.

Its signals, its exit status and its output, without the secrets, pass through.
"""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO

import click

from app.adapters.system import hardening
from app.cli import debug, exit_codes
from app.cli.groups import Leaf
from app.cli.options import debug_option
from app.cli.runtime import invocation
from app.cli.runtime import run as run_service
from app.domain.credentials import Provider
from app.domain.errors import LoopinError
from app.domain.secret import VARIABLES
from app.domain.text import clean

NOT_STARTED, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
MASK = b"***"
_FORWARDED = ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT")
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFZ", "SIGXFSZ")
_FROM_TERMINAL = ("SIGINT", "SIGQUIT")


@click.command(
    "run",
    cls=Leaf,
    shared=[debug_option()],
    context_settings={
        "help_option_names": ["-h", "--help"],
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    },
)
@click.option(
    "--provider",
    "providers",
    multiple=True,
    type=click.Choice([provider.value for provider in Provider]),
    help="Whose credential; without it, of every provider that is signed in. May be given again.",
)
@click.option("--profile", metavar="NAME", help="Stored login to use.")
@click.option("--no-masking", is_flag=True, help="Let the secrets through where the output is piped.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def run(
    ctx: click.Context,
    providers: tuple[str, ...],
    profile: str | None,
    no_masking: bool,
    command: tuple[str, ...],
) -> int:
    """Run COMMAND with the credentials in effect as environment variables, and nowhere else.

    Example: loopin run -- gumloop models list. Signals and the exit status are passed on; 125 when Loopin
    itself failed, 126 when COMMAND cannot be executed, 127 when there is none.
    """
    chosen = [Provider(name) for name in dict.fromkeys(providers)]
    try:
        variables = run_service(
            ctx,
            lambda container: container.run_environment.read_variables(chosen),
            gumloop_profile=profile,
            chainloop_profile=profile,
        )
        # The program may take the place of this process.
        invocation(ctx).close()
    except LoopinError as error:
        debug.note(error)
        exit_codes.print_error(error)
        return NOT_STARTED
    secrets = [secret.reveal() for secret in variables.secrets]
    # What the job was given beside them passes on to the command, and is masked too.
    given = [os.environ.get(name, "") for name in VARIABLES]
    secrets += [text for value in given for text in {value, value.strip()} if len(text) >= debug.SHORTEST]
    return _run_program(command, variables.over(os.environ), [] if no_masking else secrets)


def _run_program(command: Sequence[str], environment: Mapping[str, str], secrets: Sequence[str]) -> int:
    """Run `command` and return its exit status, 128 + N for signal N, as shells count.

    Output that goes to a terminal goes there directly. Anything else passes through a mask when there
    are `secrets`; then this waits until the output has ended, as a pipe does.
    """
    streams = [1, 2] if secrets else []
    piped = [number for number in streams if not os.isatty(number)]
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        if not piped and hasattr(os, "execvpe") and os.name != "nt":
            with hardening.lifted(), _signal_handler(_numbers(_IGNORED_BY_PYTHON), signal.SIG_DFL):
                # A program inherits what is ignored: `yes | head -1` would not end.
                os.execvpe(command[0], list(command), dict(environment))  # noqa: S606  # a program, never a shell
        return _run_masked(command, environment, piped, [secret.encode() for secret in secrets])
    except OSError as error:
        return _report_not_started(command[0], error)


@contextmanager
def _signal_handler(
    numbers: Iterable[int], handler: Callable[[int, FrameType | None], None] | signal.Handlers
) -> Iterator[None]:
    """Inside, these signals have this handler."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)


def _report_not_started(program: str, error: OSError) -> int:
    name = clean(program, 100)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        exit_codes.print_error(LoopinError(f"{name}: there is no such command"))
        return NOT_FOUND
    if isinstance(error, PermissionError) or error.errno == errno.ENOEXEC:
        exit_codes.print_error(LoopinError(f"{name} cannot be executed"))
        return NOT_EXECUTABLE
    exit_codes.print_error(LoopinError(f"{name} could not be started: {error.strerror}"))
    return NOT_STARTED


def _run_masked(
    command: Sequence[str], environment: Mapping[str, str], piped: Sequence[int], secrets: Sequence[bytes]
) -> int:
    # One file for both keeps the order in which they were written.
    joined = len(piped) == 2 and os.path.sameopenfile(1, 2)
    forwarder = _Forwarder()
    with _signal_handler(_numbers((*_FORWARDED, *_FROM_TERMINAL)), forwarder.receive):
        with hardening.lifted():
            child = subprocess.Popen(  # noqa: S603  # the person's own command
                list(command),
                env=dict(environment),
                stdout=subprocess.PIPE if 1 in piped else None,
                stderr=subprocess.STDOUT if joined else subprocess.PIPE if 2 in piped else None,
            )
        forwarder.start(child.pid)
        threads = [
            threading.Thread(target=_copy_masked, args=(pipe, target, Masker(secrets)))
            for pipe, target in ((child.stdout, 1), (child.stderr, 2))
            if pipe is not None
        ]
        for thread in threads:
            thread.start()
        status = _wait(child)
        forwarder.stop()
        for thread in threads:
            thread.join()
    return 128 - status if status < 0 else status


def _wait(child: "subprocess.Popen[bytes]") -> int:
    """Wait until the child has ended, and let the handlers of signals run meanwhile.

    A signal that arrives just before waitpid(), or in another thread, does not interrupt it, and would not be
    forwarded before the child ends. Each writes a byte to the wakeup descriptor.
    """
    if not hasattr(signal, "SIGCHLD") or threading.current_thread() is not threading.main_thread():
        return child.wait()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    handler = signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        while (status := child.poll()) is None:
            os.read(reader, 512)
        return status
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGCHLD, handler)
        os.close(reader)
        os.close(writer)


def _copy_masked(pipe: IO[bytes], target: int, masker: "Masker") -> None:
    reader = pipe.fileno()
    try:
        while chunk := os.read(reader, 65536):
            _write(target, masker.feed(chunk))
        _write(target, masker.rest())
    except OSError:
        # The reader of the output has left: the child learns it from its own closed pipe.
        return
    finally:
        pipe.close()


def _write(target: int, data: bytes) -> None:
    while data:
        data = data[os.write(target, data) :]


class _Forwarder:
    """Sends the signals that this process receives to the child; before it is started they wait.

    A terminal sends ctrl+c to both processes itself; only without one is it forwarded.
    """

    def __init__(self) -> None:
        self._pending: list[int] = []
        self._pid: int | None = None

    def receive(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        if number in _numbers(_FROM_TERMINAL) and sys.stdin is not None and sys.stdin.isatty():
            return
        if self._pid is None:
            self._pending.append(number)
        else:
            self._send(self._pid, number)

    def start(self, pid: int) -> None:
        """Send what waits, and from now on each signal at once."""
        self._pid = pid
        while self._pending:
            self._send(pid, self._pending.pop(0))

    def stop(self) -> None:
        """The child has ended."""
        self._pid = None

    def _send(self, pid: int, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _numbers(names: Iterable[str]) -> list[int]:
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


class Masker:
    """Takes secrets out of a stream, also where one is cut in two between chunks."""

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._secrets = sorted(set(secrets), key=len, reverse=True)
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may be shown by now; what could be the beginning of a secret is held back."""
        data = self._held + chunk
        for secret in self._secrets:
            data = data.replace(secret, MASK)
        keep = max((_overlap(data, secret) for secret in self._secrets), default=0)
        self._held = data[len(data) - keep :]
        return data[: len(data) - keep]

    def rest(self) -> bytes:
        """What was held back, at the end of the stream."""
        held, self._held = self._held, b""
        return held


def _overlap(data: bytes, secret: bytes) -> int:
    """The length of the longest end of `data` that `secret` begins with."""
    longest = min(len(data), len(secret) - 1)
    return next((size for size in range(longest, 0, -1) if data.endswith(secret[:size])), 0)
