"""Servers on the database of a test, and the commands of whoever runs and uses them, in this process."""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.cli import root
from tests.support import databases
from tests.support.cli import Result
from tests.support.databases import Prepare
from tests.support.server import AccountServer, SharedServers, sign_in

Operate = Callable[..., Result]
Command = Callable[..., Result]


@pytest.fixture
def account_server(shared_servers: SharedServers, database_kind: str) -> AccountServer:
    """The shared server on SQLite, or on both databases for a test that is marked with `ON_BOTH`."""
    return shared_servers.on(database_kind)


@pytest.fixture
def prepare_data(request: pytest.FixtureRequest, database_kind: str) -> Prepare:
    """A server of a test's own is on the same database."""
    return databases.on_kind(request, database_kind)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """`loopin …` with what is piped in: `command("server", "user", "list", stdin="…")`."""
    monkeypatch.setenv("LOOPIN_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("LOOPIN_STATE_DIR", str(tmp_path / "state"))

    def run(*words: str, stdin: str = "", **environment: str) -> Result:
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO(stdin))
            for name, value in environment.items():
                patch.setenv(name, value)
            capsys.readouterr()
            code = root.run(words)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    return run


@pytest.fixture
def operate(command: Command) -> Operate:
    """`loopin server …` on a server's data: `operate(server, "user", "list", stdin="…")`."""

    def run(server: AccountServer, *words: str, stdin: str = "") -> Result:
        url = server.data / databases.URL_FILE
        place = ["--database-url-file", str(url)] if url.exists() else ["--data", str(server.data)]
        return command("server", *words, *place, stdin=stdin)

    return run


def signed_in(command: Command, server: AccountServer, bearer: str = "") -> Command:
    """The command with the credential of the sample owner, or with `bearer`."""
    token = bearer or sign_in(server, *server.owner)
    return partial(
        command,
        CHAINLOOP_TOKEN=token,
        CHAINLOOP_CONTROL_PLANE_API=server.grpc,
        CHAINLOOP_API_INSECURE="true",
    )
