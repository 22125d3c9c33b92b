"""Every sign-in, at every step that speaks to a server, with every way in which a wire can break.

It ends with a sentence and a next step, the keychain is as before, the port is free, and the next try works.
"""

import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import grpc
import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.domain.errors import Failed, LoopinError, Unreachable
from app.domain.login import LoginStep, Step, StepState
from app.domain.secret import Secret
from app.oidc.http import Fetcher
from app.oidc.url_policy import CLIENT_POLICY
from app.proto.controlplane.v1 import status_pb2
from app.services.login.browser import BrowserOptions
from app.services.stored_logins import ChainloopVault
from tests.support.callbacks import FormBrowser
from tests.support.chainloop import ContainerFactory
from tests.support.gumloop import Desk, follow, result_of
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.login_steps import (
    browser_steps,
    chainloop_token_steps,
    gumloop_key_steps,
    gumloop_token_steps,
)
from tests.support.peers import closed_port, grpc_peer
from tests.support.relay import Break, Relay, relay
from tests.support.server import AccountServer, sign_in

pytestmark = [pytest.mark.usefixtures("no_pauses"), pytest.mark.slow]
ANY_PORT = BrowserOptions(0)
Flow = Callable[[Container], AsyncIterator[LoginStep]]

FLOWS: dict[str, Flow] = {
    "gumloop oauth": lambda box: browser_steps(box.gumloop_browser_sign_in(), ANY_PORT),
    "gumloop key": lambda box: gumloop_key_steps(box, API_KEY, USER_ID),
    "gumloop token": lambda box: gumloop_token_steps(box, "token-not-real-that-the-stub-knows"),
}
# What the request of the step contains, and what one before it contains: that of the person's browser, as
# the server is asked about itself meanwhile, sooner or later.
MARKS = {
    Step.EXCHANGE: (b"POST /oauth/token", b"GET /oauth/authorize"),
    Step.VERIFIED: (b"/api/v1/models", b""),
}
GUMLOOP_CELLS = [
    (flow, step, how)
    for flow, steps in (
        ("gumloop oauth", (Step.EXCHANGE, Step.VERIFIED)),
        ("gumloop key", (Step.VERIFIED,)),
        ("gumloop token", (Step.VERIFIED,)),
    )
    for step in steps
    for how in Break
]


@pytest.fixture
def wire(gumloop: Gumloop) -> Iterator[Relay]:
    """Between Loopin and the stub."""
    gumloop.access.add("token-not-real-that-the-stub-knows")
    parts = urlsplit(gumloop.base_url)
    with relay(str(parts.hostname), parts.port or 0) as made:
        gumloop.base_url = f"http://127.0.0.1:{made.port}/api/v1"
        yield made


def patience_with(how: Break) -> str:
    """Seconds to wait for an answer: few where none comes, else enough for a busy machine."""
    return "1" if how is Break.SILENT else "60"


def told_well(steps: list[LoginStep], step: Step) -> LoopinError:
    """The sign-in failed at `step`, with a sentence and what to do next."""
    last = steps[-1]
    assert last.state is StepState.FAILED
    assert last.step is step
    assert last.error is not None
    assert last.error.message
    assert last.error.hint
    return last.error


def nobody_listens(steps: list[LoginStep]) -> None:
    """The port of the callback is free again."""
    for address in {step.callback for step in steps if step.callback}:
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", urlsplit(address).port or 0), 1):
            raise AssertionError("somebody listens still")


@pytest.mark.parametrize(("flow", "step", "how"), GUMLOOP_CELLS, ids=lambda v: getattr(v, "name", v))
async def test_gumloop(desk: Desk, wire: Relay, flow: str, step: Step, how: Break) -> None:
    before = await desk.signed_in()
    mark, earlier = MARKS[step]
    if how is Break.REFUSED and step is Step.VERIFIED:
        # For the browser sign-in the door closes behind the exchange, for the others it never was open.
        earlier = b"POST /oauth/token" if flow == "gumloop oauth" else b""
    wire.mark, wire.how = (earlier or mark, how) if how is Break.REFUSED else (mark, how)
    if how is Break.REFUSED and not earlier:
        wire.close()
    async with desk.loopin(LOOPIN_REQUEST_TIMEOUT=patience_with(how)) as box:
        steps = await follow(FLOWS[flow](box))
    told_well(steps, step)
    assert await desk.stored() == before
    nobody_listens(steps)
    wire.mend()
    async with desk.loopin() as box:
        result_of(await follow(FLOWS[flow](box)))
    assert await desk.stored() != before


# ── Chainloop: the same over gRPC ──

STATUSES = {
    Break.TOO_MANY: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Break.BROKEN: grpc.StatusCode.INTERNAL,
}
CHAINLOOP_CELLS = [
    (flow, step, how)
    for flow, steps in (
        ("chainloop browser", (Step.SERVER, Step.VERIFIED)),
        ("chainloop token", (Step.VERIFIED,)),
    )
    for step in steps
    for how in Break
    if how is not Break.HALF
]


class Plane:
    """A control plane that tells the real sign-in page and breaks at one call."""

    def __init__(self, login_url: str, call: str, how: Break) -> None:
        self._login_url = login_url
        self._call = call
        self._how = how
        self.released = threading.Event()
        self.stop: Callable[[], object] = lambda: None

    def __call__(self, path: str, context: Any) -> bytes:
        if not path.endswith(self._call):
            return status_pb2.InfozResponse(login_url=self._login_url, version="test").SerializeToString()
        if self._how in STATUSES:
            context.abort(STATUSES[self._how], "no, said the \x1b[2Jserver")
        if self._how is Break.SILENT:
            self.released.wait(30)
        if self._how in {Break.RESET, Break.REFUSED}:
            context.abort(grpc.StatusCode.UNAVAILABLE, "connection reset by peer")
        return b"\xff\xff\xff\xff not a message"


@pytest.mark.parametrize(("flow", "step", "how"), CHAINLOOP_CELLS, ids=lambda v: getattr(v, "name", v))
async def test_chainloop(
    account_server: AccountServer, container_for: ContainerFactory, flow: str, step: Step, how: Break
) -> None:
    vault, before = MemoryVault(), None
    token = sign_in(account_server, *account_server.owner)
    browser = FormBrowser(account_server.owner)
    box = container_for(account_server.grpc, vault=vault)
    result_of(await follow(chainloop_token_steps(box, token)))
    before = await ChainloopVault(vault).read("default")
    call = "Infoz" if step is Step.SERVER else "Current"
    plane = Plane(f"{account_server.http}/auth/login", call, how)
    with grpc_peer(plane) as (address, _):
        where = closed_port() if how is Break.REFUSED and _first(flow, step) else address
        environ = {"LOOPIN_REQUEST_TIMEOUT": patience_with(how)}
        box = container_for(where, vault=vault, browser=browser, environ=environ)
        steps = await follow(_chainloop(box, flow, Secret(token)))
        plane.released.set()
        if browser.opened:
            await browser.finished()
    told_well(steps, step)
    assert "\x1b" not in f"{steps[-1].error}"
    assert await ChainloopVault(vault).read("default") == before
    nobody_listens(steps)


def _first(flow: str, step: Step) -> bool:
    return step is Step.SERVER or flow == "chainloop token"


def _chainloop(box: Container, flow: str, token: Secret) -> AsyncIterator[LoginStep]:
    if flow == "chainloop browser":
        return browser_steps(box.chainloop_browser_sign_in(), ANY_PORT)
    return chainloop_token_steps(box, token.reveal())


@pytest.mark.parametrize("how", [how for how in Break if how is not Break.REFUSED], ids=lambda how: how.name)
async def test_a_server_that_publishes_nothing_usable_keeps_nobody_out(
    desk: Desk, wire: Relay, how: Break
) -> None:
    """What a server says of itself is optional (RFC 8414); whoever checks the state goes on without."""
    wire.mark, wire.how = b"GET /.well-known", how
    async with desk.loopin(LOOPIN_REQUEST_TIMEOUT=patience_with(how)) as box:
        result_of(await follow(FLOWS["gumloop oauth"](box)))
    assert wire.hits >= 1
    assert await desk.stored() is not None


@pytest.mark.parametrize("how", Break, ids=lambda how: how.name)
async def test_issuer(gumloop: Gumloop, how: Break) -> None:
    """The issuer of a CI job's token, from which everything about a keyless sign-in comes."""
    with relay("127.0.0.1", urlsplit(gumloop.base_url).port or 0) as wire:
        wire.mark, wire.how = b"GET /", how
        if how is Break.REFUSED:
            wire.close()
        with pytest.raises(LoopinError) as caught:
            await Fetcher(CLIENT_POLICY, patience=float(patience_with(how))).document(
                f"http://127.0.0.1:{wire.port}/.well-known/x"
            )
    assert wire.hits == (0 if how is Break.REFUSED else 1)
    assert isinstance(caught.value, Unreachable | Failed)
    assert caught.value.hint, caught.value.message
    assert "\x1b" not in caught.value.message
