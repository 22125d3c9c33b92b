"""The demo: a sample account server as a child process, and the app on it.

Nothing is written outside one temporary folder, which goes at the end. The child ends when its standard
input closes, which happens however this process ends.
"""

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.bootstrap import Container
from app.demo.sample_folder import sample_folder
from app.domain.credentials import Method
from app.domain.errors import BadReply, Failed, LoopinError, UsageError
from app.domain.event_loop import run_to_end
from app.domain.gumloop import API_PATH
from app.domain.json_text import read_json
from app.domain.secret import Secret
from app.settings import Settings, load

START_WITHIN = 30.0
STOP_WITHIN = 5.0
# Without a sweep of its own: the story that the sample data tell would end after a minute.
_COMMAND = (
    *("-m", "app", "server", "start", "--seed", "demo", "--json", "--control-stdin"),
    *("--sweep-interval", "0"),
)
_ALLOWED = ("--allow-organization-creation",)
# A variable of the person's own accounts must not reach the demo.
_OWN = ("CHAINLOOP_", "GUMLOOP_", "LOOPIN_", "GITLAB_", "ACTIONS_")


class SampleServer:
    """The running child. Satisfies `app.tui.screen_factory.DemoServer`."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: Mapping[str, Any]) -> None:
        self._process = process
        self.seed: Mapping[str, Any] = said["seed"]
        self.http = str(said["http"])
        self.grpc = str(said["grpc"])

    @property
    def email(self) -> str:
        """The sample person's e-mail address."""
        return str(self.seed["email"])

    @property
    def password(self) -> str:
        """The sample person's password; it protects nothing."""
        return str(self.seed["password"])

    @property
    def samples(self) -> Mapping[Method, Mapping[str, str]]:
        """What the sign-in forms may be filled with; what was revoked or replaced fails like a real one."""
        samples: dict[Method, Mapping[str, str]] = {}
        if gumloop := self.seed.get("gumloop"):
            samples[Method.API_KEY] = {"key": gumloop["api_key"], "user": gumloop["user_id"]}
        if token := self.seed.get("api_token"):
            samples[Method.API_TOKEN] = {"token": token["jwt"]}
        return samples

    async def sweep(self) -> int:
        """Run the auto-revocation sweep now; return how many tokens it revoked. Raise Failed."""
        answer = await asyncio.to_thread(self._tell, b"sweep\n")
        return int(answer["swept"])

    def _tell(self, line: bytes) -> Mapping[str, Any]:
        pipe = self._process.stdin
        try:
            if pipe is None or pipe.closed:
                raise BrokenPipeError
            pipe.write(line)
            pipe.flush()
        except OSError:
            raise Failed("the sample server has ended", hint="run the demo again") from None
        return _read_line(self._process, START_WITHIN)


def start(screen: str, flags: Mapping[str, str | None] | None = None) -> int:
    """Open the app on sample data and return its exit code.

    `screen` is a mode of the app. On another one than "accounts" the sample person is signed in already.
    `flags` say how the app behaves: read_only and redact.
    """
    need_server()
    from app.tui.app import run

    unwind_on_signals()
    with sample_folder() as folder, sample_server(folder) as server:
        container = sample_container(folder, server, flags)
        if screen != "accounts":
            run_to_end(sign_in(container, server))
        return run(container, screen=screen, demo=server)


def unwind_on_signals() -> None:
    """Before and after the app, which has handlers of its own: leave, so that the folder goes."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        # Not on Windows.
        if number := getattr(signal, name, None):
            signal.signal(number, leave)


def need_server() -> None:
    """Raise UsageError, with what to install, when a part of the account server is missing."""
    for needed in ("flask", "sqlalchemy", "alembic", "argon2", "hypercorn", "grpc_health", "grpc_reflection"):
        if find_spec(needed) is None:
            raise UsageError(
                "the demo needs the account server, which is not installed",
                hint="install it with: pip install 'loopin[server]'",
            )


@contextmanager
def sample_server(folder: Path) -> "Iterator[SampleServer]":
    """A server with sample data for as long as the context lasts; raise Failed when it does not start."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(_OWN)}
    # The child finds the package where this process did, whatever folder we are in.
    environment["PYTHONPATH"] = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    errors = folder / "server.log"
    with errors.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            [sys.executable, *_COMMAND, *_ALLOWED, "--data", str(folder / "server")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=folder,
            # Ctrl+c is for the app; the child ends with its standard input.
            start_new_session=True,
        )
    try:
        yield SampleServer(process, _hello(process, errors))
    finally:
        _end(process)


def _hello(process: "subprocess.Popen[bytes]", errors: Path) -> Mapping[str, Any]:
    try:
        said = _read_line(process, START_WITHIN)
        SampleServer(process, said)
    except (LoopinError, KeyError, TypeError) as error:
        told = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        # What the command line says of its own errors stands before the next step.
        sentences = [line.removeprefix("loopin: ") for line in told if line.startswith("loopin: ")]
        why = (sentences or told or [str(error)])[-1]
        raise Failed(f"the sample server did not start: {why}", hint="run the demo again") from None
    return said


def _read_line(process: "subprocess.Popen[bytes]", seconds: float) -> Mapping[str, Any]:
    """One line of JSON from the child, within `seconds`."""
    if process.stdout is None:
        raise Failed("the sample server has no output", hint="run the demo again")
    descriptor, end, line = process.stdout.fileno(), time.monotonic() + seconds, b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(end - time.monotonic(), 0))
        if not ready:
            raise Failed(
                f"the sample server said nothing for {seconds:.0f} seconds", hint="run the demo again"
            )
        chunk = os.read(descriptor, 4096)
        if not chunk:
            raise Failed("the sample server has ended", hint="run the demo again")
        line += chunk
    try:
        said = read_json(line)
    except ValueError:
        raise BadReply("the sample server said something unreadable", hint="run the demo again") from None
    return said if isinstance(said, dict) else {}


def _end(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def sample_container(
    folder: Path, server: SampleServer, flags: Mapping[str, str | None] | None = None
) -> Container:
    """The app's parts for the demo: a vault in memory, the sample server, all files in `folder`."""
    from app.adapters.keychain.memory import MemoryVault

    return Container(_settings(folder, server, flags or {}), vault=MemoryVault())


def _settings(folder: Path, server: SampleServer, flags: Mapping[str, str | None]) -> Settings:
    from dataclasses import replace

    environment = {
        "LOOPIN_CONFIG_DIR": str(folder / "config"),
        "LOOPIN_STATE_DIR": str(folder / "state"),
        "CHAINLOOP_CONTROL_PLANE_API": server.grpc,
        "CHAINLOOP_API_INSECURE": "true",
        "GUMLOOP_BASE_URL": f"{server.http}{API_PATH}",
    }
    kept = {name: flags[name] for name in ("read_only", "redact") if name in flags}
    return replace(load(environment, kept), demo=True)


async def sign_in(container: Container, server: SampleServer) -> None:
    """Sign the sample person in over the server's own page, then as if the token had been pasted.

    Connections belong to the event loop they were made in, so this uses some of its own, and leaves only
    the login in the vault.
    """
    token = await _token(server)
    own = Container(container.settings, vault=container.vault)
    try:
        await own.chainloop_login_store.sign_in_with_token(token.reveal(), lambda step: None)
    finally:
        await own.aclose()


async def _token(server: SampleServer) -> Secret:
    """Nobody calls the callback: its address has the token."""
    import httpx

    query = httpx.QueryParams({"callback": "http://127.0.0.1/auth/callback", "long-lived": "true"})
    where = httpx.URL(await answer_sign_in(server, f"{server.http}/auth/login?{query}"))
    if not (token := where.params.get("t", "")):
        raise BadReply("the sample server gave no token at its sign-in page", hint="run the demo again")
    return Secret(token)


async def answer_sign_in(server: SampleServer, url: str) -> str:
    """Fill in the sign-in form at `url` as the sample person would; return where the browser is sent."""
    import httpx

    async with httpx.AsyncClient(trust_env=False) as browser:
        page = await browser.get(url)
        field = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
        form = {
            "csrf_token": field[1] if field else "",
            "email": server.email,
            "password": server.password,
        }
        answer = await browser.post(url, data=form)
    return str(answer.headers.get("location", ""))
