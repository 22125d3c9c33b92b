"""Signing in to the real account server, as a person does it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.domain.credentials import Method, Provider
from app.domain.errors import (
    LoginFailed,
    LoginTimedOut,
    NotSignedIn,
    PortBusy,
    SessionEnded,
    StateMismatch,
    Unreachable,
    VaultLocked,
    VaultMissing,
)
from app.domain.login import LoginStep, SignedIn, Step, StepState
from app.domain.request_context import NO_ORGANIZATION
from app.domain.secret import Secret
from app.domain.tokens import TokenDraft
from app.services.login.browser import BrowserOptions
from app.services.login.callback import CallbackAnswer
from app.services.stored_logins import CHAINLOOP_SERVICE
from tests.support.callbacks import ForbiddenBrowser, FormBrowser, NoBrowser, callback_of, redirected_to
from tests.support.chainloop import ContainerFactory, person
from tests.support.clocks import ManualClock
from tests.support.login_steps import Attempt, browser_steps, chainloop_token_steps, marked_once
from tests.support.organizations import Organization
from tests.support.peers import closed_port
from tests.support.server import AccountServer, sign_in
from tests.unit.services.test_credentials import BrokenVault

JWT_LIKE = "aaaa.bbbb.cccc"


async def run(steps: AsyncIterator[LoginStep]) -> list[LoginStep]:
    """Watch a flow to its end."""
    async with asyncio.timeout(60):
        return marked_once([step async for step in steps])


async def until(steps: AsyncIterator[LoginStep], wanted: Step) -> LoginStep:
    """Watch a flow until `wanted` is under way."""
    async for step in steps:
        if step.step is wanted:
            return step
    raise AssertionError(f"the flow ended before {wanted}")


def result_of(steps: list[LoginStep]) -> SignedIn:
    assert steps[-1].result is not None, steps[-1]
    return steps[-1].result


def error_of(steps: list[LoginStep]) -> Exception:
    assert steps[-1].state is StepState.FAILED, steps[-1]
    assert steps[-1].error is not None
    return steps[-1].error


@pytest.fixture
def vault() -> MemoryVault:
    return MemoryVault()


async def test_a_person_signs_in_with_a_browser(
    account_server: AccountServer, container_for: ContainerFactory, vault: MemoryVault
) -> None:
    browser = FormBrowser(account_server.owner)
    container = container_for(account_server.grpc, browser=browser, vault=vault)
    steps = await run(browser_steps(container.chainloop_browser_sign_in(), BrowserOptions()))
    finished = [step.step for step in steps if step.state is StepState.DONE]
    assert finished == [
        Step.KEYCHAIN, Step.SERVER, Step.LISTENING, Step.BROWSER,
        Step.WAITING, Step.STATE, Step.VERIFIED, Step.SAVED,
    ]  # fmt: skip
    result = result_of(steps)
    assert (result.identity, result.organization, result.role) == (account_server.owner[0], "acme", "owner")
    assert (result.method, result.stored_in) == (Method.BROWSER, "memory (demo)")
    assert result.expires_at is not None
    page = await browser.finished()
    assert (page.status_code, page.url.path, page.url.query) == (200, "/done", b"")
    assert "You are signed in" in page.text
    assert (await container.chainloop_session.credential()).endpoint.address == account_server.grpc
    assert (await container.activity_log.entries())[0].action.value == "login"
    assert list(await container.accounts.profiles("chainloop")) == ["default"]


async def test_no_secret_shows_in_any_step(
    account_server: AccountServer, container_for: ContainerFactory, vault: MemoryVault
) -> None:
    container = container_for(account_server.grpc, browser=FormBrowser(account_server.owner), vault=vault)
    steps = await run(browser_steps(container.chainloop_browser_sign_in(), BrowserOptions()))
    token = (await container.chainloop_session.credential()).secret.reveal()
    assert token not in repr(steps)


async def test_an_answer_with_a_wrong_state_is_refused_and_the_waiting_goes_on(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    refused: list[httpx.Response] = []

    async def attack(page: str) -> None:
        address = callback_of(page).partition("?")[0]
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
            queries = ("t=stolen.jwt.here&state=wrong", "t=stolen.jwt.here", "state=", "error=denied")
            refused.extend([await client.get(f"{address}?{query}") for query in queries])

    browser = FormBrowser(account_server.owner, before=attack)
    container = container_for(account_server.grpc, browser=browser)
    steps = await run(browser_steps(container.chainloop_browser_sign_in(), BrowserOptions()))
    assert result_of(steps).identity == account_server.owner[0]
    assert len(refused) == 4
    for page in refused:
        assert "You are not signed in" in page.text
        assert "belongs to another sign-in" in page.text
    told = [step for step in steps if step.step is Step.WAITING and step.detail]
    assert len(told) == 4
    assert all(step.callback and step.deadline and step.url for step in told)


async def test_stray_requests_do_not_end_a_sign_in(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    async def stray(page: str) -> None:
        root = httpx.URL(callback_of(page)).copy_with(path="/", query=None)
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(root.join("/favicon.ico"))).status_code == 404
            assert (await client.post(callback_of(page))).status_code == 405

    container = container_for(account_server.grpc, browser=FormBrowser(account_server.owner, before=stray))
    assert result_of(await run(browser_steps(container.chainloop_browser_sign_in(), BrowserOptions())))


async def begin(
    container: Container, how: BrowserOptions
) -> tuple[Attempt, AsyncGenerator[LoginStep, None], LoginStep]:
    """Start a flow and return it at the moment at which it waits."""
    flow = Attempt(container.chainloop_browser_sign_in())
    steps = flow.steps(how)
    return flow, steps, await until(steps, Step.WAITING)


async def test_the_address_that_the_browser_ended_on_can_be_pasted(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=NoBrowser())
    flow, steps, waiting = await begin(container, BrowserOptions())
    address = await redirected_to(account_server, waiting.url)
    flow.paste(f"  {address[:80]}\n{address[80:]}  ")
    assert result_of(await run(steps)).identity == account_server.owner[0]


async def test_a_pasted_address_of_another_sign_in_is_refused_and_the_waiting_goes_on(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=NoBrowser())
    flow, steps, waiting = await begin(container, BrowserOptions())
    flow.paste("http://127.0.0.1:1/auth/callback?t=a.b.c&state=other")
    flow.paste("http://[not-an-address?t=x")
    flow.paste("   ")
    flow.paste(await redirected_to(account_server, waiting.url))
    rest = await run(steps)
    assert sum("another sign-in" in step.detail for step in rest) == 2
    assert result_of(rest)


async def test_the_bare_token_can_be_pasted(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=NoBrowser())
    flow, steps, _ = await begin(container, BrowserOptions())
    token = await asyncio.to_thread(sign_in, account_server, *account_server.owner)
    flow.paste(f"{token[:50]}\n {token[50:]}\n")
    rest = await run(steps)
    assert result_of(rest).identity == account_server.owner[0]
    assert "pasted by you" in [step.detail for step in rest]


async def test_headless_listens_nowhere_and_the_page_shows_the_token(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=ForbiddenBrowser())
    flow, steps, waiting = await begin(container, BrowserOptions(headless=True))
    assert parse_qs(urlsplit(waiting.url).query, keep_blank_values=True)["callback"] == [""]
    assert waiting.callback == ""
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        page = await FormBrowser(account_server.owner).submit(client, waiting.url)
        page = page if page.status_code == 200 else await client.get(page.headers["location"])
    token = next(
        word for word in page.text.replace("<", " ").replace(">", " ").split() if word.startswith("eyJ")
    )
    flow.paste(token.strip('"'))
    assert result_of(await run(steps)).identity == account_server.owner[0]


async def test_without_a_browser_the_address_is_told_and_the_waiting_begins(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=NoBrowser())
    steps = browser_steps(container.chainloop_browser_sign_in(), BrowserOptions())
    told = [step async for step in _up_to_waiting(steps)]
    skipped = next(step for step in told if step.step is Step.BROWSER and step.state is StepState.SKIPPED)
    assert skipped.url.startswith(f"{account_server.http}/auth/login?")
    assert "no browser can be opened" in skipped.detail


async def _up_to_waiting(steps: AsyncIterator[LoginStep]) -> AsyncIterator[LoginStep]:
    async for step in steps:
        yield step
        if step.step is Step.WAITING:
            return


async def test_nobody_finishing_in_time_ends_the_sign_in(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    clock = ManualClock()
    container = container_for(account_server.grpc, browser=NoBrowser(), clock=clock)
    _, steps, waiting = await begin(container, BrowserOptions())
    assert waiting.deadline is not None
    rest = asyncio.create_task(run(steps))
    await clock.somebody_sleeps()
    clock.advance((waiting.deadline - clock.now()).total_seconds() - 1)
    await asyncio.sleep(0)
    assert not rest.done()
    clock.advance(1)
    error = error_of(await rest)
    assert isinstance(error, LoginTimedOut)
    assert "5 minutes" in error.message


async def test_cancelling_frees_the_port_at_once(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=NoBrowser())
    _, steps, waiting = await begin(container, BrowserOptions())
    port = urlsplit(waiting.callback).port
    assert port
    await steps.aclose()
    async with await container.listeners.listen(port, "/x"):
        pass


async def test_a_busy_port_is_told_before_a_browser_opens(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=ForbiddenBrowser())
    async with await container.listeners.listen(0, "/x") as other:
        port = int(urlsplit(other.address).port or 0)
        steps = await run(browser_steps(container.chainloop_browser_sign_in(), BrowserOptions(port=port)))
    assert isinstance(error_of(steps), PortBusy)
    assert steps[-1].step is Step.LISTENING


@pytest.mark.parametrize(
    "error", [VaultMissing("no keychain", hint="fix"), VaultLocked("locked", hint="fix")]
)
async def test_without_a_keychain_nothing_is_opened_or_asked(
    container_for: ContainerFactory, error: VaultMissing | VaultLocked
) -> None:
    container = container_for(closed_port(), browser=ForbiddenBrowser(), vault=BrokenVault(error))
    for steps in (
        browser_steps(container.chainloop_browser_sign_in(), BrowserOptions()),
        chainloop_token_steps(container, JWT_LIKE),
    ):
        told = await run(steps)
        assert error_of(told) is error
        assert {step.step for step in told} == {Step.KEYCHAIN}


async def test_an_unreachable_server_is_told_before_a_browser_opens(container_for: ContainerFactory) -> None:
    container = container_for(closed_port(), browser=ForbiddenBrowser())
    steps = await run(browser_steps(container.chainloop_browser_sign_in(), BrowserOptions()))
    assert isinstance(error_of(steps), Unreachable)
    assert steps[-1].step is Step.SERVER


async def test_a_token_that_the_server_refuses_leaves_the_keychain_as_it_was(
    account_server: AccountServer, container_for: ContainerFactory, vault: MemoryVault
) -> None:
    container = container_for(account_server.grpc, browser=NoBrowser(), vault=vault)
    token = await asyncio.to_thread(sign_in, account_server, *account_server.owner)
    assert result_of(await run(chainloop_token_steps(container, token)))
    before = await vault.read(CHAINLOOP_SERVICE, "default")
    for wrong in (JWT_LIKE, "", "  ", "ü", f"{token}x"):
        steps = await run(chainloop_token_steps(container, wrong))
        assert isinstance(error_of(steps), LoginFailed | NotSignedIn)
        assert not wrong.strip() or wrong not in str(error_of(steps))
    flow, steps_, _ = await begin(container, BrowserOptions())
    flow.paste(JWT_LIKE)
    assert isinstance(error_of(await run(steps_)), LoginFailed)
    assert await vault.read(CHAINLOOP_SERVICE, "default") == before
    assert len(await container.activity_log.entries()) == 1


async def test_a_refused_token_shows_as_a_failure_in_the_browser_too(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=NoBrowser())
    _, steps, waiting = await begin(container, BrowserOptions())
    rest = asyncio.create_task(run(steps))
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        page = await client.get(f"{callback_of(waiting.url)}&t={JWT_LIKE}")
    assert "You are not signed in" in page.text
    assert isinstance(error_of(await rest), LoginFailed)


async def test_an_answer_without_a_token_is_a_failure(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    container = container_for(account_server.grpc, browser=NoBrowser())
    _, steps, waiting = await begin(container, BrowserOptions())
    rest = asyncio.create_task(run(steps))
    async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
        page = await client.get(callback_of(waiting.url))
    assert "carries no token" in page.text
    assert isinstance(error_of(await rest), LoginFailed)


async def test_an_api_token_signs_in_and_says_what_it_is(
    account_server: AccountServer, container_for: ContainerFactory, vault: MemoryVault
) -> None:
    owner = await asyncio.to_thread(person, account_server, account_server.owner)
    container = container_for(account_server.grpc, vault=vault)
    created = await container.gateways.open(owner.endpoint, owner, "acme").create_token(
        TokenDraft("login-with-it")
    )
    result = result_of(await run(chainloop_token_steps(container, f" {created.secret.reveal()}\n")))
    assert result.method is Method.API_TOKEN
    assert (result.identity, result.organization) == ("API token login-with-it", "acme")


async def test_a_keychain_that_fails_while_saving_says_so(
    account_server: AccountServer, container_for: ContainerFactory
) -> None:
    class Full(MemoryVault):
        async def write(self, service: str, account: str, secret: Secret) -> None:
            raise VaultLocked("it locked meanwhile", hint="unlock it")

    container = container_for(account_server.grpc, vault=Full())
    token = await asyncio.to_thread(sign_in, account_server, *account_server.owner)
    steps = await run(chainloop_token_steps(container, token))
    assert isinstance(error_of(steps), VaultLocked)
    assert steps[-1].step is Step.SAVED
    assert len(await container.activity_log.entries()) == 0


async def test_a_state_mismatch_is_an_error_of_its_own() -> None:
    with pytest.raises(StateMismatch):
        CallbackAnswer({"state": "ä"}).check_state("right")
    CallbackAnswer({"state": "right"}).check_state("right")


async def test_a_login_that_is_replaced_is_named_first_and_its_session_is_ended_afterwards(
    organization: Organization, container_for: ContainerFactory
) -> None:
    """Somebody else signs in to the same profile."""
    vault, server = MemoryVault(), organization.server
    first = await asyncio.to_thread(sign_in, server, *organization.owner.login)
    container = container_for(server.grpc, vault=vault)
    await run(chainloop_token_steps(container, first))
    old = await container.chainloop_session.credential()
    second = await asyncio.to_thread(sign_in, server, *organization.member("admin").login)
    steps = await run(chainloop_token_steps(container, second))
    replaced = f"the login of {organization.owner.email} at {server.grpc}, profile default"
    assert [step.replaces for step in steps if step.replaces] == [replaced]
    assert (result_of(steps).identity, result_of(steps).problem) == (organization.member("admin").email, "")
    with pytest.raises(SessionEnded):
        await container.chainloop_session.identify_in(old, NO_ORGANIZATION)
    assert (await container.organizations.describe_organization()).identity.name == organization.member(
        "admin"
    ).email


async def test_another_profile_keeps_the_login_of_the_first(
    organization: Organization, container_for: ContainerFactory
) -> None:
    vault, server = MemoryVault(), organization.server
    first = await asyncio.to_thread(sign_in, server, *organization.owner.login)
    container = container_for(server.grpc, vault=vault)
    await run(chainloop_token_steps(container, first))
    container.profiles.use_profile(Provider.CHAINLOOP, "work")
    second = await asyncio.to_thread(sign_in, server, *organization.member("admin").login)
    steps = await run(chainloop_token_steps(container, second))
    assert [step.replaces for step in steps if step.replaces] == []
    container.profiles.use_profile(Provider.CHAINLOOP, "default")
    assert (await container.organizations.describe_organization()).identity.name == organization.owner.email


async def test_an_api_token_that_is_replaced_is_not_revoked(
    organization: Organization, container_for: ContainerFactory
) -> None:
    vault, server = MemoryVault(), organization.server
    person_login = await asyncio.to_thread(sign_in, server, *organization.owner.login)
    container = container_for(server.grpc, vault=vault)
    await run(chainloop_token_steps(container, person_login))
    robot = await container.token_creation.create_token(TokenDraft("robot"))
    await run(chainloop_token_steps(container, robot.secret.reveal()))
    again = await asyncio.to_thread(sign_in, server, *organization.owner.login)
    assert result_of(await run(chainloop_token_steps(container, again))).problem == ""
    listed = {token.name: token for token in (await container.tokens.list_tokens()).tokens}
    assert listed["robot"].revoked_at is None


async def test_a_login_that_could_not_be_stored_ends_no_session(
    organization: Organization, container_for: ContainerFactory
) -> None:
    class Full(MemoryVault):
        full = False

        async def write(self, service: str, account: str, secret: Secret) -> None:
            if self.full:
                raise VaultLocked("it locked meanwhile", hint="unlock it")
            await super().write(service, account, secret)

    vault, server = Full(), organization.server
    first = await asyncio.to_thread(sign_in, server, *organization.owner.login)
    container = container_for(server.grpc, vault=vault)
    await run(chainloop_token_steps(container, first))
    vault.full = True
    second = await asyncio.to_thread(sign_in, server, *organization.member("admin").login)
    assert isinstance(error_of(await run(chainloop_token_steps(container, second))), VaultLocked)
    assert (await container.organizations.describe_organization()).identity.name == organization.owner.email
