"""Which Chainloop credential is in effect: the decision table, row by row."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from app.adapters.keychain.memory import MemoryVault
from app.adapters.system.ci_identity import CIEnvironment
from app.adapters.system.clock import SystemClock
from app.domain.claims import expiry_of, method_of
from app.domain.credentials import ChainloopTarget, Endpoint, Method, Provider, Source, Standing
from app.domain.errors import NotSignedIn, TokenRejected, VaultError, VaultLocked, VaultMissing
from app.domain.keyless import CIIdentities
from app.domain.secret import Secret
from app.domain.status import VaultStatus
from app.services.accounts import ChainloopAccounts
from app.services.chainloop_session import ChainloopSession
from app.services.status import ChainloopStatus
from app.services.stored_logins import CHAINLOOP_SERVICE, ChainloopVault, StoredLogin
from tests.support.chainloop import endpoint_of
from tests.support.fake_control_plane import loader
from tests.support.job import Job
from tests.support.memory import MemoryAccounts

HOME = endpoint_of("home.example:443", insecure=False)
AWAY = endpoint_of("away.example:443", insecure=False)
DEFAULT = endpoint_of("default.example:443", insecure=False)
FLAG, VARIABLE, STORED = (Secret(f"{word}-token-not-real-123") for word in ("flag", "environment", "stored"))


class NoGateways:
    """Resolving must not open a connection."""

    def open(self, *arguments: object, **options: object) -> Any:
        raise AssertionError("a gateway was opened")

    async def connect(self, endpoint: Endpoint) -> None:
        raise AssertionError("a connection was made")

    async def aclose(self) -> None:
        """Nothing is open."""


class BrokenVault:
    """A keychain that cannot be read."""

    def __init__(self, error: VaultError) -> None:
        self.error = error
        self.asked = 0

    label = "broken"

    async def probe(self) -> VaultStatus:
        return VaultStatus(self.label, self.error)

    async def unlock(self) -> None:
        raise self.error

    async def read(self, service: str, account: str) -> Secret | None:
        self.asked += 1
        raise self.error

    async def read_all(self, service: str, accounts: Sequence[str]) -> tuple[Secret | None, ...]:
        self.asked += 1
        raise self.error

    async def write(self, service: str, account: str, secret: Secret) -> None:
        raise self.error

    def kept_open(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def delete(self, service: str, account: str) -> None:
        raise self.error


def no_claims(token: Secret) -> Mapping[str, Any]:
    return {}


async def session(
    *,
    flag: Secret | None = None,
    environment: Secret | None = None,
    stored_at: Endpoint | None = None,
    named: Endpoint | None = None,
    profile: str = "default",
) -> ChainloopSession:
    vault, memory = MemoryVault(), ChainloopAccounts(MemoryAccounts())
    if stored_at is not None:
        await ChainloopVault(vault).write(profile, StoredLogin(STORED, Method.BROWSER, stored_at))
        await memory.write(profile, stored_at, "browser", "ada@acme.example")
    target = ChainloopTarget(DEFAULT, named, profile, "", flag, environment)
    return ChainloopSession(
        target, vault, loader(NoGateways()), no_claims, accounts=memory, notify=told.append
    )


told: list[str] = []
"""What a person was told; each test that reads it clears it first."""


@pytest.mark.parametrize(
    ("flag", "environment", "stored_at", "named", "winner", "where"),
    [
        (FLAG, VARIABLE, HOME, None, Source.FLAG, HOME),
        (FLAG, None, None, None, Source.FLAG, DEFAULT),
        (FLAG, VARIABLE, HOME, AWAY, Source.FLAG, AWAY),
        (None, VARIABLE, HOME, None, Source.ENVIRONMENT, HOME),
        (None, VARIABLE, None, AWAY, Source.ENVIRONMENT, AWAY),
        (None, None, HOME, None, Source.KEYCHAIN, HOME),
        (None, None, HOME, HOME, Source.KEYCHAIN, HOME),
        (None, None, HOME, AWAY, None, None),
        (None, None, None, None, None, None),
        (None, None, None, AWAY, None, None),
    ],
)
async def test_the_decision_table(
    flag: Secret | None,
    environment: Secret | None,
    stored_at: Endpoint | None,
    named: Endpoint | None,
    winner: Source | None,
    where: Endpoint | None,
) -> None:
    account = await session(flag=flag, environment=environment, stored_at=stored_at, named=named)
    resolution = await account.resolve()
    in_effect = [candidate for candidate in resolution.candidates if candidate.in_effect]
    assert [c.source for c in resolution.candidates][:3] == [Source.FLAG, Source.ENVIRONMENT, Source.KEYCHAIN]
    if winner is None:
        assert (resolution.credential, in_effect) == (None, [])
        with pytest.raises(NotSignedIn):
            await account.credential()
        return
    assert resolution.credential is not None
    secret = {Source.FLAG: flag, Source.ENVIRONMENT: environment, Source.KEYCHAIN: STORED}[winner]
    assert (resolution.credential.source, resolution.credential.secret) == (winner, secret)
    assert resolution.credential.endpoint == where
    assert [candidate.source for candidate in in_effect] == [winner]
    assert await account.credential() == resolution.credential


async def test_a_token_for_another_server_than_the_profiles_is_told_before_it_is_sent() -> None:
    told.clear()
    account = await session(environment=VARIABLE, stored_at=HOME, named=AWAY)
    for _ in range(2):
        await account.credential()
    assert told == [
        f"CHAINLOOP_TOKEN is sent to {AWAY.address}; the login of profile default is of {HOME.address}"
    ]
    told.clear()
    await (await session(environment=VARIABLE, stored_at=HOME, named=HOME)).credential()
    await (await session(environment=VARIABLE, named=AWAY)).credential()
    assert told == []


@pytest.mark.parametrize(("named", "where"), [(None, HOME), (AWAY, AWAY)])
async def test_a_sign_in_goes_to_the_server_of_the_stored_login(
    named: Endpoint | None, where: Endpoint
) -> None:
    assert await (await session(stored_at=HOME, named=named)).sign_in_endpoint() == where


async def test_a_first_sign_in_goes_to_the_default() -> None:
    assert await (await session()).sign_in_endpoint() == DEFAULT


async def test_the_server_of_a_login_of_an_earlier_release_is_read_from_the_keychain() -> None:
    """It remembered the address, and not whether it is reached in plain text."""
    accounts, vault = MemoryAccounts(), MemoryVault()
    plain = endpoint_of("home.example:443", insecure=True)
    await accounts.remember("chainloop", "default", {"endpoint": plain.address, "method": "browser"})
    await ChainloopVault(vault).write("default", StoredLogin(STORED, Method.BROWSER, plain))
    target = ChainloopTarget(DEFAULT, environment=VARIABLE)
    account = ChainloopSession(
        target, vault, loader(NoGateways()), no_claims, accounts=ChainloopAccounts(accounts)
    )
    assert (await account.credential()).endpoint == plain


async def test_every_loser_says_why() -> None:
    account = await session(flag=FLAG, environment=VARIABLE, stored_at=HOME)
    candidates = (await account.resolve()).candidates
    assert candidates[0].reason == "in effect: a flag beats everything else"
    assert candidates[1].reason == "ignored while --token is given"
    assert [c.standing for c in candidates] == [Standing.IN_EFFECT, Standing.IGNORED, Standing.IGNORED]


@pytest.mark.parametrize(
    ("stored_at", "standing", "stored"),
    [(None, Standing.ABSENT, False), (HOME, Standing.IN_EFFECT, True), (AWAY, Standing.UNUSABLE, True)],
)
async def test_a_login_of_another_server_is_found_and_cannot_be_used(
    stored_at: Endpoint | None, standing: Standing, stored: bool
) -> None:
    """It can be signed out of, all the same."""
    resolution = await (await session(stored_at=stored_at, named=HOME)).resolve()
    assert resolution.candidates[2].standing is standing
    assert resolution.stored is stored


@pytest.mark.parametrize(
    ("job", "environment", "standing"),
    [
        (Job(), None, Standing.IN_EFFECT),
        (Job(), VARIABLE, Standing.IGNORED),
        (Job(TokenRejected("the token is over")), None, Standing.UNUSABLE),
        (CIEnvironment({"GITLAB_CI": "true"}, SystemClock()), None, Standing.ABSENT),
    ],
)
async def test_a_job_that_can_prove_itself_counts_even_when_it_is_not_used(
    job: CIIdentities, environment: Secret | None, standing: Standing
) -> None:
    """What becomes of it is not read from the words that say so."""
    target = ChainloopTarget(DEFAULT, environment=environment)
    account = ChainloopSession(target, MemoryVault(), loader(NoGateways()), no_claims, job)
    last = (await account.resolve()).candidates[-1]
    assert (last.source, last.standing) == (Source.CI, standing)
    assert not last.stored


async def test_a_stored_login_is_never_sent_to_another_endpoint() -> None:
    account = await session(stored_at=HOME, named=AWAY)
    keychain = (await account.resolve()).candidates[2]
    assert keychain.reason == "the stored login belongs to home.example:443"
    with pytest.raises(NotSignedIn, match=r"not signed in at away\.example:443: the stored login belongs"):
        await account.credential()


async def test_the_same_address_in_plain_text_is_another_endpoint() -> None:
    account = await session(stored_at=HOME, named=endpoint_of("home.example:443", insecure=True))
    resolution = await account.resolve()
    assert resolution.credential is None
    assert resolution.candidates[2].reason == "the stored login belongs to home.example:443 over TLS"


async def test_an_authority_named_for_this_run_keeps_the_login_and_replaces_the_stored_one() -> None:
    stored = endpoint_of("home.example:443", insecure=False, ca="/old.pem")
    named = endpoint_of("HOME.example:443", insecure=False, ca="/new.pem")
    credential = await (await session(stored_at=stored, named=named)).credential()
    assert (credential.endpoint.address, credential.endpoint.ca) == ("home.example:443", "/new.pem")


async def test_an_authority_alone_goes_with_the_stored_login() -> None:
    """--control-plane-ca without an address: whom to trust, at the server that is stored."""
    stored = endpoint_of("home.example:443", insecure=False, ca="/old.pem")
    account = await session(stored_at=stored)
    account.target = account.target._replace(default=replace(account.target.default, ca="/new.pem"))
    credential = await account.credential()
    assert (credential.endpoint.address, credential.endpoint.ca) == ("home.example:443", "/new.pem")


@pytest.mark.parametrize("spelt", ["home.example", "HOME.example:443", "home.example:443\n"])
async def test_a_login_that_was_stored_under_another_spelling_is_found(spelt: str) -> None:
    """Earlier versions stored an address as it was typed."""
    account = await session(stored_at=endpoint_of(spelt, insecure=False), named=HOME)
    assert (await account.credential()).endpoint.same_origin(HOME)


async def test_a_stored_token_may_be_wrapped() -> None:
    """As an earlier version stored what was pasted."""
    vault = MemoryVault()
    entry = {"token": "not-a-\nreal-token\n", "method": "api_token", "endpoint": "home.example:443\n"}
    await vault.write(CHAINLOOP_SERVICE, "default", Secret(json.dumps(entry)))
    stored = await ChainloopVault(vault).read("default")
    assert stored is not None
    assert stored.secret == Secret("not-a-real-token")
    assert stored.endpoint == HOME


async def test_profiles_are_kept_apart() -> None:
    account = await session(stored_at=HOME, profile="work")
    assert (await account.credential()).profile == "work"
    assert (await account.resolve()).candidates[2].label == "keychain, profile work"


@pytest.mark.parametrize(
    "error", [VaultMissing("no keychain", hint="fix"), VaultLocked("locked", hint="fix")]
)
async def test_a_broken_keychain_is_a_warning_while_something_stronger_is_set(error: VaultError) -> None:
    target = ChainloopTarget(DEFAULT, environment=VARIABLE)
    account = ChainloopSession(target, BrokenVault(error), loader(NoGateways()), no_claims)
    resolution = await account.resolve()
    assert resolution.credential is not None
    assert resolution.all_warnings == (f"{error.message}; fix",)
    assert resolution.candidates[2].reason == error.message


async def test_a_broken_keychain_is_the_error_when_nothing_else_is_set() -> None:
    error = VaultLocked("locked")
    account = ChainloopSession(ChainloopTarget(DEFAULT), BrokenVault(error), loader(NoGateways()), no_claims)
    with pytest.raises(VaultLocked):
        await account.resolve()
    with pytest.raises(VaultLocked):
        await account.credential()


async def test_a_broken_keychain_leaves_every_place_to_be_shown() -> None:
    error = VaultLocked("locked")
    account = ChainloopSession(ChainloopTarget(DEFAULT), BrokenVault(error), loader(NoGateways()), no_claims)
    status = await ChainloopStatus(account, MemoryVault()).read_status(online=False)
    assert status.error is error
    assert [c.label for c in status.candidates] == ["--token", "CHAINLOOP_TOKEN", "keychain"]
    assert [c.reason for c in status.candidates] == ["not given", "not set", "locked"]


async def test_who_is_not_signed_in_is_told_with_which_profile() -> None:
    account = await session(profile="au di")
    with pytest.raises(NotSignedIn) as caught:
        await account.credential()
    assert caught.value.message == "not signed in at default.example:443 with the profile au di"
    assert caught.value.hint == "sign in with: loopin chainloop auth login --profile 'au di'"


async def test_a_call_with_a_token_of_its_own_does_not_wait_for_the_keychain() -> None:
    vault = BrokenVault(VaultLocked("locked"))
    account = ChainloopSession(ChainloopTarget(DEFAULT, flag=FLAG), vault, loader(NoGateways()), no_claims)
    assert (await account.credential()).secret == FLAG
    assert vault.asked == 0


async def test_no_candidate_shows_more_than_four_characters() -> None:
    account = await session(flag=FLAG, environment=VARIABLE, stored_at=HOME)
    resolution = await account.resolve()
    shown = repr(resolution)
    for secret in (FLAG, VARIABLE, STORED):
        assert secret.reveal() not in shown
        assert secret.reveal()[-5:] not in shown


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "{}",
        '{"token": ""}',
        '{"token": 1, "endpoint": "e", "method": "browser"}',
        json.dumps({"token": "t-not-real", "endpoint": "e", "method": "telepathy"}),
    ],
)
async def test_an_entry_that_somebody_else_wrote_is_refused_without_quoting_it(entry: str) -> None:
    vault = MemoryVault()
    if entry:
        await vault.write(CHAINLOOP_SERVICE, "default", Secret(entry))
    account = ChainloopSession(ChainloopTarget(DEFAULT), vault, loader(NoGateways()), no_claims)
    with pytest.raises(VaultError if entry else NotSignedIn) as caught:
        await account.credential()
    assert not entry or entry not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_stored_login_survives_the_round_trip() -> None:
    vault = ChainloopVault(MemoryVault())
    endpoint = Endpoint(Provider.CHAINLOOP, "127.0.0.1:9", True, "/ca.pem")
    login = StoredLogin(STORED, Method.API_TOKEN, endpoint)
    await vault.write("p", login)
    assert await vault.read("p") == login
    await vault.delete("p")
    assert await vault.read("p") is None


@pytest.mark.parametrize(
    ("audience", "method"),
    [
        ("user-auth.chainloop", Method.BROWSER),
        (["user-auth.chainloop"], Method.BROWSER),
        ("api-token-auth.chainloop", Method.API_TOKEN),
        (["chainloop"], Method.KEYLESS),
        (None, Method.API_TOKEN),
        (7, Method.API_TOKEN),
    ],
)
def test_the_kind_of_a_token_is_read_from_its_audience(audience: object, method: Method) -> None:
    assert method_of({"aud": audience}) is method


@pytest.mark.parametrize("value", [None, "soon", True, float("inf"), float("nan"), 10**30, [1]])
def test_an_expiry_that_cannot_be_read_is_none(value: object) -> None:
    assert expiry_of({"exp": value}) is None


class AnsweringLate:
    """A keychain that answers once somebody has begun to connect, or at once where nobody should."""

    def __init__(self, inner: MemoryVault, gateways: "NotingGateways", *, waits: bool) -> None:
        self._inner, self._gateways, self._waits = inner, gateways, waits

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def read(self, service: str, account: str) -> Secret | None:
        if self._waits:
            async with asyncio.timeout(60):
                await self._gateways.begun.wait()
        return await self._inner.read(service, account)


class NotingGateways(NoGateways):
    """Notes what is connected to; a call ends the test."""

    def __init__(self) -> None:
        self.connected: list[Endpoint] = []
        self.begun = asyncio.Event()

    async def connect(self, endpoint: Endpoint) -> None:
        self.connected.append(endpoint)
        self.begun.set()


LOCAL = replace(HOME, ca="/named/for/this/run.pem")


@pytest.mark.parametrize(
    ("environment", "stored_at", "named", "connected"),
    [
        (None, HOME, None, [HOME]),
        (None, HOME, HOME, [HOME]),
        (None, HOME, LOCAL, [LOCAL]),
        # A token needs no keychain, and the login of another server is not sent.
        (VARIABLE, HOME, None, []),
        (None, HOME, AWAY, []),
        (None, None, None, []),
        (None, None, AWAY, []),
    ],
)
async def test_the_connection_is_made_while_the_keychain_answers(
    environment: Secret | None, stored_at: Endpoint | None, named: Endpoint | None, connected: list[Endpoint]
) -> None:
    account = await session(environment=environment, stored_at=stored_at, named=named)
    gateways = NotingGateways()
    vault = AnsweringLate(account._vault._vault, gateways, waits=bool(connected))  # type: ignore[arg-type]
    fast = ChainloopSession(account.target, vault, loader(gateways), no_claims, accounts=account.accounts)
    with pytest.raises((NotSignedIn, AssertionError), match=r"not signed in|a gateway was opened"):
        await fast.identify()
    assert gateways.connected == connected
