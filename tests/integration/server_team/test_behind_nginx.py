"""Two servers on one PostgreSQL behind the nginx of docs/deploy, which speaks TLS for both."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import grpc
import httpx
import pytest

from tests.integration.server.callers import Caller
from tests.support import databases
from tests.support.nginx import Nginx, in_front_of
from tests.support.peers import certificate
from tests.support.server import AccountServer, release, start, submit_login

pytestmark = pytest.mark.slow

PROXIED = ("--trusted-proxy", "127.0.0.0/8", "--public-url", "https://127.0.0.1")


def port_of(address: str) -> str:
    return address.rpartition(":")[2]


def addresses(*servers: AccountServer) -> tuple[list[str], list[str]]:
    """Where the pages and the calls of these servers are."""
    return [f"127.0.0.1:{port_of(one.http)}" for one in servers], [one.grpc for one in servers]


class Fleet:
    """Two servers behind a proxy, of which one may be replaced."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.servers = [start(data, *PROXIED), start(data, *PROXIED, seed="")]
        self.owner = self.servers[0].owner

    def replace(self, index: int, proxy: Nginx) -> None:
        """Take a server out of the proxy, end it, and start another one on its ports."""
        old, other = self.servers[index], self.servers[1 - index]
        proxy.use(*addresses(other))
        assert old.stop() == 0
        release(old.process)
        ports = ("--http-port", port_of(old.http), "--grpc-port", port_of(old.grpc))
        self.servers[index] = start(self._data, *PROXIED, *ports, seed="")
        proxy.use(*addresses(*self.servers))

    def stop(self) -> None:
        for server in self.servers:
            release(server.process)


@pytest.fixture
def fleet(tmp_path: Path, postgres_folder: Path) -> Iterator[Fleet]:
    data = tmp_path / "data"
    databases.on_postgres(postgres_folder, data)
    made = Fleet(data)
    yield made
    made.stop()


def browser(proxy: Nginx) -> httpx.Client:
    """A client of the pages behind the proxy."""
    trust = ssl.create_default_context(cadata=proxy.pem)
    return httpx.Client(base_url=f"https://{proxy.address}", verify=trust, trust_env=False, timeout=30)


def sign_in(proxy: Nginx, person: tuple[str, str]) -> str:
    """A person's JWT."""
    with browser(proxy) as client:
        answer = submit_login(client, *person)
    assert answer.status_code == 303, answer.text
    return parse_qs(urlsplit(answer.headers["location"]).query)["t"][0]


@contextmanager
def repeating(call: Callable[[], object], failures: list[BaseException], count: list[int]) -> Iterator[None]:
    """Call it over and over during the block."""
    end = threading.Event()

    def work() -> None:
        while not end.is_set():
            try:
                call()
                count.append(1)
            # Whatever it is, it is what a client would have seen.
            except Exception as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    yield
    end.set()
    for thread in threads:
        thread.join()


def test_servers_are_replaced_one_by_one_under_load_and_no_request_fails(
    fleet: Fleet, tmp_path: Path
) -> None:
    with in_front_of(tmp_path / "nginx", certificate(), *addresses(*fleet.servers)) as proxy:
        caller = Caller(fleet.servers[0], sign_in(proxy, fleet.owner))
        credentials = grpc.ssl_channel_credentials(proxy.pem.encode())
        caller.channel = grpc.secure_channel(proxy.address, credentials, [("grpc.enable_http_proxy", 0)])

        def page() -> None:
            # A connection of its own: a proxy that is told something new closes those that are idle.
            with browser(proxy) as client:
                answer = client.get("/auth/login")
            assert answer.status_code == 200, answer.text
            assert "strict-transport-security" in answer.headers

        failures: list[BaseException] = []
        calls, pages = [0], [0]
        with ExitStack() as load:
            load.enter_context(repeating(caller.current, failures, calls))
            load.enter_context(repeating(page, failures, pages))
            for index in (0, 1):
                fleet.replace(index, proxy)
        caller.channel.close()
    assert not failures
    assert len(calls) > 10
    assert len(pages) > 10


def test_what_is_for_the_team_alone_is_not_served_to_everybody(fleet: Fleet, tmp_path: Path) -> None:
    places = addresses(*fleet.servers)
    with in_front_of(tmp_path / "nginx", certificate(), *places) as proxy, browser(proxy) as client:
        assert client.get("/metrics").status_code == 403
        assert client.get("/healthz").status_code == 200
