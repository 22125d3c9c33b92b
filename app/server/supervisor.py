"""Supervisor of several server processes on the same two ports: start, restart and end together.

Nothing that a request needs is kept in a process, so any of them serves any request. The system distributes
new connections over them (SO_REUSEPORT).
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any, Protocol

from app.domain.errors import Failed
from app.domain.event_loop import run_to_end
from app.server import log
from app.server.core.monitoring import METRICS_FOLDER
from app.server.settings import ServerSettings

# Seconds before a process that ended by itself is replaced, and for the exit after the drain.
RESTART, EXIT_WAIT = 1.0, 5.0
# Not forked: gRPC does not survive a fork.
_PROCESSES = multiprocessing.get_context("spawn")


class ServeFunction(Protocol):
    """A module-level function that serves in one process.

    It calls `announce` with what it serves, which can be pickled, and ends when the descriptor `parent`
    becomes readable. Only the `first` process does what has to be done once.
    """

    def __call__(
        self,
        settings: ServerSettings,
        announce: Callable[[Any], None],
        *,
        first: bool,
        parent: int | None,
    ) -> None: ...


class Worker:
    """One server process. The first one sweeps, cleans up and adds the sample data."""

    def __init__(self, settings: ServerSettings, serve: ServeFunction, first: bool) -> None:
        if not first:
            settings = replace(settings, seed="", sweep_interval=timedelta(0))
        self._receiver, sender = _PROCESSES.Pipe(duplex=False)
        arguments = (serve, settings, first, sender, log.configuration())
        self._process = _PROCESSES.Process(target=_work, args=arguments, name="loopin server")
        self._process.start()
        sender.close()
        self._exit = asyncio.create_task(self._join())
        self._reload_later = False
        self._announcement: Any = None
        self._starting = asyncio.create_task(self._receive_announcement())

    async def wait_until_ready(self) -> Any:
        """What it announces, as soon as it serves. Raises Failed when it ends before."""
        await asyncio.shield(self._starting)
        if self._announcement is None:
            await self.wait_for_exit()
            raise Failed("a server process did not start", hint="its log says why")
        return self._announcement

    async def _receive_announcement(self) -> None:
        await _readable(self._receiver.fileno())
        with suppress(EOFError):
            self._announcement = self._receiver.recv()
        self._receiver.close()
        if self._reload_later:
            self.reload()

    async def wait_for_exit(self) -> int:
        """Wait for its end; return its exit status, negative for a signal."""
        return await asyncio.shield(self._exit)

    async def _join(self) -> int:
        await _readable(self._process.sentinel)
        self._process.join()
        return self._process.exitcode or 0

    def reload(self) -> None:
        """Send SIGHUP; to a process that does not serve yet, which it would end, as soon as it does."""
        self._reload_later = not self._starting.done() and self._announcement is None
        if not self._reload_later:
            self.send(signal.SIGHUP)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)


class Supervisor:
    """Keeps `settings.workers` processes running until a signal asks for the end."""

    def __init__(self, settings: ServerSettings, serve: ServeFunction) -> None:
        self._settings = settings
        self._serve = serve
        self._workers: dict[int, Worker] = {}
        self._stopping = False

    async def run(self, announce: Callable[[Any], None]) -> None:
        """Start all, announce what the first one serves, and return when the last one has ended."""
        ends = receive_end_signals(self._reload)
        starting, stop = asyncio.create_task(self._start_all()), asyncio.create_task(ends.get())
        await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            announce(starting.result())
        # Pending only after a signal.
        starting.cancel()
        restarting = [asyncio.create_task(self._restart(index)) for index in self._workers]
        log.event("server.stopping", reason=await stop)
        self._stopping = True
        self._send(signal.SIGTERM)
        await self._wait_for_all(ends)
        for task in restarting:
            task.cancel()

    async def _start_all(self) -> Any:
        # The first one prepares the database for the others.
        running = await self._start(0)
        await asyncio.gather(*(self._start(index) for index in range(1, self._settings.workers)))
        return running

    async def _start(self, index: int) -> Any:
        worker = Worker(self._settings, self._serve, first=index == 0)
        self._workers[index] = worker
        try:
            return await worker.wait_until_ready()
        except Failed:
            # Nothing was announced yet, so there is nothing to drain.
            self._send(signal.SIGKILL)
            raise

    async def _restart(self, index: int) -> None:
        """Replace this worker whenever it ends by itself."""
        while True:
            status = await self._workers[index].wait_for_exit()
            if self._stopping:
                return
            log.event("worker.ended", logging.ERROR, status=status)
            await self._replace(index)

    async def _replace(self, index: int) -> None:
        """Start another worker, and try again while the system has no process or descriptor left."""
        while True:
            await asyncio.sleep(RESTART)
            if self._stopping:
                return
            try:
                self._workers[index] = Worker(self._settings, self._serve, first=index == 0)
                return
            except OSError as error:
                log.failure("worker.failed", error)

    async def _wait_for_all(self, ends: "asyncio.Queue[str]") -> None:
        """Wait for the drain. A second signal is passed on: it cuts the drain delay short."""
        passing_on = asyncio.create_task(self._pass_on(ends))
        longest = self._settings.drain_delay + self._settings.drain
        ending = [asyncio.create_task(worker.wait_for_exit()) for worker in self._workers.values()]
        _, late = await asyncio.wait(ending, timeout=longest.total_seconds() + EXIT_WAIT)
        passing_on.cancel()
        if late:
            log.event("server.cut_short", logging.WARNING)
            self._send(signal.SIGKILL)
            await asyncio.wait(late)

    async def _pass_on(self, ends: "asyncio.Queue[str]") -> None:
        while await ends.get():
            self._send(signal.SIGTERM)

    def _reload(self) -> None:
        for worker in self._workers.values():
            worker.reload()

    def _send(self, number: signal.Signals) -> None:
        for worker in self._workers.values():
            worker.send(number)


def supervise(settings: ServerSettings, serve: ServeFunction, announce: Callable[[Any], None]) -> None:
    """Run `serve` in several processes until SIGTERM or SIGINT. Raises Failed for a port in use."""
    with ExitStack() as stack:
        http = stack.enter_context(_reserve_port(settings.host, settings.http_port, "HTTP"))
        grpc = stack.enter_context(_reserve_port(settings.host, settings.grpc_port, "gRPC"))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="loopin-metrics-"))
        os.environ[METRICS_FOLDER] = folder
        run_to_end(Supervisor(replace(settings, http_port=http, grpc_port=grpc), serve).run(announce))


def receive_end_signals(reload: Callable[[], None]) -> "asyncio.Queue[str]":
    """Queue the reasons to end: SIGTERM, SIGINT, and SIGHUP after the terminal has closed.

    Any other SIGHUP calls `reload`. A second reason means that somebody does not want to wait.
    """
    loop, at_terminal = asyncio.get_running_loop(), _has_terminal()
    ends: asyncio.Queue[str] = asyncio.Queue()

    def hang_up() -> None:
        if at_terminal and not _has_terminal():
            ends.put_nowait("SIGHUP")
        else:
            reload()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ends.put_nowait, number.name)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    return ends


def _has_terminal() -> bool:
    try:
        with open("/dev/tty", "rb"):
            return True
    except OSError:
        return False


@contextmanager
def _reserve_port(host: str, port: int, side: str) -> Iterator[int]:
    """A port that no other server has, reserved during the block for processes that share it; 0 takes any.

    It is bound exclusively first: otherwise two servers would share their ports without an error.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as exclusive, socket.socket(family) as shared:
        try:
            exclusive.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            exclusive.bind((host, port))
            port = exclusive.getsockname()[1]
            exclusive.close()
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind((host, port))
        except OSError as error:
            raise Failed(
                f"the {side} port {port} on {host} cannot be opened",
                hint=f"choose another with --{side.lower()}-port",
            ) from error
        yield port


def _work(
    serve: ServeFunction,
    settings: ServerSettings,
    first: bool,
    ready: Connection,
    log_configuration: tuple[str, str],
) -> None:
    """The main function of a worker process."""
    log.configure(*log_configuration)
    parent = multiprocessing.parent_process()
    try:
        serve(settings, ready.send, first=first, parent=parent.sentinel if parent else None)
    # The boundary of this process: Python would print it with its text.
    except Exception as error:
        log.failure("worker.failed", error)
        sys.exit(1)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
