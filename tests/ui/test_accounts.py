"""The Accounts screen: what it knows, what it offers, what a sign-out tells."""

import asyncio
from datetime import timedelta

import pytest
from textual.widgets import Button

from app.domain.credentials import Provider
from app.domain.errors import (
    Failed,
    LoopinError,
    OrganizationLost,
    SessionEnded,
    Unreachable,
    VaultLocked,
    VaultMissing,
)
from app.domain.secret import Secret
from app.domain.status import VaultStatus
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.dialogs.organizations import OrganizationDialog
from app.tui.screens.login.screen import LoginScreen
from tests.support import app as fakes
from tests.support.pages.accounts import AccountsPage
from tests.support.pages.login import LoginPage
from tests.support.pages.page import SIZE, opened
from tests.support.zones import here

SESSION_ENDS = fakes.NOW + timedelta(hours=23, minutes=12)


async def test_a_card_tells_who_where_how_and_until_when() -> None:
    async with opened(AccountsPage, fakes.app()) as accounts:
        await accounts.told("signed in")
        rows = dict(accounts.card().rows)
        assert rows["identity"] == "ada@acme.example · owner"
        assert rows["organization"] == "acme"
        assert rows["method"] == "browser login"
        assert rows["stored in"] == "GNOME Keyring"
        assert rows["session"] == f"23 h 12 m, until {here(SESSION_ENDS, '%d %b %H:%M')}"
        assert rows["server"] == "api.acme.example:443"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (SessionEnded("the session has ended", hint="sign in again"), "session ended"),
        (Unreachable("nobody answers", hint="check the address"), "server not reachable"),
    ],
)
async def test_what_the_server_said_stands_on_the_card(error: LoopinError, state: str) -> None:
    box = fakes.container()
    box.plane.fail["current"] = error
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.told(state)
        assert error.message in accounts.card().note


async def test_a_suspended_organization_stands_on_the_card_with_who_is_signed_in() -> None:
    box = fakes.container()
    box.plane.fail["probe"] = OrganizationLost("organization is suspended")
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.told("signed in, organization not usable")
        assert dict(accounts.card().rows)["organization"] == "acme"
        assert "organization is suspended" in accounts.card().note


class SilentVault(fakes.FakeVault):
    """A keychain that never answers."""

    async def probe(self) -> VaultStatus:
        """Wait for ever."""
        await asyncio.Event().wait()
        return VaultStatus(self.label)

    async def unlock(self) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    async def read(self, service: str, account: str) -> Secret | None:
        """Wait for ever."""
        await asyncio.Event().wait()
        return None


async def test_while_the_keychain_is_silent_the_cards_say_what_they_wait_for() -> None:
    box = fakes.container(signed_in=False)
    box.vault = SilentVault()
    async with fakes.app(box).run_test(size=SIZE) as pilot:
        accounts = AccountsPage(pilot)
        await accounts.rest(1)
        for provider in Provider:
            assert accounts.waiting(provider) == ["◌ looking at the keychain …"]


@pytest.mark.parametrize("error", [VaultLocked("it is locked", hint="unlock it"), VaultMissing("none here")])
async def test_a_keychain_that_cannot_be_used_is_told(error: LoopinError) -> None:
    box = fakes.container(signed_in=False)
    box.fake_vault.error = error
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.told("keychain not usable")
        assert error.message in accounts.card().note
        assert "no login can be kept" in accounts.welcome()


async def test_refresh_asks_again() -> None:
    box = fakes.container()
    box.plane.fail["current"] = Unreachable("nobody answers")
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.told("server not reachable")
        box.plane.fail.clear()
        await accounts.refresh()
        await accounts.told("signed in")


async def test_the_panel_says_which_credential_is_in_effect_and_why() -> None:
    async with opened(AccountsPage, fakes.app(fakes.container(environment=fakes.CI_TOKEN))) as accounts:
        await accounts.until(lambda: "▸ CHAINLOOP_TOKEN  …77f0" in accounts.panel())
        assert "in effect: the environment beats the keychain" in accounts.panel()
        assert "ignored while CHAINLOOP_TOKEN is set" in accounts.panel()
        assert fakes.CI_TOKEN.reveal() not in accounts.panel()


async def test_why_opens_the_whole_list() -> None:
    async with opened(AccountsPage, fakes.app()) as accounts:
        why = await accounts.why()
        assert "--token" in accounts.panel()
        await why.leave()
        await accounts.dialog(AccountsScreen)


async def test_signing_out_asks_with_cancel_focused() -> None:
    box = fakes.container()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        question = await accounts.sign_out()
        assert isinstance(accounts.app.focused, Button)
        assert str(accounts.app.focused.label) == "Cancel"
        await question.enter()
        await accounts.dialog(AccountsScreen)
        assert box.fake_vault.entries


async def test_signing_out_tells_both_facts() -> None:
    box = fakes.container()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        question = await accounts.sign_out()
        await question.yes()
        await accounts.until(lambda: "forgotten here, and ended at the server" in accounts.notes())
        await accounts.told("not signed in")
        assert not box.fake_vault.entries


async def test_a_stock_server_goes_on_accepting_the_token_and_that_is_told() -> None:
    box = fakes.container()
    box.plane.capabilities = frozenset()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        question = await accounts.sign_out()
        await question.yes()
        until = here(SESSION_ENDS, "%d %b %Y %H:%M")
        told = f"forgotten here; the server keeps the session valid until {until}"
        await accounts.until(lambda: told in accounts.notes())


async def test_signing_out_is_greyed_when_nothing_is_stored() -> None:
    async with opened(AccountsPage, fakes.app(fakes.container(signed_in=False))) as accounts:
        await accounts.ask_to_sign_out()
        await accounts.rest()
        assert isinstance(accounts.screen, AccountsScreen)


async def test_switching_the_organization_is_seen_everywhere() -> None:
    box = fakes.container()
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.organizations()
        await accounts.can_choose()
        await accounts.take("down")
        await accounts.until(lambda: accounts.row("organization") == "globex")
        assert box.plane.current_name == "acme", "the server's own is left alone"


async def test_a_switch_that_fails_is_told_in_the_dialog() -> None:
    box = fakes.container()
    box.fake_accounts.error = Failed("accounts.toml cannot be written", hint="make room")
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.organizations()
        await accounts.can_choose()
        await accounts.take("down")
        await accounts.until(lambda: "accounts.toml cannot be written" in accounts.refusal())
        assert isinstance(accounts.screen, OrganizationDialog)


async def test_under_an_api_token_the_organization_cannot_be_switched_and_why_is_told() -> None:
    async with opened(AccountsPage, fakes.app(fakes.container(environment=fakes.CI_TOKEN))) as accounts:
        await accounts.organizations()
        await accounts.until(lambda: "an API token belongs to one organization" in accounts.state_title())


async def test_hostile_names_are_only_text() -> None:
    box = fakes.container()
    box.fake_accounts.known.clear()
    box.plane.current_name = "\x1b]52;c;aGk=\x07[bold]evil\u202e"
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.told("signed in")
        picture = accounts.app.export_screenshot()
        assert "[bold]evil" in picture
        assert "\x1b" not in picture
        assert "\u202e" not in picture


async def test_an_end_in_another_year_has_its_year() -> None:
    box = fakes.container()
    box.fake_clock.advance(timedelta(days=-100).total_seconds())
    async with opened(AccountsPage, fakes.app(box)) as accounts:
        await accounts.told("signed in")
        assert accounts.row("session").endswith(here(SESSION_ENDS, "%d %b %Y %H:%M"))


@pytest.mark.parametrize("provider", Provider)
async def test_nobody_signed_in_has_three_ways_on(provider: Provider) -> None:
    async with opened(AccountsPage, fakes.app(fakes.container(signed_in=False))) as accounts:
        await accounts.until(accounts.ways_on)
        assert accounts.ways_on() == ["Sign in to Gumloop", "Sign in to Chainloop", "Try the demo"]
        assert not accounts.has_cards(), "which would say the same again"
        await accounts.take_way(provider)
        login = LoginPage(accounts.pilot)
        await login.dialog(LoginScreen)
        first = {Provider.GUMLOOP: "OAuth", Provider.CHAINLOOP: "Browser login"}
        assert first[provider] in login.highlighted()
