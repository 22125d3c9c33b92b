"""Canaille, an identity provider that nobody here wrote, in a virtual environment of its own."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.http_client import http_client
from tests.support.require import foreign
from tests.support.server import release

PATIENCE = 90.0
# Each of its commands imports for two seconds: one process gives them all, and the last one serves.
_PROGRAM = """
import json, sys
from canaille.commands import cli
for command in json.loads(sys.argv[1]):
    cli(command, standalone_mode=False)
"""
PIN = "canaille[front,oidc,server,sqlite]"
PASSWORD = "canaille-password-not-real"
# Who it knows: login and e-mail address. It never says whether it verified an address.
NORA, OTTO, UMA = ("nora", "nora@acme.example"), ("otto", "otto@other.example"), ("uma", "uma@acme.example")
DAN = ("dan", "dan@acme.example")
_CONFIG = """
SECRET_KEY = "canaille-secret-key-not-real"
SERVER_NAME = "127.0.0.1:{port}"
PREFERRED_URL_SCHEME = "http"

[CANAILLE]
DATABASE = "sql"
HTMX = false

[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder}/canaille.db"

[CANAILLE_OIDC]
DYNAMIC_CLIENT_REGISTRATION_OPEN = true
"""


@dataclass(frozen=True, slots=True)
class Canaille:
    """A running provider, and the command that manages it."""

    url: str
    command: Path
    folder: Path

    def run(self, *arguments: str) -> None:
        """Manage it; raises CalledProcessError when it refuses."""
        _run(self.command, self.folder, *arguments)

    def register(self, redirect_uri: str) -> tuple[str, str]:
        """Register the account server as a client (RFC 7591); return its id and secret."""
        wanted = {
            "client_name": "Loopin",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "scope": "openid email profile",
            "token_endpoint_auth_method": "client_secret_basic",
        }
        with http_client() as client:
            answer = client.post(f"{self.url}/oauth/register", json=wanted)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return made["client_id"], made["client_secret"]


def free_port() -> int:
    """A port that nobody listens on now; for programs that must know their address before they start."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def canaille_command(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its path: from .venv-canaille, else installed from the wheels that pip was pointed to."""
    return foreign("canaille", tmp_path_factory.mktemp("canaille-venv"), PIN)


@pytest.fixture(scope="session")
def canaille(canaille_command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaille]:
    """A provider with four people."""
    folder, port = tmp_path_factory.mktemp("canaille"), free_port()
    (folder / "canaille.toml").write_text(_CONFIG.format(port=port, folder=folder))
    made = Canaille(f"http://127.0.0.1:{port}", canaille_command, folder)
    # Without workers it serves itself; a worker would import everything again.
    serve = ["run", "--bind", f"127.0.0.1:{port}", "--workers", "0"]
    commands = [["install"], *(_create(login, email) for login, email in (NORA, OTTO, UMA, DAN)), serve]
    with (folder / "stderr").open("w") as errors:
        process = subprocess.Popen(
            [str(canaille_command.with_name("python")), "-c", _PROGRAM, json.dumps(commands)],
            env=_environment(folder),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
    try:
        _wait(made.url, process, folder / "stderr")
        yield made
    finally:
        release(process)


def _create(login: str, email: str) -> list[str]:
    name = ("--given-name", login.title(), "--family-name", "Sample", "--emails", email)
    return ["create", "user", "--quiet", "--user-name", login, "--password", PASSWORD, *name]


def _wait(url: str, process: "subprocess.Popen[str]", errors: Path) -> None:
    end = time.monotonic() + PATIENCE
    with http_client() as client:
        while True:
            try:
                client.get(f"{url}/.well-known/openid-configuration").raise_for_status()
                return
            except httpx.HTTPError:
                assert process.poll() is None, errors.read_text()
                assert time.monotonic() < end, f"canaille does not answer: {errors.read_text()}"
                # There is nothing to wait for but the port of a program of somebody else's.
                time.sleep(0.1)


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "CANAILLE_CONFIG": str(folder / "canaille.toml")}


def _run(command: Path, folder: Path, *arguments: str) -> None:
    subprocess.run(
        [str(command), *arguments],
        check=True,
        env=_environment(folder),
        cwd=folder,
        capture_output=True,
        timeout=PATIENCE,
    )
