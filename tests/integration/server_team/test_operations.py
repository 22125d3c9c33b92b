"""The commands of docs/server.md for a team, as they stand there: two hosts behind nginx on one PostgreSQL.

Each host has one worker here; `test_workers` has several.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import grpc
import psycopg
import pytest

from tests.integration.server.callers import Caller, refusal
from tests.integration.server_team.conftest import Command
from tests.integration.server_team.test_behind_nginx import browser, repeating, sign_in
from tests.support import require
from tests.support.canaille import free_port
from tests.support.hosts import Hosts
from tests.support.nginx import Nginx, in_front_of
from tests.support.peers import certificate

pytestmark = pytest.mark.slow

PAGE = (require.ROOT / "docs" / "server.md").read_text()
BLOCKS = dict(re.findall(r"```sh (\w+)\n(.*?)```", PAGE, re.DOTALL))
FIRST, SECOND = "127.0.0.2", "127.0.0.3"
ADA = "ada@acme.example", "correct-horse-not-real"
SETTINGS = """\
host = "{host}"
http-port = {http}
grpc-port = {grpc}
public-url = "https://{public}"
trusted-proxy = ["127.0.0.0/8"]
database-url-file = "{etc}/database-url"
signing-key-file = "{etc}/signing-keys.json"
"""


class Team:
    """The hosts, the proxy in front of them, and the commands of the page on them."""

    def __init__(self, hosts: Hosts, proxy: Nginx, postgres: Path, http: int, grpc_port: int) -> None:
        self.hosts, self.proxy, self._postgres, self._http = hosts, proxy, postgres, http
        (hosts.folder / "backup").mkdir()
        for host in hosts.addresses:
            etc = hosts.etc(host)
            settings = {"host": host, "http": http, "grpc": grpc_port, "public": proxy.address, "etc": etc}
            (etc / "server.toml").write_text(SETTINGS.format(**settings))
            (etc / "database-url").touch(mode=0o600)
            (etc / "database-url").write_text(
                f"postgresql://loopin@/accounts?host={quote(str(postgres), safe='')}\n"
            )

    def run(self, name: str) -> None:
        """Run a block of the page."""
        script = BLOCKS["setup"] + BLOCKS[name]
        for there, here in (
            ("10.0.0.1", FIRST),
            ("10.0.0.2", SECOND),
            ("10.0.0.9", str(self._postgres)),
            (":8080", f":{self._http}"),
            ("/etc/loopin", str(self.hosts.etc(FIRST))),
            ("/backup", str(self.hosts.folder / "backup")),
            ("/etc/nginx/conf.d/loopin.conf", str(self.proxy.configuration)),
            ("/run/nginx.pid", str(self.proxy.pid_file)),
        ):
            script = script.replace(there, here)
        self.hosts.run(script, f"{ADA[1]}\n")

    def caller(self, bearer: str) -> Caller:
        """Calls through the proxy."""
        caller = Caller.__new__(Caller)
        credentials = grpc.ssl_channel_credentials(self.proxy.pem.encode())
        caller.channel = grpc.secure_channel(self.proxy.address, credentials, [("grpc.enable_http_proxy", 0)])
        caller.metadata = [("authorization", f"Bearer {bearer}")]
        return caller


@pytest.fixture
def postgres(postgres_folder: Path) -> Iterator[Path]:
    """The PostgreSQL of the page: a role, and a database that it owns."""
    with psycopg.connect(f"host={postgres_folder} user=postgres dbname=postgres", autocommit=True) as admin:
        admin.execute("CREATE ROLE loopin LOGIN")
        admin.execute("CREATE DATABASE accounts OWNER loopin")
        yield postgres_folder
        for name in ("accounts", "restored"):
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        admin.execute("DROP ROLE loopin")


@pytest.fixture
def team(tmp_path: Path, postgres: Path, command: Command) -> Iterator[Team]:
    for name in ("curl", "pgrep", "createdb", "pg_dump", "pg_restore", "awk", "sed"):
        require.tool(name)
    http, grpc_port = free_port(), free_port()
    pages, calls = ([f"{host}:{port}" for host in (FIRST, SECOND)] for port in (http, grpc_port))
    with in_front_of(tmp_path / "nginx", certificate(), pages, calls) as proxy:
        program = require.tool("nginx", "/usr/sbin/nginx")
        nginx = {"program": program, "configuration": str(tmp_path / "nginx" / "nginx.conf")}
        hosts = Hosts(tmp_path / "hosts", (FIRST, SECOND), command, nginx=nginx)
        try:
            yield Team(hosts, proxy, postgres, http, grpc_port)
        finally:
            hosts.stop()


def test_the_commands_of_the_page_do_what_it_says(team: Team) -> None:
    team.run("start")
    session = sign_in(team.proxy, ADA)
    person = team.caller(session)
    before = team.caller(person.create("before-the-backup").jwt)

    def page() -> None:
        with browser(team.proxy) as client:
            assert client.get("/auth/login").status_code == 200

    failures: list[BaseException] = []
    calls, pages = [0], [0]
    with ExitStack() as load:
        load.enter_context(repeating(before.current, failures, calls))
        load.enter_context(repeating(page, failures, pages))
        team.run("replace")
        team.run("rotate")
    assert not failures
    assert len(calls) > 10
    assert len(pages) > 10

    team.run("backup")
    after = team.caller(person.create("after-the-backup").jwt)
    assert after.current()
    team.run("restore")
    for caller in (person, before):
        assert refusal(caller.current) == ("OK", "")
    assert refusal(after.current)[0] == "UNAUTHENTICATED"

    team.run("retire")
    team.run("replace")
    assert refusal(person.current) == ("UNAUTHENTICATED", "Token is invalid")
    assert team.caller(sign_in(team.proxy, ADA)).current()


def test_every_block_of_the_page_is_run() -> None:
    assert set(BLOCKS) == {"setup", "start", "replace", "rotate", "retire", "backup", "restore"}
