"""A renewal of the Gumloop session spends the refresh token: its successor is stored, whatever is pressed."""

import asyncio
from datetime import timedelta

from app.domain.secret import Secret
from app.services.changes import End
from tests.support import app as fakes
from tests.support.fake_gumloop import ACCESS, RENEWED, SECOND_REFRESH
from tests.support.pages.accounts import AccountsPage


def about_to_end() -> fakes.FakeContainer:
    """Signed in at Gumloop, and the answer to a renewal is held."""
    box = fakes.container()
    box.store_gumloop(lives=timedelta(seconds=10))
    box.gumloop.held["refresh"] = asyncio.Event()
    return box


def stored(box: fakes.FakeContainer) -> list[Secret | None]:
    """The tokens in the keychain."""
    entries = box.fake_vault.entries
    return [entries.get(("gumloop-cli", f"default:{name}")) for name in ("access_token", "refresh_token")]


async def at_the_renewal(accounts: AccountsPage, box: fakes.FakeContainer) -> None:
    """Wait until the token endpoint was asked."""
    await accounts.until(lambda: "refresh" in box.gumloop.calls)
    assert stored(box)[0] == ACCESS


async def test_asking_again_while_it_is_renewed_loses_nothing() -> None:
    box = about_to_end()
    async with fakes.app(box).run_test() as pilot:
        accounts = AccountsPage(pilot)
        await at_the_renewal(accounts, box)
        await accounts.refresh()
        box.gumloop.held["refresh"].set()
        await accounts.until(lambda: stored(box) == [RENEWED, SECOND_REFRESH])
        await accounts.ready()
        assert box.gumloop.calls.count("refresh") == 1
        assert accounts.app._outcome_of_changes() == ""


async def test_quitting_waits_until_the_answer_is_stored_and_says_for_what() -> None:
    box = about_to_end()
    async with fakes.app(box).run_test() as pilot:
        accounts = AccountsPage(pilot)
        await at_the_renewal(accounts, box)
        await accounts.press("q")
        await accounts.until(lambda: "renewing the Gumloop session" in accounts.toasts())
        assert not accounts.app._exit
        box.gumloop.held["refresh"].set()
        await accounts.until(lambda: accounts.app._exit)
    assert stored(box) == [RENEWED, SECOND_REFRESH]
    assert [orphan.end for orphan in box.changes.orphans()] == [End.DONE]
    assert accounts.app._outcome_of_changes() == "renewing the Gumloop session: finished\n"


async def test_an_answer_that_does_not_come_is_said_to_be_unknown() -> None:
    box = about_to_end()
    box.changes.grace = 0
    async with fakes.app(box).run_test() as pilot:
        accounts = AccountsPage(pilot)
        await at_the_renewal(accounts, box)
        await accounts.press("q")
        await accounts.until(lambda: accounts.app._exit)
    (orphan,) = box.changes.orphans()
    assert orphan.end is End.UNKNOWN
    assert "loopin gumloop login" in orphan.hint


async def test_ctrl_c_ends_the_wait() -> None:
    box = about_to_end()
    async with fakes.app(box).run_test() as pilot:
        accounts = AccountsPage(pilot)
        await at_the_renewal(accounts, box)
        await accounts.press("q")
        await accounts.until(lambda: accounts.app.closing)
        await accounts.press("q")
        assert not accounts.app._exit
        await accounts.press("ctrl+c")
        await accounts.until(lambda: accounts.app._exit)
    assert [orphan.end for orphan in box.changes.orphans()] == [End.UNKNOWN]
