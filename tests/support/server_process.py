"""The account server as a child process.

`ServerProcess` starts fast: every server of a test run is forked from one process that has imported the
program already, and its password hashes are cheap. `run_program` starts the program as a person does; the
benchmarks use it.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

ROOT = Path(__file__).parents[2]
NO_CONSTANTS: Mapping[str, object] = MappingProxyType({})
_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["tests.support.server_preload"])


class ServerProcess:
    """A running server, with the methods of `subprocess.Popen` that tests need."""

    def __init__(
        self, arguments: Sequence[str], errors: Path, constants: Mapping[str, object] = NO_CONSTANTS
    ) -> None:
        """Start `loopin server ARGUMENTS`; standard error is appended to the file `errors`.

        `constants` replaces values of modules, such as {"app.server.web.asgi.ARRIVAL": 0.5}, so that
        a test of a time-out need not wait as long as a person's server does.
        """
        theirs_in, ours_in = _forkserver.Pipe(duplex=False)
        ours_out, theirs_out = _forkserver.Pipe(duplex=False)
        self._process = _forkserver.Process(
            target=_serve,
            args=(list(arguments), dict(os.environ), dict(constants), theirs_in, theirs_out, str(errors)),
        )
        self._process.start()
        theirs_in.close()
        theirs_out.close()
        self.stdin: TextIO = os.fdopen(os.dup(ours_in.fileno()), "w")
        self.stdout: TextIO = os.fdopen(os.dup(ours_out.fileno()), "r")
        ours_in.close()
        ours_out.close()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status; raise subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("loopin server", timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def run_program(arguments: Sequence[str], errors: Path) -> "subprocess.Popen[str]":
    """Start `loopin server ARGUMENTS`; standard error is appended to the file `errors`."""
    with errors.open("a") as error_file:
        return subprocess.Popen(
            [sys.executable, "-m", "app", "server", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=error_file,
            text=True,
            cwd=ROOT,
        )


def _serve(
    arguments: list[str],
    environment: dict[str, str],
    constants: dict[str, object],
    stdin: Connection,
    stdout: Connection,
    errors: str,
) -> None:
    """Become the server: its streams and environment, then its `main`."""
    from app.__main__ import main

    error_file = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, descriptor in enumerate((stdin.fileno(), stdout.fileno(), error_file)):
        os.dup2(descriptor, number)
    os.close(error_file)
    stdin.close()
    stdout.close()
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    for place, value in constants.items():
        module, _, name = place.rpartition(".")
        assert hasattr(import_module(module), name), place
        setattr(import_module(module), name, value)
    sys.exit(main(["server", *arguments]))
