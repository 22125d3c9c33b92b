#!/usr/bin/env python3
"""A sign-in in the browser, from the callback to "signed in", people left out: beside the server's own time
for the same requests and the same keychain writes, done bare.

scripts/bench/sign_in.py [TIMES]: `loopin … login` as a whole process with a browser that only writes the
address down, a real account server on loopback, a real GNOME Keyring on a bus of its own; in turns.
"""

import asyncio
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from common import ROOT, environment, folder, times

sys.path.insert(0, str(ROOT))

from tests.support import server as account_server
from tests.support.oauth import Person, Proof, person_at, program_at
from tests.support.server import AccountServer, csrf_of
from tests.support.server_process import run_program
from tests.support.vaults import Bus, start_bus

LOOPIN = [sys.executable, "-m", "app"]
PATIENCE = 30.0
# What each sign-in does in the keychain, done by keyring itself: (deleted, written).
KEYCHAIN = """
import sys, time
import keyring
WORK = {
    "gumloop": (
        ["gumloop-cli default:api_key", "gumloop-cli default:access_token", "gumloop-cli default:user_id"],
        ["gumloop-cli default:" + field for field in ("refresh_token", "base_url", "access_token")],
    ),
    "chainloop": ([], ["loopin-chainloop default"]),
}
keyring.get_password("loopin-bench", "warm")
for line in sys.stdin:
    gone, written = WORK[line.strip()]
    began = time.perf_counter()
    for entry in gone:
        try:
            keyring.delete_password(*entry.split(" "))
        except keyring.errors.PasswordDeleteError:
            pass
    for entry in written:
        keyring.set_password(*entry.split(" "), "not-a-real-secret" * 20)
    print(time.perf_counter() - began, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds: the sign-in, the server's part, the keychain's part."""

    whole: float
    server: float
    keychain: float


class Keychain:
    """A process that writes to the keychain with keyring alone."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", KEYCHAIN], env=dict(variables), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def write(self, provider: str) -> float:
        """Do what a sign-in does there; return the seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{provider}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def main() -> int:
    """Measure and print."""
    with folder() as home, machine(home) as (server, variables), closing(Keychain(variables)) as keychain:
        found: dict[str, list[Took]] = {"gumloop": [], "chainloop": []}
        for number in range(times(10) + 1):
            for provider, took in (
                ("gumloop", gumloop(server, variables, home)),
                ("chainloop", chainloop(server, variables, home)),
            ):
                # The first round warms the caches.
                if number:
                    found[provider].append(Took(*took, keychain.write(provider)))
    print(f"{'':10}  sign-in ms  server ms  keychain ms  ratio   (medians of {times(10)})")
    for provider, runs in found.items():
        whole, own, writes = (
            statistics.median(values) * 1000
            for values in zip(*((r.whole, r.server, r.keychain) for r in runs), strict=True)
        )
        print(f"{provider:10}  {whole:10.0f}  {own:9.0f}  {writes:11.0f}  {whole / (own + writes):5.2f}")
    return 0


@contextmanager
def machine(home: Path) -> Iterator[tuple[AccountServer, Mapping[str, str]]]:
    """A server, a keychain, and a browser that writes down the address which it is to open."""
    bus: Bus = start_bus(home / "bus")
    server = account_server.start(home / "server", launch=run_program)
    browser = home / "firefox"
    browser.write_text(
        f'#!/bin/sh\nprintf %s "$1" > {shlex.quote(str(home / "part"))}\nmv {home}/part {home}/url\n'
    )
    browser.chmod(0o755)
    try:
        bus.start_keyring()
        yield (
            server,
            environment(
                home,
                **bus.environment,
                BROWSER=str(browser),
                CHAINLOOP_CONTROL_PLANE_API=server.grpc,
                CHAINLOOP_API_INSECURE="true",
                GUMLOOP_BASE_URL=f"{server.http}/api/v1",
            ),
        )
    finally:
        account_server.release(server.process)
        bus.end()


def gumloop(server: AccountServer, variables: Mapping[str, str], home: Path) -> tuple[float, float]:
    """Seconds of a sign-in, and of what the server did in it, asked again by a bare client."""
    whole = sign_in_with(LOOPIN, server, variables, home)
    with person_at(server, server.owner) as person:
        proof = Proof()
        code = person.code(proof)
    with program_at(server) as program:
        # Opens the connection, which is no work of the server's.
        program.http.get("/oauth/jwks")
        began = time.perf_counter()
        program.http.get("/.well-known/oauth-authorization-server")
        token = program.exchange(code, proof).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        for path in REQUESTS:
            program.http.get(path, headers=bearer)
        return whole, time.perf_counter() - began


def sign_in_with(loopin: list[str], server: AccountServer, variables: Mapping[str, str], home: Path) -> float:
    """Sign in to Gumloop with the command `loopin`; return the seconds from the callback to "signed in"."""
    command = [*loopin, "gumloop", "login", "--method", "oauth", "--callback-port", "0"]
    with person_at(server, server.owner) as person:
        return _signed_in(command, variables, home, lambda url: _allow(person, url))


REQUESTS = ("/oauth/userinfo", "/api/v1/models", "/api/v1/organizations")
"""What the program asks with a new access token, after the metadata and the exchange."""


def _allow(person: Person, url: str) -> str:
    """Press the button on the consent page; return where it leads."""
    asked = dict(parse_qsl(urlsplit(url).query))
    return str(person.decide(asked, "allow").headers["location"])


def chainloop(server: AccountServer, variables: Mapping[str, str], home: Path) -> tuple[float, float]:
    """The same at Chainloop, where the answer itself carries the token."""
    landed: list[str] = []

    def allow(url: str) -> str:
        with httpx.Client(trust_env=False) as client:
            email, password = server.owner
            form = {"csrf_token": csrf_of(client.get(url).text), "email": email, "password": password}
            landed.append(str(client.post(url, data=form).headers["location"]))
        return landed[0]

    whole = _signed_in([*LOOPIN, "chainloop", "auth", "login"], variables, home, allow)
    token = dict(parse_qsl(urlsplit(landed[0]).query))["t"]
    return whole, asyncio.run(_current(server, token))


async def _current(server: AccountServer, token: str) -> float:
    import grpc

    from app.proto.controlplane.v1 import context_pb2, context_pb2_grpc

    async with grpc.aio.insecure_channel(server.grpc, options=[("grpc.enable_http_proxy", 0)]) as channel:
        await channel.channel_ready()
        stub: Any = context_pb2_grpc.ContextServiceStub
        ask = stub(channel).Current
        began = time.perf_counter()
        await ask(context_pb2.ContextServiceCurrentRequest(), metadata=[("authorization", f"Bearer {token}")])
        return time.perf_counter() - began


def _signed_in(
    command: list[str], variables: Mapping[str, str], home: Path, allow: Callable[[str], str]
) -> float:
    """Start `command`, be its person, call back; return the seconds from there to "signed in"."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=dict(variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with process, httpx.Client(trust_env=False, timeout=PATIENCE) as browser:
        location = allow(_address(process, home / "url"))
        began = time.perf_counter()
        # As a browser does, to the page that tells how it ended.
        browser.get(location, follow_redirects=True)
        for line in process.stdout:
            if "igned in" in line:
                return time.perf_counter() - began
    raise RuntimeError(f"{command} ended without a sign-in")


def _address(process: "subprocess.Popen[str]", written: Path) -> str:
    end = time.monotonic() + PATIENCE
    while not written.exists():
        if process.poll() is not None or time.monotonic() > end:
            assert process.stdout is not None
            raise RuntimeError(f"no browser was opened: {process.stdout.read()}")
        time.sleep(0.02)
    url = written.read_text()
    written.unlink()
    return url


if __name__ == "__main__":
    sys.exit(main())
