"""Every call that goes over a wire: reads are asked retry_read, and what changes something is sent once.

Where the answer to a change got lost, the server is asked what came of it.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import isasyncgenfunction, iscoroutinefunction
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import grpc
import pytest

from app.adapters.chainloop.client import ChainloopClient, ChainloopClients
from app.adapters.gumloop.client import GumloopClient, GumloopClients
from app.adapters.gumloop.oauth import AuthlibGumloopOAuth
from app.adapters.http import retry as module
from app.adapters.http.retry import ATTEMPTS, FIRST_PAUSE, LONGEST_PAUSE, retry_read
from app.adapters.system.ci_identity import _Patient
from app.domain.credentials import Credential, Method, Provider, Source
from app.domain.errors import BadReply, Failed, LoopinError, RateLimited, TLSFailed, Unreachable
from app.domain.gumloop import AuthorizationRequest, IssuerFacts, endpoint_of
from app.domain.secret import Secret
from app.domain.tokens import StatusFilter, TokenDraft
from app.oidc.http import Fetcher
from app.oidc.url_policy import CLIENT_POLICY
from tests.support.between import Between, between
from tests.support.chainloop import credential_at
from tests.support.cli import Loopin, signed_in
from tests.support.gumloop_stub import Fault, Gumloop
from tests.support.peers import grpc_peer
from tests.support.server import AccountServer

pytestmark = pytest.mark.slow

Code = grpc.StatusCode
TOKEN = Secret("token-not-real-that-the-stub-knows")
Call = Callable[[Any], Awaitable[object]]

GATEWAY: dict[str, tuple[bool, str, Call]] = {
    "server_info": (True, "Infoz", lambda g: g.server_info()),
    "current": (True, "Current", lambda g: g.current()),
    "memberships": (True, "ListMemberships", lambda g: g.memberships()),
    "probe": (True, "List", lambda g: g.probe()),
    "list_tokens": (True, "List", lambda g: g.list_tokens(StatusFilter.ALL)),
    "select_membership": (False, "SetCurrentMembership", lambda g: g.select_membership("id")),
    "create_organization": (False, "Create", lambda g: g.create_organization("new")),
    "set_threshold": (False, "Update", lambda g: g.set_threshold("acme", 30)),
    "create_token": (False, "Create", lambda g: g.create_token(TokenDraft("once"))),
    "revoke_token": (False, "Revoke", lambda g: g.revoke_token("id")),
}
"""Method of the gateway: is it repeated, the call on the wire, how it is made. (`sign_out` is HTTP.)"""

API: dict[str, tuple[bool, str, Call]] = {
    "verify": (True, "/api/v1/models", lambda api: api.verify()),
    "teams": (True, "/api/v1/teams", lambda api: api.teams()),
    "organizations": (True, "/api/v1/organizations", lambda api: api.organizations()),
}
OAUTH: dict[str, tuple[bool, str, Callable[[AuthlibGumloopOAuth, str], Awaitable[object]]]] = {
    "discover": (True, "/.well-known/oauth-authorization-server", lambda o, at: o.discover(endpoint_of(at))),
    "person": (
        True,
        "/oauth/userinfo",
        lambda o, at: o.person(
            endpoint_of(at), IssuerFacts(userinfo_url=at.removesuffix("/api/v1") + "/oauth/userinfo"), TOKEN
        ),
    ),
    "exchange": (
        False,
        "/oauth/token",
        lambda o, at: o.exchange(endpoint_of(at), AuthorizationRequest("", "", "", TOKEN), "code"),
    ),
    "refresh": (False, "/oauth/token", lambda o, at: o.refresh(endpoint_of(at), TOKEN)),
    "revoke": (False, "/oauth/revoke", lambda o, at: o.revoke(endpoint_of(at), TOKEN)),
}


def calls_of(kind: type) -> set[str]:
    """What a client can be asked to do."""
    found = vars(kind).items()
    coroutines = {name for name, value in found if iscoroutinefunction(value) or isasyncgenfunction(value)}
    return {name for name in coroutines if not name.startswith("_")}


def test_no_call_is_missing_here() -> None:
    assert calls_of(ChainloopClient) == {*GATEWAY, "sign_out"}
    assert calls_of(GumloopClient) == set(API)
    # What it does not hear is not in the way of a sign-in, so it asks once.
    assert calls_of(AuthlibGumloopOAuth) == {*OAUTH, "serves_api"}
    assert calls_of(Fetcher) == calls_of(_Patient) == {"document"}


@pytest.mark.parametrize("code", [Code.UNAVAILABLE, Code.RESOURCE_EXHAUSTED])
@pytest.mark.parametrize("name", GATEWAY)
async def test_grpc(name: str, code: grpc.StatusCode) -> None:
    """The server refuses once, and would answer the next time."""
    repeated, method, call = GATEWAY[name]
    gateways = ChainloopClients(max_receive=1000, timeout=60)
    failed: list[str] = []

    def answer(path: str, context: Any) -> bytes:
        if not failed:
            failed.append(path)
            context.abort(code, "not now")
        return b""

    with grpc_peer(answer) as (address, calls):
        credential = credential_at(address, TOKEN.reveal())
        gateway = gateways.open(credential.endpoint, credential, "acme")
        if repeated:
            await call(gateway)
        else:
            with pytest.raises(LoopinError):
                await call(gateway)
        assert calls == [method] * (2 if repeated else 1)
    await gateways.aclose()


FAULTS = [Fault(503), Fault(429, headers=(("Retry-After", "0"),)), Fault(200, "{}", cut=True)]


@pytest.fixture
async def api(gumloop: Gumloop) -> AsyncIterator[GumloopClient]:
    """The stub, as somebody whom it knows."""
    gumloop.access.add(TOKEN.reveal())
    apis = GumloopClients(timeout=60, user_agent="test")
    endpoint = endpoint_of(gumloop.base_url)
    yield apis.open(Credential(Provider.GUMLOOP, Method.OAUTH, TOKEN, Source.FLAG, endpoint, "default"))
    await apis.aclose()


@pytest.mark.parametrize("fault", FAULTS, ids=["503", "429", "cut"])
@pytest.mark.parametrize("name", API)
@pytest.mark.usefixtures("no_pauses")
async def test_gumloop_api(gumloop: Gumloop, api: GumloopClient, name: str, fault: Fault) -> None:
    _, path, call = API[name]
    gumloop.fail(path, fault, fault)
    await call(api)
    assert len(gumloop.calls(path)) == 3


@pytest.mark.parametrize("fault", FAULTS, ids=["503", "429", "cut"])
@pytest.mark.parametrize("name", OAUTH)
@pytest.mark.usefixtures("no_pauses")
async def test_gumloop_oauth(gumloop: Gumloop, name: str, fault: Fault) -> None:
    repeated, path, call = OAUTH[name]
    gumloop.metadata = True
    gumloop.fail(path, fault)
    oauth = AuthlibGumloopOAuth(timeout=60, user_agent="test")
    if repeated:
        assert await call(oauth, gumloop.base_url)
    else:
        with pytest.raises(LoopinError):
            await call(oauth, gumloop.base_url)
    assert len(gumloop.calls(path)) == (2 if repeated else 1)


@pytest.mark.usefixtures("no_pauses")
async def test_documents_of_an_issuer(gumloop: Gumloop) -> None:
    """From a CI job. The account server, which anyone may make ask, asks once."""
    root, path = gumloop.base_url.removesuffix("/api/v1"), "/.well-known/oauth-authorization-server"
    gumloop.metadata = True
    gumloop.fail(path, Fault(503), Fault(429))
    assert await _Patient(Fetcher(CLIENT_POLICY)).document(root + path)
    assert len(gumloop.calls(path)) == 3
    gumloop.fail(path, Fault(503))
    with pytest.raises(Unreachable):
        await Fetcher(CLIENT_POLICY).document(root + path)


async def test_a_server_that_says_how_long_to_wait_is_waited_for(
    gumloop: Gumloop, api: GumloopClient, no_pauses: list[float]
) -> None:
    gumloop.fail("/api/v1/teams", Fault(503, headers=(("Retry-After", "7"),)))
    await api.teams()
    assert no_pauses == [7]


PASSES = [Unreachable("x"), RateLimited("x"), Failed("x")]
STAYS = [TLSFailed("x"), BadReply("x"), LoopinError("x")]


class Asked:
    """Fails with `error` for ever; `pauses` are the waits in between."""

    def __init__(self, error: LoopinError, patch: pytest.MonkeyPatch) -> None:
        self.error = error
        self.count = 0
        self.pauses: list[float] = []
        patch.setattr(module, "asyncio", SimpleNamespace(sleep=self._sleep))

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def __call__(self) -> None:
        self.count += 1
        raise self.error


@pytest.mark.parametrize("error", PASSES, ids=lambda e: type(e).__name__)
async def test_it_gives_up_and_its_pauses_grow_and_differ(
    error: LoopinError, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[list[float]] = []
    for _ in range(20):
        asked = Asked(error, monkeypatch)
        with pytest.raises(type(error)):
            await retry_read(asked, 60)
        assert asked.count == ATTEMPTS
        pauses.append(asked.pauses)
    for place in range(ATTEMPTS - 1):
        at_place = [one[place] for one in pauses]
        assert max(at_place) <= min(FIRST_PAUSE * 2**place, LONGEST_PAUSE)
        assert len(set(at_place)) > 10, "jitter"


@pytest.mark.parametrize("error", STAYS, ids=lambda e: type(e).__name__)
async def test_what_would_stay_the_same_is_asked_once(
    error: LoopinError, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(error, monkeypatch)
    with pytest.raises(type(error)):
        await retry_read(asked, 60)
    assert asked.count == 1


async def test_no_wait_is_longer_than_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(RateLimited("x", retry_after=61), monkeypatch)
    with pytest.raises(RateLimited):
        await retry_read(asked, 60)
    assert (asked.count, asked.pauses) == (1, [])


# ── an answer that got lost, at the real server ──


@pytest.fixture
def lossy(loopin: Loopin, account_server: AccountServer) -> Any:
    """The command as the owner, over a wire that loses the answer to the first change."""
    signed_in(loopin, account_server, account_server.owner)
    with between(account_server.grpc) as proxy:
        loopin.environment["CHAINLOOP_CONTROL_PLANE_API"] = proxy.address
        yield loopin, proxy


def lose(method: str, before: bool = False) -> Callable[[str, int, Any], None]:
    """Abort the first call of `method`."""

    def rule(called: str, count: int, context: Any) -> None:
        if called == method and count == 1:
            context.abort(Code.UNAVAILABLE, "Socket closed")

    return rule


CREATE = ("chainloop", "organization", "api-token", "create", "--name")


def test_a_token_whose_answer_got_lost_is_found_and_named(lossy: tuple[Loopin, Between]) -> None:
    owner, proxy = lossy
    name = f"lost-{uuid4().hex[:8]}"
    proxy.after = lose("Create")
    done = owner(*CREATE, name).fails(1, "broke off", "the token was created", "revoke it (")
    made = [
        t
        for t in owner("chainloop", "organization", "api-token", "list", "-o", "json").json
        if t["name"] == name
    ]
    assert [made[0]["id"] in done.err, proxy.calls["Create"]] == [True, 1]


def test_a_token_that_was_not_created_is_told_as_such(lossy: tuple[Loopin, Between]) -> None:
    owner, proxy = lossy
    proxy.before = lose("Create")
    owner(*CREATE, f"lost-{uuid4().hex[:8]}").fails(1, "broke off", "the list shows that it was not created")
    assert proxy.calls["Create"] == 1


def test_a_threshold_whose_answer_got_lost_is_read_back(lossy: tuple[Loopin, Between]) -> None:
    owner, proxy = lossy
    proxy.after = lose("Update")
    update = ("chainloop", "organization", "update", "-y", "--api-token-max-days-inactive")
    owner(*update, "300").works()
    assert proxy.calls["Update"] == 1
    proxy.calls.clear()
    proxy.after, proxy.before = (lambda *_: None), lose("Update")
    owner(*update, "299").fails(1, "broke off", "it was not changed")
    proxy.go_on()
    owner(*update, "0").works()


def test_a_switch_whose_answer_got_lost_is_read_back(lossy: tuple[Loopin, Between]) -> None:
    owner, proxy = lossy
    switch = ("chainloop", "organization", "set", "acme", "--default")
    proxy.after = lose("SetCurrentMembership")
    owner(*switch).works()
    assert proxy.calls["SetCurrentMembership"] == 1


def test_a_revocation_whose_answer_got_lost_is_not_sent_again(lossy: tuple[Loopin, Between]) -> None:
    owner, proxy = lossy
    token = owner(*CREATE, f"lost-{uuid4().hex[:8]}", "-o", "json").works().json
    proxy.after = lose("Revoke")
    revoke = ("chainloop", "organization", "api-token", "revoke", "-y", "--id", token["id"])
    owner(*revoke, "--retries", "3").works()
    assert proxy.calls["Revoke"] == 1
