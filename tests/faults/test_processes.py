"""A sign-in whose process is interrupted while it waits for the person: what is left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.support.cli import Loopin
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.server import ROOT, AccountServer, submit_login
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds; the answer comes after verifying and saving, which a busy machine draws out."""
COMMANDS = {
    "gumloop oauth": ("gumloop", "login", "--method", "oauth", "--no-browser", "--callback-port", "0"),
    "chainloop browser": ("chainloop", "auth", "login"),
}
ENDINGS = {
    "SIGINT": 130,
    # It unwinds first, and says so: as a shell reports a signal.
    "SIGTERM": 128 + signal.SIGTERM,
    "SIGHUP": 128 + signal.SIGHUP,
    "SIGKILL": -signal.SIGKILL,
}


@pytest.fixture
def command(loopin: Loopin, gumloop: Gumloop, account_server: AccountServer, secret_service: Bus) -> Loopin:
    """Somebody with a Gumloop key in a real keychain, whose browser shows nothing."""
    loopin.environment = {
        "GUMLOOP_BASE_URL": gumloop.base_url,
        "CHAINLOOP_CONTROL_PLANE_API": account_server.grpc,
        "CHAINLOOP_API_INSECURE": "true",
        "PYTHONUNBUFFERED": "1",
        "BROWSER": "true",
        **secret_service.environment,
    }
    loopin("gumloop", "login", "--user-id", USER_ID, "--api-key", "-", stdin=API_KEY).works()
    return loopin


@contextmanager
def waiting(command: Loopin, method: str) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """A sign-in that waits for its answer, and the address of its page."""
    child = subprocess.Popen(
        [sys.executable, "-m", "app", *COMMANDS[method]],
        cwd=ROOT,
        env=command.variables(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert child.stdout is not None
    try:
        page = ""
        for line in child.stdout:
            page = line.strip() if re.match(r"https?://", line) else page
            if "Waiting" in line:
                break
        yield child, page
    finally:
        child.kill()
        child.wait(PATIENCE)
        child.stdout.close()


def callback_of(page: str) -> str:
    """Where the answer is expected."""
    query = parse_qs(urlsplit(page).query)
    return (query.get("redirect_uri") or query["callback"])[0]


def state(command: Loopin) -> dict[str, object]:
    """Who is signed in, as the next run sees it."""
    providers = command("status", "--json").json["providers"]
    return {one["provider"]: (one["signed_in"], one["method"]) for one in providers}


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("method", COMMANDS)
def test_an_end_while_waiting_frees_the_port_and_leaves_the_login_from_before(
    command: Loopin, method: str, name: str
) -> None:
    with waiting(command, method) as (child, page):
        port = urlsplit(callback_of(page)).port or 0
        socket.create_connection(("127.0.0.1", port), 5).close()
        child.send_signal(getattr(signal, name))
        assert child.wait(PATIENCE) == ENDINGS[name]
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), 5)
        assert child.stdout is not None
        assert "Traceback" not in child.stdout.read()
    # As the fixture left it.
    assert state(command) == {"gumloop": (True, "api_key"), "chainloop": (False, None)}


def _allow_gumloop(page: str, server: AccountServer) -> str:
    return httpx.get(page, trust_env=False, timeout=PATIENCE).headers["location"]


def _allow_chainloop(page: str, server: AccountServer) -> str:
    with httpx.Client(base_url=server.http, trust_env=False) as client:
        return submit_login(client, *server.owner, callback=callback_of(page)).headers["location"]


ALLOW: dict[str, Callable[[str, AccountServer], str]] = {
    "gumloop oauth": _allow_gumloop,
    "chainloop browser": _allow_chainloop,
}


@pytest.mark.parametrize("method", COMMANDS)
def test_suspended_while_waiting_it_takes_the_answer_when_it_goes_on(
    command: Loopin, account_server: AccountServer, method: str
) -> None:
    with waiting(command, method) as (child, page):
        where = ALLOW[method](page, account_server)
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        parts = urlsplit(where)
        # The kernel takes the connection for a process that is asleep.
        with socket.create_connection(("127.0.0.1", parts.port or 0), PATIENCE) as browser:
            request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
            browser.sendall(request.encode())
            child.send_signal(signal.SIGCONT)
            moved = browser.recv(65536).decode()
            address = re.search(r"(?i)^location: *(\S+)", moved, re.M)
            assert address, moved
            clean = address[1] if "://" in address[1] else f"http://{parts.netloc}{address[1]}"
            assert "You are signed in" in httpx.get(clean, trust_env=False, timeout=PATIENCE).text
        assert child.wait(PATIENCE) == 0
    provider = method.split()[0]
    assert state(command)[provider] == (True, "oauth" if provider == "gumloop" else "browser")


def test_two_at_one_port_and_the_second_is_told_by_whom(command: Loopin, tmp_path: Path) -> None:
    """The port is taken during the sign-in of somebody else: a listening socket cannot be taken over."""
    with waiting(command, "gumloop oauth") as (child, page):
        port = str(urlsplit(callback_of(page)).port)
        second = command("gumloop", "login", "--method", "oauth", "--no-browser", "--callback-port", port)
        second.fails(1, port)
        assert str(child.pid) in second.err
        assert child.poll() is None
