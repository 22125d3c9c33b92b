"""The real account server as a child process, and the few things every test does with it."""

import json
import re
import secrets
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.support import databases
from tests.support.databases import Prepare, SideDoor
from tests.support.http_client import http_client
from tests.support.server_process import NO_CONSTANTS, ServerProcess
from tests.support.server_process import ROOT as ROOT

PATIENCE = 30.0
Process = ServerProcess | subprocess.Popen[str]
Launch = Callable[[Sequence[str], Path], Process]
FEDERATION_SECRET = "federation-secret-not-real"
CALLBACK = "http://127.0.0.1:9/auth/callback?state=kept"


@dataclass(frozen=True, slots=True)
class AccountServer:
    """A running server. `http` is a base URL, `grpc` host and port; `seed` as the server printed it."""

    http: str
    grpc: str
    pid: int
    seed: dict[str, Any]
    data: Path
    process: Process

    @property
    def owner(self) -> tuple[str, str]:
        """E-mail address and password of the sample owner."""
        return self.seed["email"], self.seed["password"]

    @property
    def viewer(self) -> tuple[str, str]:
        """The sample viewer of the same organization."""
        return self.seed["viewer"]["email"], self.seed["viewer"]["password"]

    @property
    def member(self) -> tuple[str, str]:
        """The sample member of the same organization, an admin of the project ml and of no other."""
        return self.seed["member"]["email"], self.seed["member"]["password"]

    @property
    def outsider(self) -> tuple[str, str]:
        """The sample owner of another organization."""
        return self.seed["outsider"]["email"], self.seed["outsider"]["password"]

    @property
    def errors(self) -> str:
        """What it wrote to standard error so far."""
        return (self.data / "stderr").read_text()

    def database(self) -> SideDoor:
        """Its database, for what no call can do; changes commit at once."""
        return SideDoor(self.data)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class ServerFactory(Protocol):
    """Starts a server: `fresh_server("--session-hours", "1", seed="", data=folder)`.

    `constants` are those of `ServerProcess`.
    """

    def __call__(
        self,
        *flags: str,
        seed: str = "demo",
        data: Path | None = None,
        constants: Mapping[str, object] = NO_CONSTANTS,
    ) -> AccountServer: ...


def no_drain_limit() -> dict[str, object]:
    """Constants of a server that waits an hour for what has not ended when it stops.

    So a test that it does not wait needs no clock.
    """
    from app.server.settings import ServerSettings

    return {"app.server.settings.ServerSettings": partial(ServerSettings, drain=timedelta(hours=1))}


def start(data: Path, *flags: str, seed: str = "demo", launch: Launch = ServerProcess) -> AccountServer:
    """Start a server on free ports and return when both answer."""
    data.mkdir(parents=True, exist_ok=True)
    place = ["--data", str(data), *databases.flags(data)]
    command = ["start", "--json", *place, "--sweep-interval", "0", *flags]
    process = launch([*command, "--seed", seed] if seed else command, data / "stderr")
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait(PATIENCE)
        release(process)
        raise AssertionError(f"the server did not start: {(data / 'stderr').read_text()}")
    said = json.loads(line)
    return AccountServer(said["http"], said["grpc"], said["pid"], said.get("seed", {}), data, process)


def release(process: "Process | subprocess.Popen[bytes]") -> None:
    """End a child whatever state it is in, and close its pipes."""
    if process.poll() is None:
        process.kill()
        process.wait(PATIENCE)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


class SharedServers:
    """The servers that the tests of one worker share: one for each database, with everything switched on.

    A test leaves the sample data as it is and works in an organization of its own.
    """

    def __init__(self, folder: Path, postgres_folder: Callable[[], Path]) -> None:
        self._folder, self._postgres_folder = folder, postgres_folder
        self._started: dict[str, AccountServer] = {}

    def on(self, database: str) -> AccountServer:
        """The server on "sqlite" or "postgresql", started when it is first asked for."""
        if database not in self._started:
            data = self._folder / database
            if database == "postgresql":
                databases.on_postgres(self._postgres_folder(), data)
            self._started[database] = start(data, *self._switches())
        return self._started[database]

    def _switches(self) -> list[str]:
        flags = ["--trusted-proxy", "127.0.0.0/8", "--log-level", "info"]
        flags += ["--allow-organization-creation", "--dashboard-url", "https://dashboard.example"]
        secret = self._folder / "federation"
        secret.touch(mode=0o600)
        secret.write_text(FEDERATION_SECRET)
        return [*flags, "--federation-secret-file", str(secret)]

    def stop(self) -> None:
        """End them all."""
        for server in self._started.values():
            release(server.process)


@pytest.fixture(scope="session")
def shared_servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[SharedServers]:
    """The servers of this worker."""
    folder = tmp_path_factory.mktemp("servers")
    made = SharedServers(folder, lambda: request.getfixturevalue("postgres_folder"))
    yield made
    made.stop()


@pytest.fixture(scope="session")
def account_server(shared_servers: SharedServers) -> AccountServer:
    """The shared server on SQLite, with sample data: leave what others rely on as it is."""
    return shared_servers.on("sqlite")


@pytest.fixture
def fresh_server(tmp_path: Path, prepare_data: Prepare) -> Iterator[ServerFactory]:
    """Servers of your own, to change, fill and stop."""
    started: list[AccountServer] = []

    def make(
        *flags: str,
        seed: str = "demo",
        data: Path | None = None,
        constants: Mapping[str, object] = NO_CONSTANTS,
    ) -> AccountServer:
        folder = data or tmp_path / f"server-{len(started)}"
        prepare_data(folder)
        launch = partial(ServerProcess, constants=constants)
        started.append(start(folder, *flags, seed=seed, launch=launch))
        return started[-1]

    yield make
    for server in started:
        release(server.process)


def csrf_of(page: str) -> str:
    """The token in the form of a page."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]


def own_address() -> str:
    """An address from which nobody else signs in: the shared servers trust loopback as a proxy.

    A client that sends it as X-Forwarded-For has its own limit of wrong passwords.
    """
    # As the server writes it down (RFC 5952).
    return str(IPv6Address((0x20010DB8 << 96) + secrets.randbits(96)))


def submit_login(
    client: httpx.Client, email: str, password: str, callback: str | None = CALLBACK
) -> httpx.Response:
    """Open the sign-in page and send its form, as a browser would; `client` has the server's base URL."""
    params = {} if callback is None else {"callback": callback, "long-lived": "true"}
    page = client.get("/auth/login", params=params)
    assert page.status_code == 200, page.text
    form = {"csrf_token": csrf_of(page.text), "email": email, "password": password}
    return client.post("/auth/login", params=params, data=form)


def sign_in(server: AccountServer, email: str, password: str) -> str:
    """Sign in over the real page; return the person's JWT."""
    with http_client(server.http) as client:
        answer = submit_login(client, email, password)
    assert answer.status_code == 303, (answer.status_code, answer.text)
    return parse_qs(urlsplit(answer.headers["location"]).query)["t"][0]


def bulk_tokens(
    server: AccountServer, organization: str, count: int, *, name: str = "bulk", project: str = ""
) -> None:
    """Put `count` tokens straight into the database, each with a description of 120 characters."""
    now = datetime.now(UTC)
    with server.database() as connection:
        (org_id,) = connection.execute(
            "SELECT id FROM organizations WHERE name = ?", (organization,)
        ).fetchone()
        found = connection.execute("SELECT id FROM projects WHERE name = ?", (project,)).fetchone()
        project_id = found[0] if found else None
        connection.begin()
        connection.executemany(
            "INSERT INTO api_tokens"
            " (id, organization_id, project_id, name, description, permissions, created_at, last_used_at)"
            " VALUES (?, ?, ?, ?, ?, '[\"organization:read\"]', ?, ?)",
            (
                (
                    uuid4().hex,
                    org_id,
                    project_id,
                    f"{name}-{number}-{secrets.token_hex(4)}",
                    f"made in bulk, number {number}".ljust(120, "."),
                    _stored(now - timedelta(days=60, seconds=-number)),
                    _stored(now - timedelta(hours=number % 1000)),
                )
                for number in range(count)
            ),
        )
        connection.execute("COMMIT")
    connection.close()


def age_tokens(server: AccountServer, name: str, used: timedelta | None, created: timedelta) -> None:
    """Set how long ago the token `name` was made and used (None = never)."""
    now = datetime.now(UTC)
    connection = server.database()
    connection.execute(
        "UPDATE api_tokens SET created_at = ?, last_used_at = ? WHERE name = ?",
        (_stored(now - created), _stored(now - used) if used is not None else None, name),
    )
    connection.close()


def _stored(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
