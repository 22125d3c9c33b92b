"""Run as a child: many clients of one account server at once, each call written down as it was answered.

Standard input: a line of JSON, the fields of `Plan`; then, once this has said `ready`, a line to begin.
"""

import asyncio
import hashlib
import json
import os
import random
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlencode
from uuid import uuid4

os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import httpx

from app.proto.controlplane.v1 import api_token_pb2 as tokens
from app.proto.controlplane.v1 import api_token_pb2_grpc, context_pb2, context_pb2_grpc
from tests.support.oauth import CLIENT, REDIRECT, Proof, answer_of, request_for
from tests.support.server import csrf_of, own_address

PATIENCE, AT_ONCE = 60.0, 4
# How often each is done, of a hundred.
MIX: Mapping[str, int] = {
    "current": 40,
    "list": 20,
    "create": 14,
    "revoke": 14,
    "code and token": 10,
    "password": 2,
}
_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", -1),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a child is to do. `people` are (e-mail address, JWT); `pace` the mean rest in seconds.

    `synced`: an acknowledgement counts when its line is on the disk, and standard output tells of it.
    `mortal`: the server is going to end, so a client ends with its first failure.
    """

    http: str
    grpc: str
    password: str
    people: list[tuple[str, str]]
    seconds: float
    pace: float
    log: str
    synced: bool = False
    mortal: bool = False


class Unexpected(Exception):
    """An answer other than the one that was asked for."""


class Log:
    """One line a call: what, seconds, what went wrong, and what was acknowledged."""

    def __init__(self, file: TextIO, synced: bool) -> None:
        self._file = file
        self._synced = synced

    def write(self, call: str, seconds: float, failure: str, acknowledged: str = "") -> None:
        """Write one down."""
        self._file.write(json.dumps([call, round(seconds, 5), failure, acknowledged]) + "\n")
        self._file.flush()
        if self._synced and acknowledged:
            os.fsync(self._file.fileno())
            sys.stdout.write("written\n")
            sys.stdout.flush()


class Client:
    """One person with a browser and a program; connections of their own."""

    def __init__(self, plan: Plan, email: str, jwt: str, log: Log) -> None:
        self._plan, self._email, self._log = plan, email, log
        self._metadata = (("authorization", f"Bearer {jwt}"),)
        self._mine: list[str] = []
        self._ended = False
        # As behind a proxy: all of them from one address would be one caller.
        address = {"X-Forwarded-For": own_address()}
        self.http = httpx.AsyncClient(
            base_url=plan.http, trust_env=False, timeout=PATIENCE, verify=False, headers=address
        )

    async def __aenter__(self) -> "Client":
        self._channel = grpc.aio.insecure_channel(self._plan.grpc, _OPTIONS)
        context: Any = context_pb2_grpc.ContextServiceStub
        api: Any = api_token_pb2_grpc.APITokenServiceStub
        self._context, self._tokens = context(self._channel), api(self._channel)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self._channel.close()

    async def enter(self) -> None:
        """Sign the browser in."""
        await self._send_login("/account/sign-in", 303)

    async def run(self, end: float) -> None:
        """Make calls until `end`."""
        calls: dict[str, Callable[[], Coroutine[Any, Any, str]]] = {
            "current": self.current,
            "list": self.list,
            "create": self.create,
            "revoke": self.revoke,
            "code and token": self.code_and_token,
            "password": self.enter_by_password,
        }
        while not self._ended:
            await asyncio.sleep(self._plan.pace * random.uniform(0.5, 1.5))
            if time.monotonic() > end:
                return
            name = random.choices([*MIX], [*MIX.values()])[0]
            # Who has nothing to revoke makes something first.
            await self._one("create" if name == "revoke" and not self._mine else name, calls)

    async def _one(self, name: str, calls: Mapping[str, Callable[[], Coroutine[Any, Any, str]]]) -> None:
        began = time.perf_counter()
        try:
            acknowledged = await calls[name]()
        except (grpc.aio.AioRpcError, httpx.HTTPError, Unexpected) as error:
            self._log.write(name, time.perf_counter() - began, _told(error))
            self._ended = self._plan.mortal
            return
        self._log.write(name, time.perf_counter() - began, "", acknowledged)

    async def current(self) -> str:
        """Read the context."""
        await self._call(self._context.Current, context_pb2.ContextServiceCurrentRequest())
        return ""

    async def list(self) -> str:
        """List the tokens of the organization."""
        await self._call(self._tokens.List, tokens.APITokenServiceListRequest())
        return ""

    async def create(self) -> str:
        """Make a token; return its id."""
        request = tokens.APITokenServiceCreateRequest(name=f"l-{uuid4().hex}", description="under load")
        made: str = (await self._call(self._tokens.Create, request)).result.item.id
        self._mine.append(made)
        return made

    async def revoke(self) -> str:
        """Revoke one of its own; return its id."""
        wanted = self._mine.pop(0)
        await self._call(self._tokens.Revoke, tokens.APITokenServiceRevokeRequest(id=wanted))
        return wanted

    async def code_and_token(self) -> str:
        """Allow the program, and let it redeem the code; return the hash of the refresh token."""
        proof = Proof()
        place = f"/oauth/authorize?{urlencode(request_for(proof))}"
        page = (await self._page("GET", place, 200)).text
        account = page.partition('name="account" value="')[2].partition('"')[0]
        form = {"csrf_token": csrf_of(page), "account": account, "decision": "allow"}
        allowed = await self._page("POST", place, 303, form)
        redeem = {
            "grant_type": "authorization_code",
            "client_id": CLIENT,
            "code": answer_of(allowed.headers["location"])["code"],
            "redirect_uri": REDIRECT,
            "code_verifier": proof.verifier,
        }
        answer = (await self._page("POST", "/oauth/token", 200, redeem)).json()
        return hashlib.sha256(answer["refresh_token"].encode()).hexdigest()

    async def enter_by_password(self) -> str:
        """Sign in on the page that programs open."""
        await self._send_login("/auth/login", 200)
        return ""

    async def _send_login(self, place: str, wanted: int) -> None:
        page = await self._page("GET", place, 200)
        form = {
            "csrf_token": csrf_of(page.text),
            "email": self._email,
            "password": self._plan.password,
        }
        await self._page("POST", place, wanted, form)

    async def _call(self, method: Any, request: object) -> Any:
        return await method(request, metadata=self._metadata, timeout=PATIENCE)

    async def _page(
        self, verb: str, place: str, wanted: int, form: Mapping[str, str] | None = None
    ) -> httpx.Response:
        answer = await self.http.request(verb, place, data=form)
        if answer.status_code != wanted:
            raise Unexpected(f"{verb} {place.partition('?')[0]} {answer.status_code}")
        return answer


def _told(error: Exception) -> str:
    if isinstance(error, grpc.aio.AioRpcError):
        return f"{error.code().name}: {error.details()}"
    return f"{type(error).__name__}: {error}"


async def _crowd(plan: Plan, log: Log) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def enter(client: Client) -> None:
        async with room:
            await client.enter()

    clients = [Client(plan, email, jwt, log) for email, jwt in plan.people]
    for client in clients:
        await client.__aenter__()
    await asyncio.gather(*(enter(client) for client in clients))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    end = time.monotonic() + plan.seconds
    await asyncio.gather(*(client.run(end) for client in clients))
    for client in clients:
        await client.__aexit__()


def main() -> None:
    """Be the crowd."""
    plan = Plan(**json.loads(sys.stdin.readline()))
    with Path(plan.log).open("w", encoding="utf-8") as file:
        asyncio.run(_crowd(plan, Log(file, plan.synced)))


if __name__ == "__main__":
    main()
