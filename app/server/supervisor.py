"""Several server processes on the same two ports: started, watched, restarted and ended together.

Nothing that a request needs is kept in a process, so any of them serves any request. The system spreads new
connections over them (SO_REUSEPORT).
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

from app.domain.errors import Failed
from app.domain.event_loop import run_to_end
from app.server import log, main
from app.server.main import Running
from app.server.metrics import METRICS_FOLDER
from app.server.settings import ServerSettings

# Seconds before a process that ended by itself is replaced, and those that one gets after the drain.
RESTART, LAST_WAIT = 1.0, 5.0
# Not forked: gRPC does not survive a fork.
_PROCESSES = multiprocessing.get_context("spawn")


class Worker:
    """One server process. The first one sweeps, tidies up and has the sample data."""

    def __init__(self, settings: ServerSettings, first: bool) -> None:
        if not first:
            settings = replace(settings, seed="", sweep_interval=timedelta(0))
        self._ready, theirs = _PROCESSES.Pipe(duplex=False)
        arguments = (settings, first, theirs, log.configuration())
        self._process = _PROCESSES.Process(target=_work, args=arguments, name="loopin server")
        self._process.start()
        theirs.close()
        self._end = asyncio.create_task(self._wait())
        self._reload_later = False
        self._running: Running | None = None
        self._starting = asyncio.create_task(self._start())

    async def ready(self) -> Running:
        """What it serves, as soon as it does. Raises Failed when it ends before."""
        await asyncio.shield(self._starting)
        if self._running is None:
            await self.ended()
            raise Failed("a server process did not start", hint="its log says why")
        return self._running

    async def _start(self) -> None:
        await _readable(self._ready.fileno())
        with suppress(EOFError):
            self._running = self._ready.recv()
        self._ready.close()
        if self._reload_later:
            self.reload()

    async def ended(self) -> int:
        """Wait for its end; return its exit status, negative for a signal."""
        return await asyncio.shield(self._end)

    async def _wait(self) -> int:
        await _readable(self._process.sentinel)
        self._process.join()
        return self._process.exitcode or 0

    def reload(self) -> None:
        """Send SIGHUP, which would end a process that does not serve yet: then as soon as it does."""
        self._reload_later = not self._starting.done() and self._running is None
        if not self._reload_later:
            self.send(signal.SIGHUP)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self._process.pid is not None and self._process.is_alive():
            os.kill(self._process.pid, number)


class Supervisor:
    """Keeps `settings.workers` processes running until a signal asks for the end."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._workers: dict[int, Worker] = {}
        self._stopping = False

    async def run(self, announce: Callable[[Running], None]) -> None:
        """Start all, say where they serve, and return when the last one has ended."""
        ends = main.end_signals(self._reload)
        starting, stop = asyncio.create_task(self._start_all()), asyncio.create_task(ends.get())
        await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            announce(starting.result())
        # A signal while one of them does not come up.
        starting.cancel()
        keepers = [asyncio.create_task(self._keep(index)) for index in self._workers]
        log.event("server.stopping", reason=await stop)
        self._stopping = True
        self._send(signal.SIGTERM)
        await self._wait_for_all(ends)
        for keeper in keepers:
            keeper.cancel()

    async def _start_all(self) -> Running:
        # The first one prepares what the others use.
        running = await self._start(0)
        await asyncio.gather(*(self._start(index) for index in range(1, self._settings.workers)))
        return running

    async def _start(self, index: int) -> Running:
        worker = Worker(self._settings, first=index == 0)
        self._workers[index] = worker
        try:
            return await worker.ready()
        except Failed:
            # None of them was announced: nobody is kept waiting for the drain.
            self._send(signal.SIGKILL)
            raise

    async def _keep(self, index: int) -> None:
        """Replace one that ended by itself, over and over."""
        while True:
            status = await self._workers[index].ended()
            if self._stopping:
                return
            log.event("worker.ended", logging.ERROR, status=status)
            await self._replace(index)

    async def _replace(self, index: int) -> None:
        """Start another one, and try again while the system has no process or descriptor left."""
        while True:
            await asyncio.sleep(RESTART)
            if self._stopping:
                return
            try:
                self._workers[index] = Worker(self._settings, first=index == 0)
                return
            except OSError as error:
                log.failure("worker.failed", error)

    async def _wait_for_all(self, ends: "asyncio.Queue[str]") -> None:
        """One more signal is passed on, too: it cuts the drain delay short."""
        again = asyncio.create_task(self._pass_on(ends))
        longest = self._settings.drain_delay + self._settings.drain
        ending = [asyncio.create_task(worker.ended()) for worker in self._workers.values()]
        _, late = await asyncio.wait(ending, timeout=longest.total_seconds() + LAST_WAIT)
        again.cancel()
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


def supervise(settings: ServerSettings, announce: Callable[[Running], None]) -> None:
    """Serve with several processes until SIGTERM or SIGINT.

    What is wrong with the settings, the files, the database and the ports is raised as with one process.
    """
    main.check(settings)
    with ExitStack() as held:
        http = held.enter_context(_reserved(settings.host, settings.http_port, "HTTP"))
        grpc = held.enter_context(_reserved(settings.host, settings.grpc_port, "gRPC"))
        os.environ[METRICS_FOLDER] = held.enter_context(tempfile.TemporaryDirectory(prefix="loopin-metrics-"))
        run_to_end(Supervisor(replace(settings, http_port=http, grpc_port=grpc)).run(announce))


@contextmanager
def _reserved(host: str, port: int, side: str) -> Iterator[int]:
    """A port that no other process has, kept during the block for processes that share it; 0 takes any.

    It is bound alone first: two servers that both share ports would share them with each other, in silence.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as alone, socket.socket(family) as shared:
        try:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((host, port))
            port = alone.getsockname()[1]
            alone.close()
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            shared.bind((host, port))
        except OSError as error:
            raise Failed(
                f"the {side} port {port} on {host} cannot be opened",
                hint=f"choose another with --{side.lower()}-port",
            ) from error
        yield port


def _work(settings: ServerSettings, first: bool, ready: Connection, logging_as: tuple[str, str]) -> None:
    """The whole life of a worker."""
    log.configure(*logging_as)
    parent = multiprocessing.parent_process()
    try:
        main.serve(settings, ready.send, first=first, parent=parent.sentinel if parent else None)
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
