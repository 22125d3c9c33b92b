"""A sign-out comes to its end, whatever else is pressed."""

import asyncio

from app.domain.credentials import Provider
from tests.support import app as fakes
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.page import opened


def signed_in() -> fakes.FakeContainer:
    """At both, and both servers are slow to answer a sign-out."""
    box = fakes.container()
    box.store_gumloop()
    box.plane.held["sign_out"] = asyncio.Event()
    box.gumloop.held["revoke"] = asyncio.Event()
    return box


async def sign_out(accounts: AccountsPage, provider: Provider) -> None:
    """Ask to sign out there, and confirm."""
    accounts.focus_card(provider)
    question = await accounts.sign_out()
    await question.reads(f"Sign out of {provider.title}?")
    await question.yes()


def answer(box: fakes.FakeContainer) -> None:
    """Let both servers answer."""
    box.plane.held["sign_out"].set()
    box.gumloop.held["revoke"].set()


async def test_two_sign_outs_at_once_both_remove_their_login() -> None:
    box = signed_in()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        for provider in Provider:
            await sign_out(accounts, provider)
        await accounts.until(lambda: "signing out of Chainloop …" in accounts.foot())
        answer(box)
        await accounts.until(lambda: not box.fake_vault.entries)
        await accounts.until(lambda: accounts.toasts().count("Signed out") == 2)


async def test_it_is_shown_as_long_as_it_runs_whatever_is_read_meanwhile() -> None:
    box = signed_in()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await sign_out(accounts, Provider.CHAINLOOP)
        await accounts.until(lambda: "signing out of Chainloop …" in accounts.foot())
        await accounts.refresh()
        await accounts.rest()
        assert "signing out of Chainloop …" in accounts.foot()
        answer(box)
        await accounts.until(lambda: "as of" in accounts.foot())


async def test_a_second_one_is_not_asked_about_and_says_so() -> None:
    box = signed_in()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await sign_out(accounts, Provider.CHAINLOOP)
        accounts.focus_card(Provider.CHAINLOOP)
        await accounts.ask_to_sign_out()
        await accounts.until(lambda: "Already under way: sign out of Chainloop" in accounts.notes())
        await accounts.rest()
        assert accounts.screen is accounts.room
        answer(box)
        await accounts.until(lambda: box.plane.calls.count("sign_out") == 1)


async def test_quitting_waits_until_the_login_is_gone() -> None:
    box = signed_in()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await sign_out(accounts, Provider.GUMLOOP)
        await accounts.until(lambda: box.gumloop.revoked)
        await accounts.press("q")
        await accounts.until(lambda: "signing out of Gumloop" in accounts.toasts())
        assert not accounts.app._exit
        answer(box)
        await accounts.until(lambda: accounts.app._exit)
    assert not any(service == "gumloop-cli" for service, _ in box.fake_vault.entries)
    assert [orphan.words for orphan in box.changes.orphans()] == ["signing out of Gumloop: finished"]
