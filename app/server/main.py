"""The account server: one process with both ports, or several under a supervisor."""

import asyncio
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.domain.event_loop import run_to_end
from app.server import limits, log, sample_data
from app.server.core.services import build_services
from app.server.persistence.engine import Database
from app.server.rpc.server import RpcServer
from app.server.scheduler import CleanupTask, SweepTask
from app.server.settings import ServerSettings
from app.server.supervisor import receive_end_signals, supervise
from app.server.tls import load_certificate
from app.server.web.app import create_app
from app.server.web.asgi import Application
from app.server.web.front import PublicAddresses, public_addresses
from app.server.web.responses import security_headers
from app.server.web.server import HttpServer

SWEEP_LINE = "sweep"
SWITCH_INTERVAL = 0.0005
# Part of the drain in which clients are told that their requests were cut off.
_CLOSE_TIME = timedelta(seconds=1)
# Seconds for the tasks that are left when everything is closed.
_LAST_TASKS = 0.5


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that serves. `http` (a base URL) and `grpc` (host and port) are where it listens."""

    http: str
    grpc: str
    seed: dict[str, Any] | None
    addresses: PublicAddresses

    def as_json(self) -> str:
        """One line for scripts."""
        fields: dict[str, Any] = {"http": self.http, "grpc": self.grpc, "pid": os.getpid()}
        return json.dumps(fields | ({"seed": self.seed} if self.seed else {}))

    def as_text(self) -> str:
        """Where it is, and how to sign in to it."""
        line = f"Loopin account server: {self.addresses.http}, gRPC at {self.grpc}, pid {os.getpid()}"
        if self.seed:
            line += f"; sample login {self.seed['email']} / {self.seed['password']}"
        logins = (self.addresses.gumloop_login, self.addresses.chainloop_login)
        return "\n".join((line, "Sign in to it:", *(f"  {command}" for command in logins if command)))


def run(settings: ServerSettings, as_json: bool) -> None:
    """Serve until SIGTERM or SIGINT; with `control_stdin`, until the end of standard input too."""
    # Before the signal handlers are installed: until then a signal ends it like any program.
    await_database(settings.check())

    def announce(running: RunningServer) -> None:
        _print(running.as_json() if as_json else running.as_text())

    if settings.workers > 1:
        _check_start(settings)
        supervise(settings, serve, announce)
    else:
        serve(settings, announce)


def await_database(settings: ServerSettings) -> None:
    """Return when the PostgreSQL in `settings` answers, or after `database_wait`."""
    if settings.database_url and settings.database_wait:
        with closing(Database(settings.url)) as database:
            database.wait(settings.database_wait)


def _check_start(settings: ServerSettings) -> None:
    """Read certificate and keys and prepare the database, to raise here what a worker would raise."""
    os.umask(0o077)
    load_certificate(settings.tls_cert, settings.tls_key)
    build_services(settings).database.close()


def serve(
    settings: ServerSettings,
    announce: Callable[[RunningServer], None],
    *,
    first: bool = True,
    parent: int | None = None,
) -> None:
    """Serve in this process, and call `announce` when both ports answer.

    A worker of several ends with SIGTERM, not by the terminal's SIGINT, or when the descriptor `parent`
    becomes readable: then the supervisor has ended. Only the `first` sweeps and cleans up.
    """
    # Whatever the folder allows: keys and database are for this account alone.
    os.umask(0o077)
    limits.raise_descriptor_limit()
    log.capture_library_errors()
    # A worker thread that encodes a long list holds the interpreter; the others get it back ten times sooner.
    sys.setswitchinterval(SWITCH_INTERVAL)
    run_to_end(_serve(settings, announce, first, parent))


async def _serve(
    settings: ServerSettings, announce: Callable[[RunningServer], None], first: bool, parent: int | None
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log.handle_loop_exception)
    # Before anything is built: a signal is obeyed as soon as the event loop has time for it.
    ends = receive_end_signals(lambda: server.reload())
    if parent is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_reader(parent, _end_with_parent, loop, parent, ends)
    server = Server(settings, first=first)
    announce(await server.start())
    if settings.control_stdin:
        arguments = (server.sweep_task, loop, ends)
        threading.Thread(target=_obey_input, args=arguments, name="control", daemon=True).start()
    log.event("server.stopping", reason=await ends.get())
    await server.report_not_ready()
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.drain_delay.total_seconds()):
            await ends.get()
    _exit_after(settings.drain)
    await server.stop()


class Server:
    """Both ports and the periodic tasks, on one event loop."""

    def __init__(self, settings: ServerSettings, *, first: bool = True) -> None:
        """Of several processes only the `first` sweeps and cleans up."""
        self._settings = settings.check()
        self._first = first
        self._certificate = load_certificate(settings.tls_cert, settings.tls_key)
        self._services = build_services(settings)
        if settings.seed:
            sample_data.seed(self._services)
        self._grace = max(settings.drain - _CLOSE_TIME, timedelta(0))
        self._rpc = RpcServer(self._services)
        self._http = HttpServer(settings, self._certificate, self._grace)
        self.sweep_task = SweepTask(self._services.sweep, settings.sweep_interval, self._services.metrics)
        self._cleanup_task = CleanupTask(self._services.cleanup)

    async def start(self) -> RunningServer:
        """Serve, and return when both ports answer."""
        settings, services = self._settings, self._services
        await self._rpc.open(settings.host, settings.grpc_port, self._certificate)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        http = f"{'https' if self._certificate else 'http'}://{host}:{self._http.port}"
        grpc = f"{host}:{self._rpc.port}"
        addresses = public_addresses(settings, http, grpc)
        self._application = Application(
            create_app(services, addresses.http, addresses.grpc).wsgi_app,
            settings,
            services.readiness,
            self._http.connections,
            security_headers(addresses.http.startswith("https://")),
        )
        self._http.start(self._application)
        await self._rpc.start(addresses.http)
        if self._first:
            self.sweep_task.start()
            self._cleanup_task.start()
        log.event("server.started", http=self._http.port, grpc=self._rpc.port)
        seed = sample_data.describe(services) if settings.seed else None
        return RunningServer(http, grpc, seed, addresses)

    def reload(self) -> None:
        """Read keys and certificate again; invalid files are logged, and what is in use stays."""
        self._services.key_ring.reload()
        if self._certificate:
            self._certificate.reload()

    async def report_not_ready(self) -> None:
        """Let health checks send requests elsewhere, and serve those that still come."""
        self._services.readiness.stop()
        await self._rpc.leave()

    async def stop(self) -> None:
        """Answer what has arrived and close everything, within the time of the setting `drain`.

        Threads that wait for a lock of the database may be left behind.
        """
        stops = (
            self._rpc.stop(self._grace),
            self._http.stop(),
            self.sweep_task.stop(),
            self._cleanup_task.stop(),
        )
        await asyncio.wait(
            [asyncio.create_task(stop) for stop in stops], timeout=self._settings.drain.total_seconds()
        )
        self._application.close()
        self._services.readiness.close()
        self._services.database.close()
        # A call that was cancelled ends in a task of gRPC, which writes an error if the loop ends first.
        if calls := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(calls, timeout=_LAST_TASKS)
        log.event("server.stopped")


def _exit_after(span: timedelta) -> None:
    """End the process after `span`, whatever it still waits for.

    A thread that waits for a lock of the database would prevent the exit. What it has written is in a
    transaction, which the database rolls back.
    """

    def leave() -> None:
        log.event("server.cut_short", logging.WARNING)
        os._exit(0)

    timer = threading.Timer(span.total_seconds(), leave)
    timer.daemon = True
    timer.start()


def _end_with_parent(loop: asyncio.AbstractEventLoop, parent: int, ends: "asyncio.Queue[str]") -> None:
    loop.remove_reader(parent)
    ends.put_nowait("end of the supervisor")


def _obey_input(sweep_task: SweepTask, loop: asyncio.AbstractEventLoop, ends: "asyncio.Queue[str]") -> None:
    for line in sys.stdin:
        if line.strip() == SWEEP_LINE:
            _print(json.dumps(_sweep(sweep_task)))
    # The event loop may have ended before its input.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(ends.put_nowait, "end of standard input")


def _sweep(sweep_task: SweepTask) -> dict[str, Any]:
    try:
        return {"swept": sweep_task.run()}
    # The boundary of the control line: its reader waits for an answer.
    except Exception as error:
        log.failure("sweep.failed", error)
        return {"swept": 0, "error": "the sweep failed, see the log"}


def _print(line: str) -> None:
    # Whoever started the server may be gone; that is no reason to fail.
    with suppress(BrokenPipeError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
