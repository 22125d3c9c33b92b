"""One server process, from its first port to its last answer."""

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
from app.server import limits, log, sample_data, sample_gumloop
from app.server.core.services import build_services
from app.server.persistence.engine import Database
from app.server.rpc.server import RpcServer
from app.server.scheduler import Sweeper, Tidier
from app.server.settings import ServerSettings
from app.server.tls import certificate
from app.server.web.app import create_app
from app.server.web.asgi import Application
from app.server.web.front import PublicAddresses, public_addresses
from app.server.web.responses import security_headers
from app.server.web.server import HttpServer

SWEEP_LINE = "sweep"
SWITCH_INTERVAL = 0.0005
_FAREWELL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. `http` is a base URL, `grpc` host and port, both as they are listened on."""

    http: str
    grpc: str
    seed: dict[str, Any] | None
    addresses: PublicAddresses

    def as_json(self) -> str:
        """The line that scripts read."""
        fields: dict[str, Any] = {"http": self.http, "grpc": self.grpc, "pid": os.getpid()}
        return json.dumps(fields | ({"seed": self.seed} if self.seed else {}))

    def as_text(self) -> str:
        """The lines that people read: where it is, and how to sign in to it."""
        line = f"Loopin account server: {self.addresses.http}, gRPC at {self.grpc}, pid {os.getpid()}"
        if self.seed:
            line += f"; sample login {self.seed['email']} / {self.seed['password']}"
        commands = [
            f"  {command}"
            for command in (self.addresses.gumloop_login, self.addresses.chainloop_login)
            if command
        ]
        return "\n".join((line, "Sign in to it:", *commands))


class Server:
    """Both listeners, the sweeper and the tidier, on one event loop."""

    def __init__(self, settings: ServerSettings, *, first: bool = True) -> None:
        """Of several processes only the `first` sweeps and tidies up."""
        self._settings = settings.check()
        self._first = first
        self._certificate = certificate(settings.tls_cert, settings.tls_key)
        self._parts = parts = build_services(settings)
        if settings.seed:
            sample_data.seed(parts)
            sample_gumloop.add(parts)
        # What is cut off at the end of the drain is told so before the process goes.
        self._grace = max(settings.drain - _FAREWELL, timedelta(0))
        self._rpc = RpcServer(parts)
        self._http = HttpServer(settings, self._certificate, self._grace)
        self.sweeper = Sweeper(parts.sweep, settings.sweep_interval, parts.metrics)
        self._tidier = Tidier(parts.cleanup)

    async def start(self) -> Running:
        """Serve, and return when both ports answer."""
        settings = self._settings
        await self._rpc.open(settings.host, settings.grpc_port, self._certificate)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        http = f"{'https' if self._certificate else 'http'}://{host}:{self._http.port}"
        grpc = f"{host}:{self._rpc.port}"
        addresses = public_addresses(settings, http, grpc)
        self._application = self._make_application(addresses)
        self._http.start(self._application)
        await self._rpc.start(addresses.http)
        if self._first:
            self.sweeper.start()
            self._tidier.start()
        log.event("server.started", http=self._http.port, grpc=self._rpc.port)
        return Running(http, grpc, self._logins() if settings.seed else None, addresses)

    def _make_application(self, addresses: PublicAddresses) -> Application:
        app = create_app(self._parts, addresses.http, addresses.grpc)
        headers = security_headers(addresses.http.startswith("https://"))
        return Application(
            app.wsgi_app, self._settings, self._parts.readiness, self._http.connections, headers
        )

    def _logins(self) -> dict[str, Any]:
        return sample_data.logins() | sample_gumloop.logins(self._parts) | sample_data.api_token(self._parts)

    def reload(self) -> None:
        """Read keys and certificate again; what is no good is logged, and what is in use stays."""
        self._parts.key_ring.reload()
        if self._certificate:
            self._certificate.reload()

    async def leave(self) -> None:
        """Say everywhere that requests should go elsewhere, and serve those that come all the same."""
        self._parts.readiness.stop()
        await self._rpc.leave()

    async def stop(self) -> None:
        """Answer what has arrived and let go of everything, within the time that settings allow.

        Threads that wait for a lock of the database may be left behind.
        """
        parts = (self._rpc.stop(self._grace), self._http.stop(), self.sweeper.stop(), self._tidier.stop())
        await asyncio.wait(
            [asyncio.create_task(part) for part in parts], timeout=self._settings.drain.total_seconds()
        )
        self._application.close()
        self._parts.readiness.close()
        self._parts.database.close()
        log.event("server.stopped")


def run(settings: ServerSettings, as_json: bool) -> None:
    """Start, say where, and serve until SIGTERM or SIGINT; with `control_stdin`, until its end too."""
    # Before the signal handlers are installed: until then a signal ends it like any program.
    await_database(settings.check())

    def announce(running: Running) -> None:
        _print(running.as_json() if as_json else running.as_text())

    if settings.workers > 1:
        # It imports this module.
        from app.server.supervisor import supervise

        supervise(settings, announce)
    else:
        serve(settings, announce)


def check(settings: ServerSettings) -> None:
    """Read certificate and keys and prepare the database; raise what a start would raise."""
    os.umask(0o077)
    certificate(settings.tls_cert, settings.tls_key)
    build_services(settings).database.close()


def serve(
    settings: ServerSettings,
    announce: Callable[[Running], None],
    *,
    first: bool = True,
    parent: int | None = None,
) -> None:
    """Serve in this process, and pass on where as soon as both ports answer.

    As one of several processes it is not for the terminal to end it: it ends with SIGTERM, or when the
    descriptor `parent` becomes readable, which is when the process that started it has ended.
    """
    # Whatever the folder allows: keys and database are for this account alone.
    os.umask(0o077)
    limits.raise_descriptor_limit()
    log.capture_library_errors()
    # A worker that encodes a long list holds the interpreter; the others get it back ten times sooner.
    sys.setswitchinterval(SWITCH_INTERVAL)
    run_to_end(_serve(settings, announce, first, parent))


async def _serve(
    settings: ServerSettings, announce: Callable[[Running], None], first: bool, parent: int | None
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(log.handle_loop_exception)
    # Before anything is built: a signal is obeyed as soon as the event loop has time for it.
    ends = end_signals(lambda: server.reload())
    if parent is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        loop.add_reader(parent, _end_with_parent, loop, parent, ends)
    server = Server(settings, first=first)
    announce(await server.start())
    if settings.control_stdin:
        given = (server.sweeper, asyncio.get_running_loop(), ends)
        threading.Thread(target=_obey_input, args=given, name="control", daemon=True).start()
    log.event("server.stopping", reason=await ends.get())
    await server.leave()
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.drain_delay.total_seconds()):
            await ends.get()
    _end_within(settings.drain)
    await server.stop()


def await_database(settings: ServerSettings) -> None:
    """Return when the PostgreSQL in `settings` answers, or after `database_wait`."""
    if settings.database_url and settings.database_wait:
        with closing(Database(settings.url)) as database:
            database.wait(settings.database_wait)


def _end_within(span: timedelta) -> None:
    """End the process after `span`, whatever it still waits for.

    A thread that waits for a lock of the database would keep it. What such a thread has written is in a
    transaction, which the database takes back.
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


def end_signals(reload: Callable[[], None]) -> "asyncio.Queue[str]":
    """Reasons to end as they come: SIGTERM, SIGINT, and SIGHUP when the terminal has closed; else it reloads.

    A second one means that somebody does not want to wait.
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


def _obey_input(sweeper: Sweeper, loop: asyncio.AbstractEventLoop, ends: "asyncio.Queue[str]") -> None:
    for line in sys.stdin:
        if line.strip() == SWEEP_LINE:
            _print(json.dumps(_sweep(sweeper)))
    # The event loop may have ended before its input.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(ends.put_nowait, "end of standard input")


def _sweep(sweeper: Sweeper) -> dict[str, Any]:
    try:
        return {"swept": sweeper.once()}
    # The boundary of the control line: its reader waits for an answer.
    except Exception as error:
        log.failure("sweep.failed", error)
        return {"swept": 0, "error": "the sweep failed, see the log"}


def _print(line: str) -> None:
    # Whoever started the server may be gone; that is no reason to fail.
    with suppress(BrokenPipeError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
