"""The command line as scripts and people use it: a child process, or in this one with other adapters."""

import asyncio
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import patch

import httpx
import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.cli import exit_codes, root
from app.cli.runtime import real_container
from app.domain.errors import BrowserUnavailable
from app.settings import Settings
from tests.support.process_state import isolated
from tests.support.server import ROOT, AccountServer, sign_in, submit_login

PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    def fails(self, code: int, *words: str) -> "Result":
        """Check the exit code, that `words` stand on standard error, and that no traceback does."""
        assert self.code == code, (self.code, self.out, self.err)
        assert "Traceback" not in self.out + self.err
        for word in words:
            assert word in self.err, (word, self.err)
        return self

    def works(self) -> "Result":
        """Check that it was done."""
        return self.fails(exit_codes.DONE)


def ran(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
    stdin: str | None = None,
) -> Result:
    """Run a program to its end; without `stdin` there is none."""
    run = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL if stdin is None else None,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return Result(run.returncode, run.stdout, run.stderr)


def in_process(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
    stdin: str = "",
    containers: Callable[[Settings], Container] = real_container,
) -> Result:
    """Run one command in this process, with an environment and standard streams of its own.

    Everything but the start and the end of the process is the real program's, and what it changes in the
    process is put back (`process_state.isolated`). What a command leaves to its process, such as an exit by
    a signal, needs `Loopin.process`; so do two runs with `--debug` in one second and one state folder: the
    log is named after the second and the process. A child of the command (`loopin run`) writes to the
    descriptors 1 and 2, which are this process's: the fixture `capfd` reads them.

    Under a running event loop, as in an async test, the command gets a loop in a thread of its own, and the
    caller's loop stands still meanwhile.
    """
    __tracebackhide__ = True
    # keyring ranks its backends once a process, whatever keychain was there then.
    assert environment.get("PYTHON_KEYRING_BACKEND"), "name a backend, or use Loopin.process"
    buffers = io.BytesIO(stdin.encode()), io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(one, encoding="utf-8", write_through=True) for one in buffers]

    def work() -> int:
        with isolated(environment, cwd or Path.cwd()), _not_replaced():
            sys.stdin, sys.stdout, sys.stderr = streams
            exit_codes.prepare_streams()
            return root.run(arguments, containers)

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        code = work()
    else:
        with ThreadPoolExecutor(1) as thread:
            code = thread.submit(work).result()
    out, err = (written.getvalue().decode() for written in buffers[1:])
    return Result(code, out, err)


@contextmanager
def _not_replaced() -> Iterator[None]:
    """`loopin run` without masking takes the place of its process: that must not be this one."""
    really = os.execvpe

    def refused(program: str, arguments: list[str], environment: dict[str, str]) -> NoReturn:
        if shutil.which(program, path=environment.get("PATH")):
            # Not an Exception: it gets past the gate of the command.
            pytest.fail(f"{program} would take the place of this process: use Loopin.process")
        really(program, arguments, environment)

    with patch.object(os, "execvpe", refused):
        yield


@dataclass
class Loopin:
    """Runs `loopin`. `environment` is laid over this process's own; `containers` are those of `__call__`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    containers: Callable[[Settings], Container] = real_container

    def __call__(self, *arguments: str, stdin: str | None = None, **environment: str) -> Result:
        """Run one command in this process; a variable given as "" is taken away."""
        variables = self.variables(**environment)
        result = in_process(arguments, variables, cwd=ROOT, stdin=stdin or "", containers=self.containers)
        assert "Traceback" not in result.out + result.err, result.err
        return result

    def process(self, *arguments: str, stdin: str | None = None, **environment: str) -> Result:
        """Run `python -m app` in a child process; without `stdin` it has the null device."""
        command = [sys.executable, "-m", "app", *arguments]
        result = ran(command, self.variables(**environment), cwd=ROOT, stdin=stdin)
        assert "Traceback" not in result.out + result.err, result.err
        return result

    def begin(
        self, *arguments: str, program: Sequence[str] = (sys.executable, "-m", "app"), **environment: str
    ) -> "subprocess.Popen[str]":
        """Start a command without a standard input; both outputs are pipes."""
        return subprocess.Popen(
            [*program, *arguments],
            cwd=ROOT,
            env=self.variables(**environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def race(self, count: int, *arguments: str) -> list[Result]:
        """Run the same command in so many processes at once, all forked from one (tests.support.forked)."""
        folder = self.folder / "race"
        folder.mkdir()
        command = [sys.executable, "-m", "tests.support.forked", str(count), str(folder), *arguments]
        codes = ran(command, self.variables(), cwd=ROOT).works().json
        said = [
            [(folder / f"{name}-{number}").read_text() for name in ("out", "err")] for number in range(count)
        ]
        return [Result(code, *words) for code, words in zip(codes, said, strict=True)]

    def first_line(self, *arguments: str) -> str:
        """Read one line and go away; check that the command ends without a word."""
        with self.begin(*arguments) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            line = child.stdout.readline()
            child.stdout.close()
            assert child.stderr.read() == ""
            assert child.wait() == 0
        return line

    def line(self, line: str, **environment: str) -> Result:
        """Run a command line as it is printed somewhere, without the leading `loopin`."""
        return self(*line.split(), **environment)

    def variables(self, **more: str) -> dict[str, str]:
        """The environment of the child."""
        base = {
            **os.environ,
            "LOOPIN_CONFIG_DIR": str(self.folder / "config"),
            "LOOPIN_STATE_DIR": str(self.folder / "state"),
        }
        merged = {**base, **self.environment, **more}
        return {name: value for name, value in merged.items() if value}


@pytest.fixture
def loopin(tmp_path: Path) -> Loopin:
    """The command, with nobody signed in and no keychain."""
    return Loopin(tmp_path)


_bearers: dict[tuple[int, str, tuple[str, str]], str] = {}


def bearer_of(server: AccountServer, who: tuple[str, str]) -> str:
    """The JWT of a person's first sign-in at `server`. Who ends the session takes one from `sign_in`."""
    key = server.pid, server.http, who
    if key not in _bearers:
        _bearers[key] = sign_in(server, *who)
    return _bearers[key]


def signed_in(loopin: Loopin, server: AccountServer, who: tuple[str, str]) -> Loopin:
    """The command with CHAINLOOP_TOKEN of a person at `server`; the session is shared with other tests."""
    loopin.environment = {
        "CHAINLOOP_TOKEN": bearer_of(server, who),
        "CHAINLOOP_CONTROL_PLANE_API": server.grpc,
        "CHAINLOOP_API_INSECURE": "true",
    }
    return loopin


@contextmanager
def interrupts_heard() -> Iterator[None]:
    """A shell that starts us in the background has interrupts ignored, and children inherit that.

    Here, not in a `preexec_fn`: that runs in a fork of a process with gRPC's threads, which may never end.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class FormBrowser:
    """Opens the sign-in page over HTTP, sends its form, and follows to the callback as a browser does."""

    def __init__(self, server: AccountServer) -> None:
        self._server = server
        self.opened: list[str] = []
        self.page = ""
        self._visit: asyncio.Task[None] | None = None

    async def open(self, url: str) -> str:
        """Open the page in the background."""
        self.opened.append(url)
        self._visit = asyncio.create_task(asyncio.to_thread(self._go, url))
        return "form browser"

    def _go(self, url: str) -> None:
        callback = httpx.URL(url).params["callback"]
        with httpx.Client(base_url=self._server.http, trust_env=False) as client:
            answer = submit_login(client, *self._server.owner, callback=callback)
        with httpx.Client(trust_env=False, follow_redirects=True) as client:
            self.page = client.get(answer.headers["location"]).text


class NoBrowser:
    """A machine without one."""

    async def open(self, url: str) -> str:
        """Refuse."""
        raise BrowserUnavailable("there is no display", hint="open the address elsewhere")


@dataclass
class Clerk:
    """Runs commands in this process, with a vault in memory that lasts from one command to the next."""

    capture: pytest.CaptureFixture[str]
    vault: MemoryVault
    server: AccountServer
    browser: FormBrowser | NoBrowser

    def __call__(self, *arguments: str) -> Result:
        """Run one command."""
        self.capture.readouterr()
        code = root.run(arguments, containers=self._container)
        said = self.capture.readouterr()
        return Result(code, said.out, said.err)

    def _container(self, settings: Settings) -> Container:
        return Container(settings, vault=self.vault, browser=self.browser)


@pytest.fixture
def clerk(
    account_server: AccountServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Clerk:
    """A clerk at the sample server."""
    monkeypatch.setenv("LOOPIN_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("LOOPIN_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("CHAINLOOP_CONTROL_PLANE_API", account_server.grpc)
    monkeypatch.setenv("CHAINLOOP_API_INSECURE", "true")
    return Clerk(capsys, MemoryVault(), account_server, FormBrowser(account_server))


JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


def secrets_in(text: str) -> list[str]:
    """Everything in `text` that is shaped like a JWT."""
    return JWT.findall(text)
