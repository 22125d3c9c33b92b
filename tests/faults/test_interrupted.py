"""A sign-in that is interrupted in the middle of a step: a real process in a terminal, on a real keychain.

A relay holds the one message of the step; then the process is stopped, hung up on, cancelled, killed, or
suspended and resumed. Afterwards the keychain holds the login from before, none, or the new one.
"""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.adapters.keychain.keychain import KeychainVault
from app.domain.credentials import Method
from app.domain.gumloop import GumloopLogin, endpoint_of
from app.domain.login import Step
from app.domain.secret import Secret
from app.services.stored_logins import (
    ChainloopVault,
    GumloopVault,
    StoredLogin,
)
from tests.support import chainloop
from tests.support.between import Between, between
from tests.support.cli import Loopin, interrupts_heard
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.server import ROOT, AccountServer, sign_in, submit_login
from tests.support.stall import Stall, stall
from tests.support.vaults import Bus, start_bus, use

pytestmark = pytest.mark.slow

PATIENCE = 60.0
TOKEN = "token-not-real-that-the-stub-knows"
OLD = Secret("old-login-not-real-0000")

# The message that is held: on the bus of the keychain, on HTTP, or the name of a gRPC call.
_KEYCHAIN, _SAVED = ("bus", b"ReadAlias"), ("bus", b"CreateItem")
STEPS: dict[str, dict[Step, tuple[str, bytes]]] = {
    "gumloop oauth": {
        Step.KEYCHAIN: _KEYCHAIN,
        Step.STATE: ("http", b"GET /.well-known/"),
        Step.EXCHANGE: ("http", b"POST /oauth/token"),
        Step.VERIFIED: ("http", b"GET /api/v1/models"),
        Step.SAVED: _SAVED,
    },
    "gumloop key": {
        Step.KEYCHAIN: _KEYCHAIN,
        Step.VERIFIED: ("http", b"GET /api/v1/models"),
        Step.SAVED: _SAVED,
    },
    "gumloop token": {
        Step.KEYCHAIN: _KEYCHAIN,
        Step.VERIFIED: ("http", b"GET /api/v1/models"),
        Step.SAVED: _SAVED,
    },
    "chainloop browser": {
        Step.KEYCHAIN: _KEYCHAIN,
        Step.SERVER: ("grpc", b"Infoz"),
        Step.VERIFIED: ("grpc", b"Current"),
        Step.SAVED: _SAVED,
    },
    "chainloop token": {Step.KEYCHAIN: _KEYCHAIN, Step.VERIFIED: ("grpc", b"Current"), Step.SAVED: _SAVED},
}
ENDS = {"SIGTERM", "SIGHUP", "SIGINT", "SIGKILL", "SIGSTOP"}
SWEEP = [(method, step, end) for method, steps in STEPS.items() for step in steps for end in sorted(ENDS)]
# Each step and each end with each other once, the methods in turn.
CHOICE = [
    ("gumloop oauth", Step.KEYCHAIN, "SIGTERM"),
    ("gumloop oauth", Step.STATE, "SIGHUP"),
    ("gumloop oauth", Step.EXCHANGE, "SIGTERM"),
    ("gumloop oauth", Step.EXCHANGE, "SIGKILL"),
    ("gumloop oauth", Step.VERIFIED, "SIGSTOP"),
    ("gumloop oauth", Step.SAVED, "SIGTERM"),
    ("gumloop oauth", Step.SAVED, "SIGKILL"),
    ("gumloop key", Step.SAVED, "SIGHUP"),
    ("gumloop key", Step.VERIFIED, "SIGINT"),
    ("gumloop token", Step.SAVED, "SIGSTOP"),
    ("chainloop browser", Step.SERVER, "SIGINT"),
    ("chainloop browser", Step.VERIFIED, "SIGTERM"),
    ("chainloop browser", Step.SAVED, "SIGHUP"),
    ("chainloop token", Step.SAVED, "SIGKILL"),
    ("chainloop token", Step.KEYCHAIN, "SIGSTOP"),
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every cell when asked for, else a choice."""
    if "end" in metafunc.fixturenames:
        cells = SWEEP if metafunc.config.getoption("--sweep", default=False) else CHOICE
        ids = [f"{method}-{step.name}-{end}" for method, step, end in cells]
        metafunc.parametrize(("method", "step", "end"), cells, ids=ids)


@pytest.fixture(scope="module")
def keychain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """One keyring for all; each test writes what was there before."""
    running = start_bus(tmp_path_factory.mktemp("interrupted"))
    with pytest.MonkeyPatch.context() as patch:
        use(running, patch)
        running.start_keyring()
        yield running
    running.end()


@dataclass
class Place:
    """A machine with a login from before at both providers, and wires that can be held."""

    folder: Path
    bus: Bus
    gumloop: Gumloop
    server: AccountServer
    wires: ExitStack
    held: Stall | Between | None = None
    variables: dict[str, str] = field(default_factory=dict)

    def prepare(self, how: str, mark: bytes) -> None:
        """Put the relays in between; one of them holds `mark`."""
        bus = self.wires.enter_context(
            stall(str(self.bus.folder / "bus"), mark if how == "bus" else b"", self.folder / "bus")
        )
        parts = urlsplit(self.gumloop.base_url)
        http = self.wires.enter_context(
            stall((str(parts.hostname), parts.port or 0), mark if how == "http" else b"")
        )
        grpc = self.wires.enter_context(between(self.server.grpc))
        if how == "grpc":
            grpc.before = lambda method, count, context: (
                grpc.hold(context) if method == mark.decode() and count == 1 else None
            )
        self.held = {"bus": bus, "http": http, "grpc": grpc}[how]  # type: ignore[assignment]  # a table of both
        self.gumloop.base_url = f"http://127.0.0.1:{http.address[1]}/api/v1"
        self.variables = {
            **self.bus.environment,
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.folder / 'bus'}",
            "GUMLOOP_BASE_URL": self.gumloop.base_url,
            "CHAINLOOP_CONTROL_PLANE_API": grpc.address,
            "CHAINLOOP_API_INSECURE": "true",
            "SSH_CONNECTION": "there is no browser here",
            "TERM": "xterm",
            "PYTHONFAULTHANDLER": "1",
        }

    def until_held(self) -> None:
        """Wait until the process has come to the step."""
        if isinstance(self.held, Between):
            self.held.until_held(1)
        elif self.held is not None:
            self.held.until_reached()

    def go_on(self) -> None:
        """Let the held message through."""
        if isinstance(self.held, Between):
            self.held.go_on()
        elif self.held is not None:
            self.held.go_on.set()

    def logins(self) -> tuple[Any, Any]:
        """What the keychain holds, at Gumloop and at Chainloop."""

        async def read() -> tuple[Any, Any]:
            vault = KeychainVault(timeout=60)
            gumloop = await GumloopVault(vault, endpoint_of(self.gumloop.base_url)).read("default")
            return gumloop, await ChainloopVault(vault).read("default")

        return asyncio.run(read())

    def sign_in_before(self) -> None:
        """As somebody else, with other credentials."""

        async def write() -> None:
            vault, where = KeychainVault(timeout=60), endpoint_of(self.gumloop.base_url)
            await GumloopVault(vault, where).write("default", GumloopLogin(Method.API_KEY, OLD, where, "old"))
            await ChainloopVault(vault).write(
                "default", StoredLogin(OLD, Method.API_TOKEN, chainloop.endpoint_of("127.0.0.1:1"))
            )

        asyncio.run(write())

    def sign_in_with_oauth(self) -> None:
        """With an access token that the server does not take any more."""
        tokens, where = self.gumloop.issue(), endpoint_of(self.gumloop.base_url)
        login = GumloopLogin(
            Method.OAUTH, Secret(tokens["access_token"]), where, "", Secret(tokens["refresh_token"])
        )
        self.gumloop.access.clear()
        asyncio.run(GumloopVault(KeychainVault(timeout=60), where).write("default", login))

    def command(self, method: str) -> list[str]:
        """How one signs in."""
        return {
            "gumloop oauth": [
                "gumloop",
                "login",
                "--method",
                "oauth",
                "--no-browser",
                "--callback-port",
                "0",
            ],
            "gumloop key": ["gumloop", "login", "--api-key", API_KEY, "--user-id", USER_ID],
            "gumloop token": ["gumloop", "login", "--access-token", TOKEN],
            "chainloop browser": ["chainloop", "auth", "login"],
            "chainloop token": [
                "chainloop",
                "auth",
                "login",
                "--token",
                sign_in(self.server, *self.server.owner),
            ],
        }[method]


@pytest.fixture
def place(tmp_path: Path, keychain: Bus, gumloop: Gumloop, account_server: AccountServer) -> Iterator[Place]:
    """Signed in at both, before."""
    gumloop.access.add(TOKEN)
    gumloop.metadata = True
    with ExitStack() as wires:
        yield Place(tmp_path, keychain, gumloop, account_server, wires)


class Session:
    """A process in a terminal of its own."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._ours, self._theirs = pty.openpty()
        self.before = termios.tcgetattr(self._theirs)
        self.seen = ""
        with interrupts_heard():
            self.child = subprocess.Popen(
                [sys.executable, "-m", "app", *command],
                cwd=ROOT,
                env=environment,
                stdin=self._theirs,
                stdout=self._theirs,
                stderr=self._theirs,
                start_new_session=True,
            )
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def address(self) -> str:
        """The page that it asks to be opened."""
        # The line after the address says that it waits for the answer.
        self.until("Waiting")
        found = re.search(r"^https?://\S+", self.seen.replace("\r", ""), re.M)
        assert found
        return found[0]

    def until(self, words: str) -> None:
        """Wait until it has said this."""
        with self._news:
            assert self._news.wait_for(lambda: words in self.seen, PATIENCE), self.seen

    def restored(self) -> bool:
        """Whether the terminal is as it was."""
        return termios.tcgetattr(self._theirs) == self.before

    def close(self) -> None:
        """End it, whatever it does."""
        with suppress(ProcessLookupError):
            self.child.kill()
        self.child.wait(PATIENCE)
        os.close(self._theirs)
        self._reader.join(PATIENCE)
        os.close(self._ours)

    def _read(self) -> None:
        while True:
            try:
                ready, _, _ = select.select([self._ours], [], [], 1)
                data = os.read(self._ours, 65536) if ready else b"\0"
            except OSError:
                return
            with self._news:
                self.seen += data.decode(errors="replace").replace("\0", "")
                self._news.notify_all()


@contextmanager
def session(command: list[str], environment: dict[str, str]) -> Iterator[Session]:
    """Run it to the end of the block."""
    made = Session(command, environment)
    try:
        yield made
    finally:
        made.close()


def answer(method: str, page: str, server: AccountServer) -> None:
    """What the person does in the browser, on a thread: the page comes when the sign-in is over."""

    def go() -> None:
        with suppress(httpx.HTTPError), httpx.Client(trust_env=False, timeout=PATIENCE) as browser:
            if method == "gumloop oauth":
                where = browser.get(page).headers["location"]
            else:
                callback = parse_qs(urlsplit(page).query)["callback"][0]
                with httpx.Client(base_url=server.http, trust_env=False) as form:
                    where = submit_login(form, *server.owner, callback=callback).headers["location"]
            browser.get(where, follow_redirects=True)

    threading.Thread(target=go, daemon=True).start()


CODES = {"SIGTERM": {143, -15}, "SIGHUP": {129, -1}, "SIGINT": {130, -2}, "SIGKILL": {-9}, "SIGSTOP": {0}}
# Before the answer of the browser; every other step comes after it.
EARLY = {Step.KEYCHAIN, Step.SERVER}


def test_an_interruption_in_a_step_mixes_no_logins(
    place: Place, loopin: Loopin, method: str, step: Step, end: str
) -> None:
    place.prepare(*STEPS[method][step])
    place.sign_in_before()
    before = place.logins()
    with session(place.command(method), loopin.variables(**place.variables)) as run:
        if step not in EARLY and method in {"gumloop oauth", "chainloop browser"}:
            answer(method, run.address(), place.server)
        place.until_held()
        run.child.send_signal(getattr(signal, end))
        if end == "SIGSTOP":
            os.waitid(os.P_PID, run.child.pid, os.WSTOPPED)
            run.child.send_signal(signal.SIGCONT)
            place.go_on()
            if step in EARLY and method in {"gumloop oauth", "chainloop browser"}:
                answer(method, run.address(), place.server)
        assert run.child.wait(PATIENCE) in CODES[end], run.seen
        # After a kill -9 nobody is left to do it; docs and SECURITY.md say `reset`.
        assert end == "SIGKILL" or run.restored()
        assert "Traceback" not in run.seen
    after = place.logins()
    mine = 0 if method.startswith("gumloop") else 1
    assert after[1 - mine] == before[1 - mine], "the other provider"
    old, found = before[mine], after[mine]
    login = found.login if mine == 0 else found
    if end == "SIGSTOP":
        assert login is not None
        assert login.secret != OLD
    elif step is not Step.SAVED:
        assert found == old
    elif login is not None:
        # Nothing of the old login beside the new secret.
        assert found == old or (login.secret != OLD and getattr(login, "user_id", "") != "old")


RENEWAL, SIGN_OUT = (
    (["gumloop", "teams"], b"POST /oauth/token"),
    (["gumloop", "logout"], b"POST /oauth/revoke"),
)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(("command", "mark"), [RENEWAL, SIGN_OUT], ids=["renewal", "sign-out"])
def test_what_a_server_has_begun_is_stored_after_a_signal(
    place: Place, loopin: Loopin, command: list[str], mark: bytes, name: str
) -> None:
    """The server answers when the signal has been heard."""
    place.prepare("http", mark)
    place.sign_in_with_oauth()
    with session(command, loopin.variables(**place.variables)) as run:
        place.until_held()
        run.child.send_signal(getattr(signal, name))
        run.until("waiting 5 s at most for this to finish")
        place.go_on()
        assert run.child.wait(PATIENCE) in CODES[name], run.seen
        assert run.restored()
    run.until(": finished")
    login = place.logins()[0].login
    if command == SIGN_OUT[0]:
        assert login is None
        assert len(place.gumloop.revoked) == 1
    else:
        assert login.secret.reveal() in place.gumloop.access
        assert login.refresh_token.reveal() in place.gumloop.refresh


def test_what_a_server_does_not_answer_is_said_to_be_unknown(place: Place, loopin: Loopin) -> None:
    place.prepare("http", RENEWAL[1])
    place.sign_in_with_oauth()
    with session(RENEWAL[0], loopin.variables(**place.variables)) as run:
        place.until_held()
        run.child.send_signal(signal.SIGINT)
        assert run.child.wait(PATIENCE) == 130
    run.until("it is not known whether it was done")
    run.until("sign in with: loopin gumloop login")
