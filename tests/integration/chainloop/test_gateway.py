"""The gateway against the real account server."""

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters.chainloop.client import ChainloopClient, ChainloopClients
from app.domain.credentials import Credential
from app.domain.errors import (
    AlreadyExists,
    InvalidInput,
    NotFound,
    NotSignedIn,
    OrganizationLost,
    PermissionDenied,
    ReadOnly,
    ReplyTooLarge,
    SessionEnded,
    UsageError,
)
from app.domain.organizations import Role
from app.domain.tokens import ScopeFilter, StatusFilter, TokenDraft
from tests.support.chainloop import MIB, credential_at, endpoint_of, make_token, person
from tests.support.organizations import Organization
from tests.support.server import AccountServer, ServerFactory, bulk_tokens


@pytest.fixture(scope="module")
def owner(account_server: AccountServer) -> Credential:
    return person(account_server, account_server.owner)


@pytest.fixture
def gateway(gateways: ChainloopClients, owner: Credential) -> ChainloopClient:
    return gateways.open(owner.endpoint, owner, "acme")


def unique(word: str) -> str:
    return f"{word}-{uuid.uuid4().hex[:8]}"


async def test_infoz_needs_no_credential(gateways: ChainloopClients, account_server: AccountServer) -> None:
    info = await gateways.open(endpoint_of(account_server.grpc), None).server_info()
    assert info.login_url == f"{account_server.http}/auth/login"
    assert info.version
    assert info.capabilities >= {"token_permissions", "sign_out"}


async def test_the_context_names_person_organization_and_role(
    gateway: ChainloopClient, account_server: AccountServer
) -> None:
    context = await gateway.current()
    assert context.person is not None
    assert context.membership is not None
    assert context.person.email == account_server.owner[0]
    assert (context.membership.organization.name, context.membership.role) == ("acme", Role.OWNER)
    assert context.membership.current
    assert context.membership.created_at is not None
    assert context.membership.created_at.tzinfo is UTC


async def test_an_api_token_has_no_membership_and_stands_in_for_a_person(
    gateways: ChainloopClients, owner: Credential
) -> None:
    created, token = await make_token(gateways, owner, unique("context"))
    context = await gateways.open(token.endpoint, token).current()
    assert context.membership is None
    assert context.person is not None
    assert (context.person.id, context.person.email) == (created.token.id, "API-token@chainloop")


async def test_a_created_token_is_as_it_was_asked_for(gateway: ChainloopClient) -> None:
    name = unique("made")
    draft = TokenDraft(
        name, "where it lives", timedelta(days=90), "web", ("organization:read", "api_token:list")
    )
    created = await gateway.create_token(draft)
    token = created.token
    assert (token.name, token.description, token.organization_name) == (name, "where it lives", "acme")
    assert token.project is not None
    assert (token.project.name, token.scope) == ("web", "project/web")
    assert token.permissions == ("organization:read", "api_token:list")
    assert token.expires_at is not None
    assert abs(token.expires_at - token.created_at - timedelta(days=90)) < timedelta(seconds=5)
    assert abs(token.created_at - datetime.now(UTC)) < timedelta(seconds=30)
    assert (token.last_used_at, token.revoked_at) == (None, None)
    assert created.secret.reveal().count(".") == 2


async def test_what_was_not_asked_for_is_not_set(gateway: ChainloopClient) -> None:
    token = (await gateway.create_token(TokenDraft(unique("bare")))).token
    assert (token.expires_at, token.project, token.description, token.scope) == (
        None,
        None,
        "",
        "global",
    )


async def test_lists_follow_status_and_scope(gateway: ChainloopClient) -> None:
    in_web = (await gateway.create_token(TokenDraft(unique("web"), project="web"))).token
    in_ml = (await gateway.create_token(TokenDraft(unique("ml"), project="ml"))).token
    wide = (await gateway.create_token(TokenDraft(unique("org")))).token
    await gateway.revoke_token(in_ml.id)

    async def ids(*arguments: object) -> set[str]:
        return {token.id for token in await gateway.list_tokens(*arguments)}  # type: ignore[arg-type]  # three shapes

    assert {in_web.id, wide.id} <= await ids(StatusFilter.ACTIVE)
    assert in_ml.id not in await ids(StatusFilter.ACTIVE)
    assert await ids(StatusFilter.REVOKED) >= {in_ml.id}
    assert wide.id not in await ids(StatusFilter.REVOKED)
    assert await ids(StatusFilter.ALL) == await ids(StatusFilter.ACTIVE) | await ids(StatusFilter.REVOKED)
    projects = await ids(StatusFilter.ALL, ScopeFilter.PROJECT)
    assert in_web.id in projects
    assert wide.id not in projects
    assert wide.id in await ids(StatusFilter.ALL, ScopeFilter.GLOBAL)
    of_web = await ids(StatusFilter.ALL, ScopeFilter.ANY, "web")
    assert in_web.id in of_web
    assert in_ml.id not in of_web


async def test_the_list_is_oldest_first(gateway: ChainloopClient) -> None:
    made = [token.created_at for token in await gateway.list_tokens(StatusFilter.ALL)]
    assert made == sorted(made)


async def test_a_used_token_says_when(
    gateways: ChainloopClients, gateway: ChainloopClient, owner: Credential
) -> None:
    created, token = await make_token(gateways, owner, unique("used"))
    await gateways.open(token.endpoint, token).current()
    listed = {t.id: t for t in await gateway.list_tokens(StatusFilter.ACTIVE)}
    assert listed[created.token.id].last_used_at is not None


@pytest.mark.parametrize(
    ("draft", "kind"),
    [
        (TokenDraft("Not-A-Label"), InvalidInput),
        (TokenDraft("x" * 64), InvalidInput),
        (TokenDraft("ci-legacy"), AlreadyExists),
        (TokenDraft("fine", project="no-such-project"), NotFound),
        (TokenDraft("fine", permissions=("everything",)), InvalidInput),
    ],
)
async def test_what_the_server_refuses_has_its_own_error(
    gateway: ChainloopClient, draft: TokenDraft, kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        await gateway.create_token(draft)


@pytest.mark.parametrize("days", [-1, 366])
async def test_a_threshold_out_of_range_is_refused_by_the_server_too(
    gateway: ChainloopClient, days: int
) -> None:
    with pytest.raises(InvalidInput):
        await gateway.set_threshold("acme", days)


async def test_revoking_what_is_not_there_or_already_revoked_is_not_found(
    gateway: ChainloopClient,
) -> None:
    token = (await gateway.create_token(TokenDraft(unique("gone")))).token
    await gateway.revoke_token(token.id)
    for unknown in (token.id, str(uuid.uuid4())):
        with pytest.raises(NotFound):
            await gateway.revoke_token(unknown)
    with pytest.raises(InvalidInput):
        await gateway.revoke_token("not-a-uuid")


async def test_a_revoked_token_is_not_signed_in(gateways: ChainloopClients, owner: Credential) -> None:
    created, token = await make_token(gateways, owner, unique("dead"))
    await gateways.open(owner.endpoint, owner, "acme").revoke_token(created.token.id)
    with pytest.raises(SessionEnded):
        await gateways.open(token.endpoint, token).current()


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "ü-token", "with space", "line\nbreak", "x" * 3000])
async def test_a_wrong_token_is_not_signed_in(
    gateways: ChainloopClients, account_server: AccountServer, token: str
) -> None:
    wrong = credential_at(account_server.grpc, token)
    with pytest.raises(NotSignedIn) as caught:
        await gateways.open(wrong.endpoint, wrong).current()
    assert token not in str(caught.value)


async def test_no_credential_is_not_signed_in(
    gateways: ChainloopClients, account_server: AccountServer
) -> None:
    with pytest.raises(SessionEnded):
        await gateways.open(endpoint_of(account_server.grpc), None).current()


async def test_another_organization_is_refused(gateways: ChainloopClients, owner: Credential) -> None:
    with pytest.raises(OrganizationLost):
        await gateways.open(owner.endpoint, owner, "globex").current()


async def test_an_organization_that_no_header_can_carry_is_refused_before_it_is_sent(
    gateways: ChainloopClients, owner: Credential
) -> None:
    for name in ("ücme", "ac\nme", "ac\x1bme"):
        with pytest.raises(UsageError):
            gateways.open(owner.endpoint, owner, name)


async def test_a_viewer_may_read_the_context_and_nothing_else(
    gateways: ChainloopClients, account_server: AccountServer
) -> None:
    viewer = person(account_server, account_server.viewer)
    gateway = gateways.open(viewer.endpoint, viewer, "acme")
    context = await gateway.current()
    assert context.membership is not None
    assert context.membership.role is Role.VIEWER
    for call in (
        gateway.list_tokens(StatusFilter.ALL),
        gateway.create_token(TokenDraft(unique("no"))),
        gateway.set_threshold("acme", 30),
    ):
        with pytest.raises(PermissionDenied):
            await call


async def test_an_api_token_cannot_list_memberships_or_change_settings(
    gateways: ChainloopClients, owner: Credential
) -> None:
    _, token = await make_token(gateways, owner, unique("limits"))
    gateway = gateways.open(token.endpoint, token)
    with pytest.raises(NotFound):
        await gateway.memberships()
    with pytest.raises(PermissionDenied):
        await gateway.set_threshold("acme", 30)


async def test_twenty_thousand_tokens_need_the_larger_limit(
    fresh_server: ServerFactory,
) -> None:
    server = fresh_server()
    bulk_tokens(server, "acme", 20_000)
    owner = person(server, server.owner)
    small = ChainloopClients(max_receive=4 * MIB, timeout=30)
    large = ChainloopClients(max_receive=32 * MIB, timeout=30)
    try:
        with pytest.raises(ReplyTooLarge, match=" bytes, 4,194,304 are allowed") as caught:
            await small.open(owner.endpoint, owner).list_tokens(StatusFilter.ALL)
        assert "--max-recv-msg-size" in caught.value.hint
        tokens = await large.open(owner.endpoint, owner).list_tokens(StatusFilter.ALL)
        assert len(tokens) > 20_000
        assert tokens[-1].organization_name == "acme"
    finally:
        await small.aclose()
        await large.aclose()


async def test_a_proxy_in_the_environment_is_not_used_for_this_machine(
    account_server: AccountServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    gateways = ChainloopClients(max_receive=MIB, timeout=60)
    owner = person(account_server, account_server.owner)
    try:
        gateway = gateways.open(owner.endpoint, owner, "acme")
        assert (await gateway.server_info()).version
        assert await gateway.sign_out()
    finally:
        await gateways.aclose()


async def test_signing_out_ends_this_session_at_the_server(
    gateways: ChainloopClients, account_server: AccountServer
) -> None:
    first, second = (person(account_server, account_server.owner) for _ in range(2))
    assert await gateways.open(first.endpoint, first).sign_out()
    with pytest.raises(SessionEnded):
        await gateways.open(first.endpoint, first).current()
    assert (await gateways.open(second.endpoint, second).current()).person is not None


async def test_signing_out_everywhere_ends_all_sessions(
    gateways: ChainloopClients, organization: Organization
) -> None:
    first, second = (person(organization.server, organization.owner.login) for _ in range(2))
    assert await gateways.open(first.endpoint, first).sign_out(everywhere=True)
    with pytest.raises(SessionEnded):
        await gateways.open(second.endpoint, second).current()


async def test_parallel_calls_share_one_connection(gateway: ChainloopClient) -> None:
    contexts = await asyncio.gather(*(gateway.current() for _ in range(20)))
    assert len({context.person.id for context in contexts if context.person}) == 1


async def test_a_gateway_works_in_a_second_event_loop(
    account_server: AccountServer, owner: Credential
) -> None:
    gateways = ChainloopClients(max_receive=MIB, timeout=60)

    async def once() -> str:
        context = await gateways.open(owner.endpoint, owner).current()
        await gateways.aclose()
        return context.person.email if context.person else ""

    found = [await asyncio.to_thread(asyncio.run, once()) for _ in range(2)]
    assert found == [account_server.owner[0]] * 2


async def test_a_call_that_is_cancelled_leaves_the_connection_good(gateway: ChainloopClient) -> None:
    began = time.monotonic()
    task = asyncio.create_task(gateway.list_tokens(StatusFilter.ALL))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await gateway.current()).person is not None
    assert time.monotonic() - began < 60


async def test_read_only_reads_and_changes_nothing(gateways: ChainloopClients, owner: Credential) -> None:
    name = unique("kept")
    created = await gateways.open(owner.endpoint, owner, "acme").create_token(TokenDraft(name))
    gateway = gateways.open(owner.endpoint, owner, "acme", read_only="read-only mode is on")
    with pytest.raises(ReadOnly, match="read-only mode is on"):
        await gateway.revoke_token(created.token.id)
    assert name in {token.name for token in await gateway.list_tokens(StatusFilter.ACTIVE)}
    assert (await gateway.current()).membership is not None
