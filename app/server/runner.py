"""One server process, from its first port to its last answer."""

import json
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from app.server import descriptors, log, seed, seed_gumloop, unexpected
from app.server.database.engine import Database
from app.server.directions import Directions, directions
from app.server.http.factory import make_app
from app.server.http.server import HttpServer
from app.server.parts import Parts, build
from app.server.rpc.server import RpcServer
from app.server.settings import ServerSettings
from app.server.sweeper import Sweeper, Tidier
from app.server.tls import certificate

SWEEP_LINE = "sweep"
SWITCH_INTERVAL = 0.0005
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# What is cut off at the end of the drain is told so before the process goes.
_FAREWELL = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers. `http` is a base URL, `grpc` host and port, both as they are listened on."""

    http: str
    grpc: str
    seed: dict[str, Any] | None
    way: Directions

    def as_json(self) -> str:
        """The line that scripts read."""
        fields: dict[str, Any] = {"http": self.http, "grpc": self.grpc, "pid": os.getpid()}
        return json.dumps(fields | ({"seed": self.seed} if self.seed else {}))

    def as_text(self) -> str:
        """The lines that people read: where it is, and how to sign in to it."""
        line = f"Loopin account server: {self.way.http}, gRPC at {self.grpc}, pid {os.getpid()}"
        if self.seed:
            line += f"; sample login {self.seed['email']} / {self.seed['password']}"
        commands = [f"  {command}" for command in (self.way.gumloop, self.way.chainloop) if command]
        return "\n".join((line, "Sign in to it:", *commands))


class Server:
    """Both listeners, the sweeper and the tidier."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings.check()
        self._certificate = certificate(settings.tls_cert, settings.tls_key)
        self._parts: Parts = build(settings)
        if settings.seed:
            seed.seed(self._parts)
            seed_gumloop.add(self._parts)
        # HTTP last: its workers run from here on, and would keep a process alive that failed to start.
        self._rpc = RpcServer(self._parts, settings.host, settings.grpc_port, self._certificate)
        self._http = HttpServer(settings.host, settings.http_port, self._certificate)
        parts = self._parts
        self.sweeper = Sweeper(parts.sweep, settings.sweep_interval, parts.metrics)
        self._tidier = Tidier(parts.tidy_up)

    def start(self) -> Running:
        """Serve, and return when both ports answer."""
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        http = f"{'https' if self._certificate else 'http'}://{host}:{self._http.port}"
        grpc = f"{host}:{self._rpc.port}"
        way = directions(settings, http, grpc)
        self._http.start(make_app(self._parts, way.http, way.grpc))
        self._rpc.start(way.http)
        for port in (self._http.port, self._rpc.port):
            _wait_for(settings.host, port)
        self.sweeper.start()
        self._tidier.start()
        log.event("server.started", http=self._http.port, grpc=self._rpc.port)
        return Running(http, grpc, self._logins() if settings.seed else None, way)

    def _logins(self) -> dict[str, Any]:
        return seed.logins() | seed_gumloop.logins(self._parts) | seed.api_token(self._parts)

    def reload(self) -> None:
        """Read keys and certificate again; what is no good is logged, and what is in use stays."""
        self._parts.ring.reload()
        if self._certificate:
            self._certificate.reload()

    def leave(self) -> None:
        """Say everywhere that requests should go elsewhere, and serve those that come all the same."""
        self._parts.readiness.end()
        self._rpc.leave()

    def stop(self) -> None:
        """Answer what has arrived and let go of everything, within the time that settings allow.

        Threads that wait for a lock of the database may be left behind.
        """
        drain = self._settings.drain
        end, grace = time.monotonic() + drain.total_seconds(), max(drain - _FAREWELL, timedelta(0))

        def left() -> timedelta:
            return timedelta(seconds=max(end - time.monotonic(), 0))

        both = [
            threading.Thread(target=part.stop, args=(grace,), daemon=True) for part in (self._rpc, self._http)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(left().total_seconds())
        self.sweeper.stop(left())
        self._tidier.stop(left())
        self._parts.database.close()
        log.event("server.stopped")


def run(settings: ServerSettings, as_json: bool) -> None:
    """Start, say where, and serve until SIGTERM or SIGINT; with `control_stdin`, until its end too."""
    # Before the signals are taken over: whoever has waited long enough ends it as any program.
    await_database(settings.check())
    end = _End()
    # Whatever the folder allows: keys and database are for this account alone.
    os.umask(0o077)
    descriptors.ask_for_more()
    unexpected.catch()
    # A worker that encodes a long list holds the interpreter; the others get it back ten times sooner.
    sys.setswitchinterval(SWITCH_INTERVAL)
    server = Server(settings)
    try:
        running = server.start()
    except BaseException:
        server.stop()
        raise
    _print(running.as_json() if as_json else running.as_text())
    if settings.control_stdin:
        threading.Thread(target=_obey, args=(server.sweeper, end), name="control", daemon=True).start()
    log.event("server.stopping", reason=end.wait(server.reload))
    server.leave()
    end.pause(settings.drain_delay, server.reload)
    _end_within(settings.drain)
    server.stop()


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


class _End:
    """Waits for the reason to stop.

    A signal may reach any thread, and a main thread that waits for a lock would not notice. The wakeup file
    descriptor is written to whichever thread it was, so the main thread reads from there.
    """

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (*_SIGNALS, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)
        self._at_terminal = _has_terminal()

    def request(self) -> None:
        """End without a signal."""
        os.write(self._write, b"\0")

    def wait(self, hung_up: Callable[[], None]) -> str:
        """Return what ended the wait. SIGHUP calls `hung_up`, and ends it when the terminal has closed."""
        while not (reason := self._next(hung_up)):
            pass
        return reason

    def pause(self, span: timedelta, hung_up: Callable[[], None]) -> None:
        """Return after `span`, or as soon as the end is asked for once more."""
        until = time.monotonic() + span.total_seconds()
        while (left := until - time.monotonic()) > 0 and select.select([self._read], [], [], left)[0]:
            if self._next(hung_up):
                return

    def _next(self, hung_up: Callable[[], None]) -> str:
        """Wait for a signal and obey it; return the reason to end, empty when there is none."""
        number = os.read(self._read, 1)[0]
        if number == 0:
            return "end of standard input"
        if number in _SIGNALS or (number == signal.SIGHUP and self._at_terminal and not _has_terminal()):
            return signal.Signals(number).name
        if number == signal.SIGHUP:
            hung_up()
        return ""


def _has_terminal() -> bool:
    try:
        with open("/dev/tty", "rb"):
            return True
    except OSError:
        return False


def _obey(sweeper: Sweeper, end: "_End") -> None:
    for line in sys.stdin:
        if line.strip() == SWEEP_LINE:
            _print(json.dumps(_sweep(sweeper)))
    end.request()


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


def _wait_for(host: str, port: int) -> None:
    try:
        everywhere = ip_address(host).is_unspecified
    except ValueError:
        everywhere = False
    there = ("::1" if ":" in host else "127.0.0.1") if everywhere else host
    with socket.create_connection((there, port), timeout=10):
        pass
