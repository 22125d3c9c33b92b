"""The use cases on the real account server: organizations, tokens, signing out, status."""

import asyncio
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.adapters.chainloop.mapping import server_info
from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.domain.activity import Action, Outcome
from app.domain.credentials import Method, Source
from app.domain.errors import (
    AlreadyExists,
    NotFound,
    OrganizationLost,
    PermissionDenied,
    ReadOnly,
    SessionEnded,
    Unreachable,
    UsageError,
)
from app.domain.organizations import Role
from app.domain.tokens import ScopeFilter, StatusFilter, TokenDraft
from app.proto.controlplane.v1 import status_pb2
from app.server.clock import utc_now
from app.server.core.memberships import Memberships
from app.services.login.browser import BrowserOptions
from app.services.stored_logins import CHAINLOOP_SERVICE
from tests.integration.chainloop.test_login import begin, result_of, run, until
from tests.support.callbacks import FormBrowser, NoBrowser, redirected_to
from tests.support.chainloop import ContainerFactory
from tests.support.login_steps import browser_steps, chainloop_token_steps
from tests.support.organizations import OPERATOR, Organization, add_organization
from tests.support.peers import closed_port
from tests.support.server import AccountServer, ServerFactory, release, sign_in, start


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountServer]:
    """One for this file: what changes it for good takes a fresh one."""
    running = start(tmp_path_factory.mktemp("services"))
    yield running
    release(running.process)


async def signed_in(
    container_for: ContainerFactory, server: AccountServer, login: tuple[str, str], **more: object
) -> Container:
    """A container on which this person is signed in."""
    container = container_for(server.grpc, **more)
    token = await asyncio.to_thread(sign_in, server, *login)
    assert result_of(await run(chainloop_token_steps(container, token)))
    return container


@pytest.fixture
async def owner(container_for: ContainerFactory, server: AccountServer) -> Container:
    return await signed_in(container_for, server, server.owner)


async def actions(container: Container) -> list[tuple[Action, Outcome, str]]:
    return [(entry.action, entry.outcome, entry.subject) for entry in await container.activity_log.entries()]


async def test_tokens_are_listed_with_the_identity_and_the_moment(owner: Container) -> None:
    listing = await owner.tokens.list_tokens()
    assert len(listing.tokens) >= 20
    assert (listing.identity.organization, listing.identity.role) == ("acme", Role.OWNER)
    assert abs(listing.as_of - owner.clock.now()) < timedelta(seconds=20)
    active = await owner.tokens.list_tokens(StatusFilter.ACTIVE, ScopeFilter.PROJECT, "web")
    assert {token.scope for token in active.tokens} == {"project/web"}


async def test_a_token_is_created_told_once_and_noted(owner: Container, server: AccountServer) -> None:
    created = await owner.token_creation.create_token(TokenDraft("fresh-one", "here", timedelta(days=1)))
    assert (await actions(owner))[0] == (Action.CREATE, Outcome.STARTED, "fresh-one")
    await owner.token_creation.end_creation(created.token, saved=True)
    assert (await actions(owner))[0] == (Action.CREATE, Outcome.DONE, "fresh-one")
    entry = (await owner.activity_log.entries())[0]
    assert (entry.identity, entry.organization, entry.subject_id) == (
        server.owner[0],
        "acme",
        created.token.id,
    )
    trail = await asyncio.to_thread((owner.settings.state_dir / "activity.jsonl").read_text)
    assert created.secret.reveal() not in trail


async def test_a_refused_create_is_noted_as_failed(owner: Container) -> None:
    await owner.token_creation.create_token(TokenDraft("twice"))
    with pytest.raises(AlreadyExists):
        await owner.token_creation.create_token(TokenDraft("twice"))
    assert (await actions(owner))[0] == (Action.CREATE, Outcome.FAILED, "twice")


@pytest.mark.parametrize("draft", [TokenDraft("Not A Label"), TokenDraft("ok", expires_in=timedelta(0))])
async def test_what_no_server_takes_is_refused_before_it_is_sent(
    container_for: ContainerFactory, draft: TokenDraft
) -> None:
    container = container_for(closed_port(), environ={"CHAINLOOP_TOKEN": "not-real"})
    with pytest.raises(UsageError):
        await container.token_creation.create_token(draft)


async def test_revoked_tokens_have_receipts_and_one_failure_stops_nobody(owner: Container) -> None:
    first, second = [
        (await owner.token_creation.create_token(TokenDraft(name))).token for name in ("rev-1", "rev-2")
    ]
    unknown = "00000000-0000-4000-8000-000000000000"
    results = await owner.revocation.revoke_tokens(
        [(first.id, "rev-1"), (unknown, "ghost"), (second.id, "rev-2"), (first.id, "rev-1")], "cleaning up"
    )
    assert [(r.name, r.error is None, r.already) for r in results] == [
        ("rev-1", True, False),
        ("ghost", False, False),
        ("rev-2", True, False),
    ]
    assert isinstance(results[1].error, NotFound)
    assert results[0].revoked_at is not None
    noted = (await owner.activity_log.entries())[:4]
    assert {entry.subject: entry.outcome for entry in noted} == {
        "rev-1": Outcome.DONE,
        "rev-2": Outcome.DONE,
        "ghost": Outcome.FAILED,
        "3 API tokens": Outcome.FAILED,
    }
    assert {entry.detail for entry in noted if entry.outcome is Outcome.DONE} == {"cleaning up"}


async def test_a_token_that_somebody_else_revoked_counts_as_done(owner: Container) -> None:
    token = (await owner.token_creation.create_token(TokenDraft("race"))).token
    await owner.revocation.revoke_tokens([(token.id, "race")])
    (again,) = await owner.revocation.revoke_tokens([(token.id, "race")])
    assert (again.error, again.already) == (None, True)
    assert again.revoked_at is not None


async def test_permissions_are_kept_where_the_server_knows_them(owner: Container) -> None:
    draft = TokenDraft("limited", permissions=("organization:read", "api_token:list"))
    assert (await owner.token_creation.create_token(draft)).token.permissions == draft.permissions


async def test_the_threshold_is_read_back_and_noted(owner: Container) -> None:
    for days, subject in ((45, "45 days"), (0, "off"), (365, "365 days")):
        assert (await owner.threshold.update_threshold(days)).threshold == days
        assert (await owner.organizations.describe_organization()).identity.threshold == days
        assert (await actions(owner))[0] == (Action.THRESHOLD, Outcome.DONE, subject)
    assert (await owner.activity_log.entries())[0].detail == "was off"


@pytest.mark.parametrize("days", [-1, 366, 10**9])
async def test_days_out_of_range_are_refused_before_anything_is_sent(
    container_for: ContainerFactory, days: int
) -> None:
    with pytest.raises(UsageError, match="not a valid threshold"):
        await container_for(closed_port()).threshold.update_threshold(days)


async def test_the_threshold_of_a_named_organization_needs_a_place_in_it(
    container_for: ContainerFactory, server: AccountServer
) -> None:
    vault = MemoryVault()
    owner = await signed_in(container_for, server, server.owner, vault=vault)
    assert (await owner.threshold.update_threshold(60)).threshold == 60
    elsewhere = container_for(server.grpc, vault=vault, flags={"chainloop_organization": "globex"})
    with pytest.raises(OrganizationLost):
        await elsewhere.threshold.update_threshold(60)


async def test_a_viewer_is_told_why_before_anything_is_sent(
    container_for: ContainerFactory, server: AccountServer
) -> None:
    viewer = await signed_in(container_for, server, server.viewer)
    with pytest.raises(ReadOnly, match="your role is viewer"):
        await viewer.threshold.update_threshold(30)
    with pytest.raises(PermissionDenied, match="viewers may not see API tokens"):
        await viewer.tokens.list_tokens()
    assert (await viewer.organizations.describe_organization()).identity.role is Role.VIEWER
    assert [action for action, _, _ in await actions(viewer)] == [Action.LOGIN]


async def test_an_api_token_reads_its_place_from_itself(
    owner: Container, container_for: ContainerFactory, server: AccountServer
) -> None:
    created = await owner.token_creation.create_token(TokenDraft("robot", expires_in=timedelta(days=3)))
    robot = container_for(server.grpc, environ={"CHAINLOOP_TOKEN": created.secret.reveal()})
    identity = (await robot.organizations.describe_organization()).identity
    assert (identity.name, identity.organization, identity.threshold) == ("API token robot", "acme", None)
    assert (identity.token_id, identity.is_token) == (created.token.id, True)
    assert identity.expires_at is not None
    assert created.token.expires_at is not None
    assert abs(identity.expires_at - created.token.expires_at) < timedelta(seconds=2)
    with pytest.raises(ReadOnly, match="settings need a person's login"):
        await robot.threshold.update_threshold(30)
    with pytest.raises(ReadOnly, match="belongs to one organization"):
        await robot.organizations.list_organizations()
    assert {token.scope for token in (await robot.tokens.list_tokens()).tokens} <= {
        "project/web",
        "project/ml",
    }


async def two_places(
    container_for: ContainerFactory, organization: Organization, **more: object
) -> tuple[Container, str, str]:
    """An owner of two organizations, signed in; the name of the current one, and of the other."""
    person, mine = organization.owner, organization.name
    other = add_organization(organization.server, organization.database).name
    Memberships(organization.database, utc_now).set_membership(OPERATOR, person.email, other, Role.OWNER)
    return await signed_in(container_for, organization.server, person.login, **more), mine, other


async def current_at_server(container: Container) -> list[str]:
    listed = await container.organizations.list_organizations()
    return [one.membership.organization.name for one in listed if one.membership.current]


async def in_use(container: Container) -> list[str]:
    listed = await container.organizations.list_organizations()
    return [one.membership.organization.name for one in listed if one.in_use]


async def test_switching_changes_the_organization_of_the_profile_and_not_the_servers(
    container_for: ContainerFactory, organization: Organization
) -> None:
    vault = MemoryVault()
    owner, mine, other = await two_places(container_for, organization, vault=vault)
    assert await in_use(owner) == [mine]
    switched = await owner.organizations.switch_organization(other)
    assert (switched.membership.organization.name, switched.stored, switched.overruled) == (other, True, "")
    assert (await owner.organizations.describe_organization()).identity.organization == other
    assert (await in_use(owner), await current_at_server(owner)) == ([other], [mine])
    next_run = container_for(organization.server.grpc, vault=vault)
    assert (await next_run.organizations.describe_organization()).identity.organization == other


async def test_a_switch_with_default_changes_the_servers_current_organization_too(
    container_for: ContainerFactory, organization: Organization
) -> None:
    owner, _, other = await two_places(container_for, organization)
    await owner.organizations.switch_organization(other, default=True)
    assert (await in_use(owner), await current_at_server(owner)) == ([other], [other])
    assert (await actions(owner))[0] == (Action.SWITCH, Outcome.DONE, other)


async def test_switching_to_a_strange_organization_names_ones_own_and_changes_nothing(
    container_for: ContainerFactory, server: AccountServer
) -> None:
    container = await signed_in(container_for, server, server.owner)
    with pytest.raises(NotFound, match="not a member") as caught:
        await container.organizations.switch_organization("globex")
    assert "acme" in caught.value.hint
    assert await in_use(container) == ["acme"]


async def test_a_switch_names_what_overrules_it(
    container_for: ContainerFactory, organization: Organization
) -> None:
    vault = MemoryVault()
    _, mine, other = await two_places(container_for, organization, vault=vault)
    overruled = container_for(organization.server.grpc, vault=vault, environ={"CHAINLOOP_ORGANIZATION": mine})
    switched = await overruled.organizations.switch_organization(other)
    assert switched.overruled == f"CHAINLOOP_ORGANIZATION names {mine}"
    assert await in_use(overruled) == [mine]


async def test_signing_out_ends_the_session_and_forgets_it(
    container_for: ContainerFactory, server: AccountServer
) -> None:
    vault = MemoryVault()
    container = await signed_in(container_for, server, server.owner, vault=vault)
    credential = await container.chainloop_session.credential()
    done = await container.chainloop_sign_out.sign_out()
    assert (done.forgotten, done.ended_at_server, done.valid_until, done.warning) == (True, True, None, "")
    assert await vault.read(CHAINLOOP_SERVICE, "default") is None
    assert list(await container.accounts.profiles("chainloop")) == []
    with pytest.raises(SessionEnded):
        await container.chainloop_session.identity(credential)
    again = await container.chainloop_sign_out.sign_out()
    assert (again.forgotten, again.ended_at_server) == (False, False)


async def test_signing_out_leaves_the_environments_token_alone_and_says_so(
    owner: Container, container_for: ContainerFactory, server: AccountServer
) -> None:
    vault = MemoryVault()
    created = await owner.token_creation.create_token(TokenDraft("from-env"))
    environ = {"CHAINLOOP_TOKEN": created.secret.reveal()}
    container = await signed_in(container_for, server, server.owner, vault=vault, environ=environ)
    done = await container.chainloop_sign_out.sign_out()
    assert (done.forgotten, done.still) == (True, "CHAINLOOP_TOKEN")
    assert (await container.organizations.describe_organization()).identity.name == "API token from-env"


async def test_an_unreachable_server_does_not_keep_a_login_here(
    container_for: ContainerFactory, fresh_server: ServerFactory
) -> None:
    server = fresh_server()
    vault = MemoryVault()
    container = await signed_in(container_for, server, server.owner, vault=vault)
    server.stop(signal.SIGKILL)
    done = await container.chainloop_sign_out.sign_out()
    assert (done.forgotten, done.ended_at_server) == (True, False)
    assert "could not be told" in done.warning
    assert done.valid_until is not None
    assert await vault.read(CHAINLOOP_SERVICE, "default") is None


async def test_a_stock_control_plane_has_no_sign_out_and_no_permissions(
    container_for: ContainerFactory, server: AccountServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = await signed_in(container_for, server, server.owner)

    def stock(answer: status_pb2.InfozResponse) -> object:
        answer.ClearField("capabilities")
        return server_info(answer)

    # What a stock server sends: the same answer without the extension's field.
    monkeypatch.setattr("app.adapters.chainloop.mapping.server_info", stock)
    with pytest.raises(UsageError, match="cannot limit"):
        await container.token_creation.create_token(TokenDraft("limited", permissions=("organization:read",)))
    credential = await container.chainloop_session.credential()
    done = await container.chainloop_sign_out.sign_out()
    assert (done.forgotten, done.ended_at_server, done.warning) == (True, False, "")
    assert done.valid_until is not None
    assert (await container.chainloop_session.identity(credential)).name == server.owner[0]


async def test_status_tells_who_where_and_until_when(
    container_for: ContainerFactory, fresh_server: ServerFactory
) -> None:
    server = fresh_server()
    container = await signed_in(container_for, server, server.owner)
    status = next(s for s in await container.status.read_statuses() if s.provider.value == "chainloop")
    assert (status.signed_in, status.method, status.source) == (True, Method.BROWSER, Source.KEYCHAIN)
    assert status.identity is not None
    assert (status.identity.name, status.endpoint) == (server.owner[0], server.grpc)
    assert (status.stored_in, status.error) == ("memory (demo)", None)
    assert status.expires_at is not None
    server.stop(signal.SIGKILL)
    offline = next(s for s in await container.status.read_statuses() if s.provider.value == "chainloop")
    assert isinstance(offline.error, Unreachable)
    assert offline.signed_in
    assert offline.expires_at == status.expires_at


async def test_who_stops_listening_at_the_result_leaves_a_page_that_tells_the_truth(
    container_for: ContainerFactory, server: AccountServer
) -> None:
    browser = FormBrowser(server.owner)
    container = container_for(server.grpc, browser=browser)
    async for step in browser_steps(container.chainloop_browser_sign_in(), BrowserOptions()):
        if step.result is not None:
            break
    await container.aclose()
    assert "You are signed in" in (await browser.finished()).text


async def test_two_sign_ins_at_once_do_not_mix(
    container_for: ContainerFactory, server: AccountServer
) -> None:
    container = container_for(server.grpc, browser=NoBrowser())
    first, one, waiting = await begin(container, BrowserOptions())
    second, two, _ = await begin(container, BrowserOptions())
    address = await redirected_to(server, waiting.url)
    second.paste(address)
    refused = await until(two, waiting.step)
    assert "another sign-in" in refused.detail
    first.paste(address)
    assert result_of(await run(one))
    await two.aclose()
