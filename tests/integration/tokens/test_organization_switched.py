"""The organization is switched elsewhere between the look and the act: the act hits what was shown.

Two clients of one person who owns two organizations. Ours looks at `mine`. The other one then switches the
person's current organization at the server and, with the same profile on the same machine, the stored one to
`other`. Ours goes on, and nothing may happen in `other`.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from textual.widgets import OptionList

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.domain.errors import OrganizationLost, PermissionDenied
from app.domain.organizations import Role
from app.domain.request_context import OrganizationRef
from app.domain.tokens import APIToken, TokenDraft
from app.server.clock import utc_now
from app.server.core.memberships import Memberships
from app.settings import load
from app.tui.app import LoopinApp
from app.tui.screens.dialogs.organizations import OrganizationDialog
from tests.integration.chainloop.test_login import result_of, run
from tests.support.between import Between
from tests.support.cli import Loopin
from tests.support.login_steps import chainloop_token_steps
from tests.support.organizations import OPERATOR, Organization, add_organization
from tests.support.pages.create import RevealPage
from tests.support.pages.page import Page, Question, opened
from tests.support.pages.rooms import AutoRevokePage
from tests.support.pages.tokens import TokensPage
from tests.support.server import sign_in

pytestmark = pytest.mark.slow

TOKENS = ("chainloop", "organization", "api-token")


@dataclass
class Machine:
    """The person at one machine. `started` are the containers to close."""

    folder: Path
    address: str
    mine: Organization
    other: Organization
    vault: MemoryVault = field(default_factory=MemoryVault)
    started: list[Container] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """Folders and server."""
        return {
            "LOOPIN_CONFIG_DIR": str(self.folder / "config"),
            "LOOPIN_STATE_DIR": str(self.folder / "state"),
            "CHAINLOOP_CONTROL_PLANE_API": self.address,
            "CHAINLOOP_API_INSECURE": "true",
        }

    def container(self, **environ: str) -> Container:
        """Another Loopin of this machine."""
        self.started.append(Container(load({**self.environment, **environ}), vault=self.vault))
        return self.started[-1]

    def command(self, loopin: Loopin) -> Loopin:
        """The command, with the keychain of this machine."""
        loopin.folder = self.folder
        loopin.environment = {**self.environment, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        loopin.containers = lambda settings: Container(settings, vault=self.vault)
        return loopin

    async def switch(self) -> None:
        """The other client: at the server, and for this profile on this machine."""
        await self.container().organizations.switch_organization(self.other.name, default=True)

    async def tokens_of(self, organization: Organization) -> dict[str, APIToken]:
        """Every token by name, read by a client that says which organization it means."""
        listed = await self.container(CHAINLOOP_ORGANIZATION=organization.name).tokens.list_tokens()
        return {token.name: token for token in listed.tokens}

    async def threshold_of(self, organization: Organization) -> int | None:
        """In days."""
        reader = self.container(CHAINLOOP_ORGANIZATION=organization.name)
        return (await reader.organizations.describe_organization()).identity.threshold


@pytest.fixture
async def machine(tmp_path: Path, organization: Organization, proxy: Between) -> AsyncIterator[Machine]:
    """Signed in as the owner of both, working in `mine`; both have the tokens web-ci and old-ci."""
    other = add_organization(organization.server, organization.database)
    owner = organization.owner
    Memberships(organization.database, utc_now).set_membership(OPERATOR, owner.email, other.name, Role.OWNER)
    made = Machine(tmp_path, proxy.address, organization, other)
    bearer = await asyncio.to_thread(lambda: owner.bearer)
    assert result_of(await run(chainloop_token_steps(made.container(), bearer)))
    for place in (other, organization):
        box = made.container(CHAINLOOP_ORGANIZATION=place.name)
        for name in ("web-ci", "old-ci"):
            created = await box.token_creation.create_token(TokenDraft(name))
            await box.token_creation.end_creation(created.token, saved=True)
    yield made
    for container in made.started:
        await container.aclose()


def switches_after(proxy: Between, machine: Machine, method: str) -> None:
    """Let the other client switch as soon as the first call of `method` is answered."""
    begun: list[str] = []

    def after(called: str, count: int, context: object) -> None:
        if called == method and not begun:
            begun.append(called)
            asyncio.run(machine.switch())

    proxy.after = after


# ── in the shell ──

SHELL: dict[str, tuple[str, tuple[str, ...]]] = {
    "update": ("List", ("chainloop", "organization", "update", "--api-token-max-days-inactive", "77")),
    "revoke a filter": ("List", (*TOKENS, "revoke", "--filter", "name:old-*", "--yes")),
    "revoke an id": ("List", (*TOKENS, "revoke", "--id", "{old-ci}", "--yes")),
    "rotate": ("List", (*TOKENS, "rotate", "--id", "{web-ci}", "--yes")),
    "create": ("Current", (*TOKENS, "create", "--name", "brand-new")),
}


@pytest.mark.parametrize("name", SHELL)
async def test_a_command_changes_what_it_looked_at(
    machine: Machine, loopin: Loopin, proxy: Between, name: str
) -> None:
    method, words = SHELL[name]
    ids = {token.name: token.id for token in (await machine.tokens_of(machine.mine)).values()}
    before = await machine.tokens_of(machine.other), await machine.threshold_of(machine.other)
    switches_after(proxy, machine, method)
    result = await asyncio.to_thread(machine.command(loopin), *(word.format(**ids) for word in words))
    proxy.go_on()
    result.works()
    assert (
        await machine.container().organizations.describe_organization()
    ).identity.organization == machine.other.name, "the other client did switch"
    assert (await machine.tokens_of(machine.other), await machine.threshold_of(machine.other)) == before
    await changed(machine, name)


async def changed(machine: Machine, name: str) -> None:
    """The change was made in `mine`."""
    tokens = await machine.tokens_of(machine.mine)
    match name:
        case "update":
            assert await machine.threshold_of(machine.mine) == 77
        case "create":
            assert "brand-new" in tokens
        case "rotate":
            assert tokens["web-ci"].revoked_at is not None
            assert len(tokens) == 3
        case _:
            assert tokens["old-ci"].revoked_at is not None


# ── on the screen ──


async def test_a_token_is_created_in_the_organization_of_the_form(machine: Machine) -> None:
    async with opened(TokensPage, LoopinApp(machine.container(), screen="tokens")) as tokens:
        form = await tokens.new()
        await form.named("brand-new")
        await machine.switch()
        reveal = await form.save()
        await (await reveal.ask_to_leave()).yes()
    assert "brand-new" in await machine.tokens_of(machine.mine)
    assert set(await machine.tokens_of(machine.other)) == {"web-ci", "old-ci"}


async def test_one_token_is_revoked_where_it_was_listed(machine: Machine) -> None:
    async with opened(TokensPage, LoopinApp(machine.container(), screen="tokens")) as tokens:
        await tokens.filter("old-ci")
        await tokens.to_list()
        question = await tokens.revoke()
        await question.reads(f"in {machine.mine.name}?")
        await machine.switch()
        await question.yes()
        await tokens.closed()
        await tokens.until(lambda: "old-ci" not in tokens.names())
    assert (await machine.tokens_of(machine.mine))["old-ci"].revoked_at is not None
    assert (await machine.tokens_of(machine.other))["old-ci"].revoked_at is None


async def test_several_tokens_are_revoked_where_they_were_listed(machine: Machine) -> None:
    async with opened(TokensPage, LoopinApp(machine.container(), screen="tokens")) as tokens:
        await tokens.mark_all()
        question = await tokens.revoke()
        await machine.switch()
        receipts = await (await question.count(f"2 {machine.mine.name}")).now()
        await receipts.until(lambda: receipts.revoked() == 2)
    assert all(token.revoked_at for token in (await machine.tokens_of(machine.mine)).values())
    assert not any(token.revoked_at for token in (await machine.tokens_of(machine.other)).values())


async def test_a_rotation_stays_where_it_began(machine: Machine) -> None:
    async with opened(TokensPage, LoopinApp(machine.container(), screen="tokens")) as tokens:
        await tokens.filter("web-ci")
        await tokens.to_list()
        question = await tokens.rotate()
        await question.reads(f"in {machine.mine.name}?")
        await machine.switch()
        await question.yes()
        reveal = await tokens.over(RevealPage)
        await (await reveal.ask_to_leave()).yes()
        last = await tokens.over(Question)
        await last.reads(f"in {machine.mine.name} now?")
        await last.yes()
        await tokens.until(lambda: "web-ci is revoked" in tokens.toasts())
    assert (await machine.tokens_of(machine.mine))["web-ci"].revoked_at is not None
    assert len(await machine.tokens_of(machine.mine)) == 3
    assert set(await machine.tokens_of(machine.other)) == {"web-ci", "old-ci"}


async def test_a_threshold_is_saved_where_it_was_looked_up(machine: Machine) -> None:
    async with opened(AutoRevokePage, LoopinApp(machine.container(), screen="auto_revoke")) as room:
        await room.threshold("77")
        question = await room.save()
        await question.reads(f"in {machine.mine.name}?")
        await machine.switch()
        await question.yes()
        await room.until(lambda: f"{machine.mine.name}: 77 days" in room.toasts())
    assert (await machine.threshold_of(machine.mine), await machine.threshold_of(machine.other)) == (77, 0)


async def test_a_refresh_lists_the_organization_of_the_header(machine: Machine, proxy: Between) -> None:
    there = machine.container(CHAINLOOP_ORGANIZATION=machine.other.name)
    async with opened(TokensPage, LoopinApp(machine.container(), screen="tokens")) as tokens:
        await there.token_creation.create_token(TokenDraft("only-there"))
        await machine.switch()
        before = proxy.calls["List"]
        await tokens.press("r")
        await tokens.until(lambda: proxy.calls["List"] > before)
        await tokens.rest()
        assert set(tokens.names()) == {"web-ci", "old-ci"}
        assert machine.mine.name in tokens.text().splitlines()[0]


async def work_in(name: str, page: Page) -> None:
    """Choose another organization in the app."""
    await page.press("O")
    await page.dialog(OrganizationDialog)
    options = page.screen.query_one(OptionList)
    await page.until(lambda: options.has_focus and options.option_count)
    prompts = [str(option.prompt) for option in options.options]
    options.highlighted = next(at for at, words in enumerate(prompts) if name in words)
    await page.press("enter")
    await page.closed()


async def test_a_list_that_arrives_after_a_switch_is_dropped(machine: Machine, proxy: Between) -> None:
    """Under the new header, the list of the old organization would be taken for that of the new one."""
    box, other = machine.container(), machine.other.name
    await box.token_creation.create_token(TokenDraft("only-here"))
    wrong: list[str] = []
    async with opened(TokensPage, LoopinApp(box, screen="tokens")) as tokens:

        def there() -> bool:
            header, names = tokens.text().splitlines()[0], tokens.names()
            wrong.extend(names if other in header and "only-here" in names else ())
            return other in header and set(names) == {"web-ci", "old-ci"}

        proxy.before = lambda method, count, context: proxy.hold(context) if method == "List" else None
        await tokens.press("r")
        await asyncio.to_thread(proxy.until_held, 1)
        await work_in(other, tokens)
        await tokens.until(lambda: other in tokens.text().splitlines()[0])
        proxy.go_on()
        await tokens.until(there)
    assert not wrong


async def test_a_threshold_that_arrives_after_a_switch_is_dropped(machine: Machine, proxy: Between) -> None:
    """The same for the preview of what a threshold would revoke."""
    box, other = machine.container(), machine.other.name
    await box.threshold.update_threshold(33)
    wrong: list[str] = []
    async with opened(AutoRevokePage, LoopinApp(box, screen="auto_revoke")) as room:

        def there() -> bool:
            text = room.text()
            stale = re.search(r"\b33\b", text)
            wrong.extend([text] if other in text.splitlines()[0] and stale else ())
            return f"organization {other}" in text

        proxy.before = lambda method, count, context: proxy.hold(context) if method == "List" else None
        await room.press("r")
        await asyncio.to_thread(proxy.until_held, 1)
        await work_in(other, room)
        proxy.go_on()
        await room.until(there)
    assert not wrong, wrong[0]


# ── names of organizations that are not what they were ──


async def test_another_organization_under_the_same_name_is_not_changed(machine: Machine) -> None:
    """Names of deleted organizations can be taken again: the id that was shown decides."""
    box = machine.container()
    listing = await box.tokens.list_tokens()
    gone = listing.context._replace(organization=OrganizationRef(machine.mine.name, "00000000-dead"))
    token = listing.tokens[0]
    review = await box.threshold.review_threshold(77)
    for change in (
        lambda: box.revocation.revoke_tokens([(token.id, token.name)], shown=gone),
        lambda: box.token_creation.create_token(TokenDraft("brand-new"), shown=gone),
        lambda: box.threshold.update_threshold(77, replace(review, context=gone)),
        lambda: box.rotation.create_successor(token, replace(listing, context=gone)),
    ):
        with pytest.raises(OrganizationLost, match="another organization than before"):
            await change()
    assert not any(token.revoked_at for token in (await machine.tokens_of(machine.mine)).values())
    assert await machine.threshold_of(machine.mine) == 0


async def test_what_another_person_would_do_is_refused(machine: Machine, organization: Organization) -> None:
    """Somebody else signed in to the profile between the look and the act."""
    box = machine.container()
    review = await box.threshold.review_threshold(77)
    admin = organization.member("admin")
    bearer = await asyncio.to_thread(lambda: admin.bearer)
    assert result_of(await run(chainloop_token_steps(machine.container(), bearer)))
    with pytest.raises(PermissionDenied, match="is signed in now"):
        await box.threshold.update_threshold(77, review)
    assert await machine.threshold_of(machine.mine) == 0


async def test_the_same_person_may_have_signed_in_again(machine: Machine) -> None:
    box = machine.container()
    review = await box.threshold.review_threshold(77)
    again = await asyncio.to_thread(sign_in, machine.mine.server, *machine.mine.owner.login)
    assert result_of(await run(chainloop_token_steps(machine.container(), again)))
    assert (await box.threshold.update_threshold(77, review)).threshold == 77


async def test_a_lost_organization_is_never_replaced_and_the_way_out_works(
    machine: Machine, loopin: Loopin
) -> None:
    """The person is no longer a member of the organization that the profile works in."""
    machine.mine.add_member(f"second@{machine.mine.name}.example", "owner")
    Memberships(machine.mine.database, utc_now).remove_membership(
        OPERATOR, machine.mine.owner.email, machine.mine.name
    )
    command = machine.command(loopin)
    lost = await asyncio.to_thread(command, *TOKENS, "list")
    lost.fails(1, "not a member of organization", "organization set --name")
    assert machine.mine.name in lost.err
    listed = await asyncio.to_thread(command, "chainloop", "organization", "list", "-o", "json")
    assert [item["org"]["name"] for item in listed.works().json] == [machine.other.name]
    named = await asyncio.to_thread(command, *TOKENS, "list", "--org", machine.other.name, "-o", "json")
    assert {item["name"] for item in named.works().json} == {"web-ci", "old-ci"}
    (await asyncio.to_thread(command, "chainloop", "organization", "set", machine.other.name)).works()
    (await asyncio.to_thread(command, *TOKENS, "list")).works()


# ── API tokens ──


@pytest.mark.parametrize("how", ["--org", "CHAINLOOP_ORGANIZATION"])
async def test_an_api_token_of_another_organization_than_the_named_one_is_not_used(
    machine: Machine, loopin: Loopin, proxy: Between, how: str
) -> None:
    box = machine.container()
    jwt = (await box.token_creation.create_token(TokenDraft("robot"))).secret.reveal()
    command = machine.command(loopin)
    proxy.calls.clear()
    named = ("--org", machine.other.name) if how == "--org" else ()
    environment = {"CHAINLOOP_TOKEN": jwt} | ({} if named else {"CHAINLOOP_ORGANIZATION": machine.other.name})
    revoke = (*TOKENS, "revoke", "--filter", "never", "--yes", *named)
    result = await asyncio.to_thread(lambda: command(*revoke, **environment))
    result.fails(2, f"{how} is {machine.other.name}", f"belongs to {machine.mine.name}", "nothing was sent")
    assert not proxy.calls


async def test_an_api_token_does_not_care_for_the_organization_of_the_profile(
    machine: Machine, loopin: Loopin
) -> None:
    box = machine.container()
    jwt = (await box.token_creation.create_token(TokenDraft("robot"))).secret.reveal()
    await machine.switch()
    robot = machine.container(CHAINLOOP_TOKEN=jwt)
    assert (await robot.organizations.describe_organization()).identity.organization == machine.mine.name
    assert (await robot.tokens.list_tokens()).context.organization.name == machine.mine.name


async def test_the_way_out_of_a_suspended_organization_works(
    machine: Machine, loopin: Loopin, proxy: Between
) -> None:
    """Every call that names it is refused, except those that a control plane answers all the same."""

    def suspended(method: str, count: int, context: Any) -> None:
        named = dict(context.invocation_metadata()).get("chainloop-organization")
        if named == machine.mine.name and method not in {"Current", "ListMemberships"}:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "organization is suspended")

    proxy.before = suspended
    command = machine.command(loopin)
    refused = await asyncio.to_thread(command, *TOKENS, "list")
    refused.fails(1, "organization is suspended", "organization set --name")
    told = await asyncio.to_thread(command, "status")
    assert "organization is suspended; choose another: loopin chainloop organization set" in told.out
    assert machine.mine.name in told.out
    checked = await asyncio.to_thread(command, "doctor")
    assert "organization is suspended" in checked.out
    assert "is accepted" not in checked.out
    listed = await asyncio.to_thread(command, "chainloop", "organization", "list", "-o", "json")
    assert {item["org"]["name"] for item in listed.works().json} == {machine.mine.name, machine.other.name}
    (await asyncio.to_thread(command, *TOKENS, "list", "--org", machine.other.name)).works()
    async with opened(TokensPage, LoopinApp(machine.container(), screen="tokens")) as tokens:
        await tokens.reads("organization is suspended")
        await work_in(machine.other.name, tokens)
        await tokens.until(lambda: set(tokens.names()) == {"web-ci", "old-ci"})
    (await asyncio.to_thread(command, *TOKENS, "list")).works()
