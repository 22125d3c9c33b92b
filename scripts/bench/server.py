#!/usr/bin/env python3
"""The account server beside two that nobody here wrote: requests a second a core.

scripts/bench/server.py [TIMES]: so many of each request, from one client, one after the other, on loopback;
the processor time of the server and its children is what counts. The peers do the same work: a person who
is signed in, a public client with PKCE. canaille is taken from .venv-canaille; npm's oidc-provider from
OIDC_PROVIDER, a folder in which `npm install oidc-provider` was run; an earlier version of Loopin from
EARLIER_CHECKOUT, a checkout with its .venv. One that is not there is left out. The medians of three rounds.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
from common import ROOT, cpu_of, folder, times

sys.path.insert(0, str(ROOT))

from token_server import filled_server

from tests.support import canaille as other
from tests.support.oauth import CLIENT, SCOPE
from tests.support.server import AccountServer, bulk_tokens, release, sign_in

REDIRECT = "http://127.0.0.1:8765/callback"
VERIFIER = "a-verifier-that-is-long-enough-and-not-a-secret"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
LISTED, LISTINGS = 1_000, 20
ROUNDS = 3
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """One authorization server: where it is, its process, its client, what its sign-in form takes."""

    url: str
    pid: int
    client: str
    scope: str
    form: Mapping[str, str]
    authorize: str
    token: str
    userinfo: str
    rest: float = 0.0
    """Seconds between two exchanges."""


def main() -> int:
    """Measure and print."""
    count = times(40)
    rows: dict[str, list[Mapping[str, float]]] = {}
    for _ in range(ROUNDS):
        with folder() as home:
            for name, found in measured(home, count):
                rows.setdefault(name, []).append(found)
    columns = list(rows["loopin"][0])
    print(f"{'':14}  {'  '.join(f'{column:>14}' for column in columns)}   (a second a core, {count} each)")
    for name, rounds in rows.items():
        cells = (
            f"{median([found[column] for found in rounds]):14.0f}" if column in rounds[0] else f"{'–':>14}"
            for column in columns
        )
        print(f"{name:14}  {'  '.join(cells)}")
    return 0


def measured(home: Path, count: int) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Each server once, by name."""
    for server, token in filled_server(home / "loopin", [LISTED]):
        yield "loopin", {**oauth(_loopin(server), count), "list of 1,000": listing(server, token)}
    with before(home) as earlier:
        if earlier is not None:
            bulk_tokens(earlier, "acme", LISTED)
            token = sign_in(earlier, *earlier.owner)
            yield "before", {**oauth(_loopin(earlier), count), "list of 1,000": listing(earlier, token)}
    for name, open_one in (("canaille", canaille), ("oidc-provider", oidc_provider)):
        with open_one(home) as peer:
            if peer is not None:
                yield name, oauth(peer, count)


def oauth(server: Server, count: int) -> Mapping[str, float]:
    """Sign in, then measure a code, its exchange and a check of the token."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=PATIENCE) as browser:
        code_of(browser, server)
        codes, tokens = [], []
        authorized = rate(server.pid, count, lambda: codes.append(code_of(browser, server)))
    with httpx.Client(base_url=server.url, trust_env=False, timeout=PATIENCE) as program:

        def redeem() -> None:
            time.sleep(server.rest)
            tokens.append(exchange(program, server, codes.pop()))

        exchanged = rate(server.pid, len(codes), redeem)
        bearer = {"Authorization": f"Bearer {tokens[0]}"}

        def check() -> None:
            program.get(server.userinfo, headers=bearer).raise_for_status()

        return {"code": authorized, "token": exchanged, "token check": rate(server.pid, 2 * count, check)}


def rate(pid: int, count: int, do: Callable[[], object]) -> float:
    """How often a second of one core the server does it."""
    before = used(pid)
    for _ in range(count):
        do()
    return count / (used(pid) - before)


def used(pid: int) -> float:
    """Processor seconds of a process and of its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_of(pid) + sum(used(int(child)) for child in children)


def code_of(browser: httpx.Client, server: Server) -> str:
    """Walk from the authorization request to the callback, filling in each form on the way."""
    asked = {
        "response_type": "code", "client_id": server.client, "redirect_uri": REDIRECT, "scope": server.scope,
        "state": "kept", "nonce": "once", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    answer = browser.get(f"{server.authorize}?{urlencode(asked)}")
    for _ in range(12):
        if answer.is_redirect:
            place = urljoin(str(answer.url), answer.headers["location"])
            if place.startswith(REDIRECT):
                return parse_qs(urlsplit(place).query)["code"][0]
            answer = browser.get(place)
        else:
            answer.raise_for_status()
            hidden = re.findall(r'name="(csrf_token|account)"[^>]*value="([^"]*)"', answer.text)
            answer = browser.post(str(answer.url), data={**dict(hidden), **server.form})
    raise RuntimeError(f"{server.url} did not come to an end")


def exchange(program: httpx.Client, server: Server, code: str) -> str:
    """RFC 6749 §4.1.3, with the verifier of RFC 7636; return the access token."""
    form = {
        "grant_type": "authorization_code", "client_id": server.client, "code": code,
        "redirect_uri": REDIRECT, "code_verifier": VERIFIER,
    }  # fmt: skip
    return str(program.post(server.token, data=form).raise_for_status().json()["access_token"])


def listing(server: AccountServer, token: str) -> float:
    """The rate of APITokenService.List with 1,000 tokens in the answer."""
    import grpc

    from app.proto.controlplane.v1 import api_token_pb2

    with grpc.insecure_channel(server.grpc, options=[("grpc.enable_http_proxy", 0)]) as channel:
        ask = channel.unary_unary(
            "/controlplane.v1.APITokenService/List",
            request_serializer=api_token_pb2.APITokenServiceListRequest.SerializeToString,
            response_deserializer=api_token_pb2.APITokenServiceListResponse.FromString,
        )
        request, bearer = api_token_pb2.APITokenServiceListRequest(), (("authorization", f"Bearer {token}"),)
        if len(ask(request, metadata=bearer).result) < LISTED:
            raise RuntimeError("the list is not whole")
        return rate(server.pid, LISTINGS, lambda: ask(request, metadata=bearer))


def _loopin(server: AccountServer) -> Server:
    email, password = server.owner
    form = {"email": email, "password": password, "decision": "allow"}
    places = ("/oauth/authorize", "/oauth/token", "/oauth/userinfo")
    return Server(server.http, server.pid, CLIENT, SCOPE, form, *places)


@contextmanager
def before(home: Path) -> Iterator[AccountServer | None]:
    """An earlier version with its own packages; None when no checkout is named."""
    checkout, data = os.environ.get("EARLIER_CHECKOUT"), home / "before"
    if checkout is None:
        yield None
        return
    command = [f"{checkout}/.venv/bin/python", "-m", "app", "server", "start", "--json", "--data", str(data)]
    process = subprocess.Popen(
        [*command, "--sweep-interval", "0", "--seed", "demo"], cwd=checkout, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        said = json.loads(process.stdout.readline())
        yield AccountServer(said["http"], said["grpc"], said["pid"], said["seed"], data, process)
    finally:
        release(process)


@contextmanager
def canaille(home: Path) -> Iterator[Server | None]:
    """canaille with one person; None when it is not installed."""
    command = ROOT / ".venv-canaille" / "bin" / "canaille"
    if not command.exists():
        print("canaille is left out: there is no .venv-canaille", file=sys.stderr)
        yield None
        return
    place, port = home / "canaille", other.free_port()
    place.mkdir()
    variables = {**os.environ, "CANAILLE_CONFIG": str(place / "canaille.toml")}
    (place / "canaille.toml").write_text(other._CONFIG.format(port=port, folder=place))
    made = other.Canaille(f"http://127.0.0.1:{port}", command, place)
    made.run("install")
    person = (
        "--user-name",
        "nora",
        "--password",
        other.PASSWORD,
        "--given-name",
        "Nora",
        "--family-name",
        "Sample",
    )
    made.run("create", "user", "--quiet", *person, "--emails", "nora@acme.example")
    run = [str(command), "run", "--bind", f"127.0.0.1:{port}"]
    with _child(run, place, variables) as process:
        _wait(f"{made.url}/.well-known/openid-configuration", process)
        client = {
            "client_name": "bench", "redirect_uris": [REDIRECT], "scope": "openid profile",
            "grant_types": ["authorization_code"], "response_types": ["code"],
            "token_endpoint_auth_method": "none",
        }  # fmt: skip
        registered = httpx.post(f"{made.url}/oauth/register", json=client, trust_env=False).json()[
            "client_id"
        ]
        form = {"login": "nora", "password": other.PASSWORD, "answer": "accept"}
        places = ("/oauth/authorize", "/oauth/token", "/oauth/userinfo")
        # Two of its tokens for one person in one second are the same, and it answers 500.
        yield Server(made.url, process.pid, registered, "openid profile", form, *places, rest=1.05)


@contextmanager
def oidc_provider(home: Path) -> Iterator[Server | None]:
    """npm's oidc-provider; None when it is not installed."""
    installed = Path(os.environ.get("OIDC_PROVIDER", "")) / "node_modules"
    node = shutil.which("node")
    if node is None or not (installed / "oidc-provider").exists():
        print("oidc-provider is left out: OIDC_PROVIDER names no folder that has it", file=sys.stderr)
        yield None
        return
    place = home / "node"
    place.mkdir()
    (place / "node_modules").symlink_to(installed)
    shutil.copy(Path(__file__).parent / "peers" / "oidc_provider.mjs", place / "server.mjs")
    with _child([node, "server.mjs"], place, os.environ) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield Server(url, process.pid, "bench", "openid profile", {}, "/auth", "/token", "/me")


@contextmanager
def _child(
    command: list[str], place: Path, variables: Mapping[str, str]
) -> "Iterator[subprocess.Popen[str]]":
    with (place / "stderr").open("w") as errors:
        process = subprocess.Popen(
            command, cwd=place, env=dict(variables), stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        yield process
    finally:
        release(process)


def _wait(url: str, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            httpx.get(url, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
