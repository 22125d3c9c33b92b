"""A member of no organization: one state in both rooms, and the two ways out of it."""

import asyncio

import pytest

from app.domain.activity import Action
from app.domain.errors import PermissionDenied
from app.domain.organizations import Role
from app.tui.screens.dialogs.create_organization import CreateOrganizationDialog
from tests.support import app as fakes
from tests.support.pages.page import DialogPage, Page, opened
from tests.support.pages.rooms import AutoRevokePage
from tests.support.pages.tokens import TokensPage
from tests.support.rooms import stage, story

WORDS = "You are not a member of an organization"
ROOMS = pytest.mark.parametrize(("screen", "kind"), [("tokens", TokensPage), ("auto_revoke", AutoRevokePage)])


class CreatePage(DialogPage):
    """The name."""

    KIND = CreateOrganizationDialog


def in_none(**plane: object) -> fakes.FakeContainer:
    """Signed in at a control plane that has just met the person."""
    box = story()
    box.fake_accounts.known["chainloop", "default"] = {"endpoint": fakes.ENDPOINT.address}
    box.plane.organizations, box.plane.current_name = (), ""
    for name, value in plane.items():
        setattr(box.plane, name, value)
    return box


async def to_dialog(page: Page) -> CreatePage:
    """Press the first button, which has the focus."""
    await page.reads(WORDS)
    await page.until(lambda: getattr(page.screen.focused, "id", "") == "state-button")
    await page.press("enter")
    return await page.over(CreatePage)


@ROOMS
async def test_one_is_made_and_worked_in(screen: str, kind: type[Page]) -> None:
    box = in_none()
    async with opened(kind, stage(box, screen=screen)) as page:
        await page.reads("Create one, or ask somebody to invite you.")
        assert "list_tokens" not in box.plane.calls
        dialog = await to_dialog(page)
        await dialog.write("My")
        await dialog.reads("capital letters are not allowed")
        assert not dialog.enabled("#yes")
        await dialog.press("backspace", "backspace", *"initech", "enter")
        await page.closed()
        await page.until(lambda: "Working in initech now." in page.toasts())
        await page.until(lambda: "initech" in page.text().splitlines()[0])
    assert box.fake_accounts.known["chainloop", "default"]["organization"] == "initech"
    assert box.fake_activity.lines[-1].action is Action.CREATE_ORGANIZATION


@ROOMS
async def test_after_an_invitation_it_is_looked_at_again(screen: str, kind: type[Page]) -> None:
    box = in_none()
    async with opened(kind, stage(box, screen=screen)) as page:
        await page.reads(WORDS)
        box.plane.organizations, box.plane.current_name = ("acme",), "acme"
        await page.click("#state-other")
        await page.until(lambda: WORDS not in page.text())
        await page.until(lambda: "acme" in page.text().splitlines()[0])


async def test_a_refusal_keeps_the_name() -> None:
    box = in_none()
    box.plane.fail["create_organization"] = PermissionDenied("you have made 5", hint="ask somebody")
    async with opened(TokensPage, stage(box)) as page:
        dialog = await to_dialog(page)
        await dialog.press(*"initech", "enter")
        await dialog.reads("you have made 5")
        assert dialog.says("#organization-error").count("Ask somebody") == 1
        box.plane.fail.clear()
        await dialog.press("enter")
        await page.closed()
    assert "initech" in box.plane.organizations


async def test_pressed_twice_one_is_made() -> None:
    box = in_none()
    box.plane.held["create_organization"] = asyncio.Event()
    async with opened(TokensPage, stage(box)) as page:
        dialog = await to_dialog(page)
        await dialog.press(*"initech", "enter", "enter")
        box.plane.held["create_organization"].set()
        await page.closed()
    assert box.plane.calls.count("create_organization") == 1


async def test_a_creation_under_way_is_not_left() -> None:
    """Its organization would be worked in, and nothing would say so."""
    box = in_none()
    box.plane.held["create_organization"] = asyncio.Event()
    async with opened(TokensPage, stage(box)) as page:
        dialog = await to_dialog(page)
        await dialog.press(*"initech", "enter")
        await page.until(lambda: "create_organization" in box.plane.calls)
        await dialog.press("escape")
        await page.until(lambda: "Already under way" in page.toasts())
        box.plane.held["create_organization"].set()
        await page.closed()
        await page.until(lambda: "initech" in page.text().splitlines()[0])


async def test_where_people_make_none_only_looking_again_is_offered() -> None:
    async with opened(TokensPage, stage(in_none(restricted=True))) as page:
        await page.reads(WORDS)
        await page.reads("On this control plane only its operator creates organizations.")
        await page.reads("Check again")
        assert "Create an organization" not in page.text()


async def test_who_is_a_member_somewhere_chooses() -> None:
    """The server has none as the current one, and the profile has none yet."""
    box = in_none(organizations=("acme",), role=Role.OWNER)
    async with opened(TokensPage, stage(box)) as page:
        await page.reads("no organization is selected")
