"""The Accounts screen: what it knows, what it offers, what a sign-out tells."""

import asyncio

import pytest
from textual.widgets import Button, OptionList, Static

from app.domain.credentials import Provider
from app.domain.errors import LoopinError, SessionEnded, Unreachable, VaultLocked, VaultMissing
from app.domain.secret import Secret
from app.domain.status import VaultStatus
from app.main import LoopinApp
from app.screens.accounts import AccountsScreen
from app.screens.dialog import Confirm
from app.screens.login import LoginScreen
from app.screens.organization import OrganizationDialog
from app.screens.why import WhyDialog
from tests.support import app as fakes
from tests.ui.pilots import notes, settled, until
from widgets.account_card import AccountCard, CardFacts
from widgets.credential_panel import CredentialPanel
from widgets.lines import Rows

LARGE = (120, 36)


def card(app: LoopinApp, provider: Provider = Provider.CHAINLOOP) -> CardFacts:
    """What the card of the provider shows."""
    return app.screen.query_one(f"#card-{provider.value}", AccountCard).facts


def panel(app: LoopinApp) -> str:
    """The lines of the panel."""
    return app.screen.query_one(CredentialPanel).render().plain


async def test_a_card_tells_who_where_how_and_until_when() -> None:
    app = fakes.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: card(app).state == "signed in")
        rows = dict(card(app).rows)
        assert rows["identity"] == "ada@acme.example · owner"
        assert rows["organization"] == "acme"
        assert rows["method"] == "browser login"
        assert rows["stored in"] == "GNOME Keyring"
        assert rows["session"] == "23 h 12 m, until 15 Mar 11:16"
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
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: card(app).state == state)
        assert error.message in card(app).note


class SilentVault(fakes.FakeVault):
    """A keychain that never answers."""

    async def probe(self) -> VaultStatus:
        """Wait for ever."""
        await asyncio.Event().wait()
        return VaultStatus(self.label)

    async def read(self, service: str, account: str) -> Secret | None:
        """Wait for ever."""
        await asyncio.Event().wait()
        return None


async def test_while_the_keychain_is_silent_the_cards_say_what_they_wait_for() -> None:
    box = fakes.container(signed_in=False)
    box.__dict__.update(vault=SilentVault())
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await pilot.pause()
        for provider in Provider:
            rows = app.screen.query_one(f"#card-{provider.value}").query_one(Rows)
            assert [line.plain for line in rows.lines(60)] == ["◌ looking at the keychain …"]


@pytest.mark.parametrize("error", [VaultLocked("it is locked", hint="unlock it"), VaultMissing("none here")])
async def test_a_keychain_that_cannot_be_used_is_told(error: LoopinError) -> None:
    box = fakes.container(signed_in=False)
    box.fake_vault.error = error
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: card(app).state == "keychain not usable")
        assert error.message in card(app).note
        assert "no login can be kept" in str(app.screen.query_one("#welcome-text", Static).render())


async def test_refresh_asks_again() -> None:
    box = fakes.container()
    box.plane.fail["current"] = Unreachable("nobody answers")
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: card(app).state == "server not reachable")
        box.plane.fail.clear()
        await pilot.press("r")
        await until(pilot, lambda: card(app).state == "signed in")


async def test_the_panel_says_which_credential_is_in_effect_and_why() -> None:
    app = fakes.app(fakes.container(environment=fakes.CI_TOKEN))
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: "▸ CHAINLOOP_TOKEN  …77f0" in panel(app))
        assert "in effect: the environment beats the keychain" in panel(app)
        assert "ignored while CHAINLOOP_TOKEN is set" in panel(app)
        assert fakes.CI_TOKEN.reveal() not in panel(app)


async def test_why_opens_the_whole_list() -> None:
    app = fakes.app()
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, WhyDialog))
        assert "--token" in panel(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))


async def test_signing_out_asks_with_cancel_focused() -> None:
    box = fakes.container()
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        assert isinstance(app.focused, Button)
        assert app.focused.id == "cancel"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
        assert box.fake_vault.entries


async def test_signing_out_tells_both_facts() -> None:
    box = fakes.container()
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.click("#yes")
        await until(pilot, lambda: "forgotten here, and ended at the server" in notes(pilot))
        await until(pilot, lambda: card(app).state == "not signed in")
        assert not box.fake_vault.entries


async def test_a_stock_server_goes_on_accepting_the_token_and_that_is_told() -> None:
    box = fakes.container()
    box.plane.capabilities = frozenset()
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.click("#yes")
        told = "forgotten here; the server keeps the token valid until 15 Mar 11:16"
        await until(pilot, lambda: told in notes(pilot))


async def test_signing_out_is_greyed_when_nothing_is_stored() -> None:
    app = fakes.app(fakes.container(signed_in=False))
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("L")
        await pilot.pause()
        assert isinstance(app.screen, AccountsScreen)


async def test_switching_the_organization_is_seen_everywhere() -> None:
    box = fakes.container()
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, OrganizationDialog))
        await until(pilot, lambda: app.focused is not None and app.focused.id != "cancel")
        await pilot.press("down", "enter")
        await until(pilot, lambda: dict(card(app).rows).get("organization") == "globex")
        assert box.plane.current_name == "globex"


async def test_a_switch_that_fails_is_told_in_the_dialog() -> None:
    box = fakes.container()
    box.plane.fail["select_membership"] = Unreachable("nobody answers", hint="try again")
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, OrganizationDialog))
        await until(pilot, lambda: app.focused is not None and app.focused.id != "cancel")
        await pilot.press("down", "enter")
        await until(pilot, lambda: "nobody answers" in str(app.screen.query_one(".dialog-error").render()))
        assert isinstance(app.screen, OrganizationDialog)


async def test_under_an_api_token_the_organization_cannot_be_switched_and_why_is_told() -> None:
    app = fakes.app(fakes.container(environment=fakes.CI_TOKEN))
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await pilot.press("O")
        await until(pilot, lambda: isinstance(app.screen, OrganizationDialog))
        title = app.screen.query_one(".state-title")
        await until(pilot, lambda: "an API token belongs to one organization" in str(title.render()))


async def test_hostile_names_are_only_text() -> None:
    box = fakes.container()
    box.plane.current_name = "\x1b]52;c;aGk=\x07[bold]evil\u202e"
    app = fakes.app(box)
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: card(app).state == "signed in")
        picture = app.export_screenshot()
        assert "[bold]evil" in picture
        assert "\x1b" not in picture
        assert "\u202e" not in picture


@pytest.mark.parametrize("provider", Provider)
async def test_nobody_signed_in_has_three_ways_on(provider: Provider) -> None:
    app = fakes.app(fakes.container(signed_in=False))
    async with app.run_test(size=LARGE) as pilot:
        await settled(pilot)
        await until(pilot, lambda: bool(app.screen.query("#welcome Button")))
        labels = [str(button.label) for button in app.screen.query("#welcome Button").results(Button)]
        assert labels == ["Sign in to Gumloop", "Sign in to Chainloop", "Try the demo"]
        assert not app.screen.query_one("#cards").display, "which would say the same again"
        await pilot.click(f"#welcome-{provider.value}")
        await until(pilot, lambda: isinstance(app.screen, LoginScreen))
        ways = app.screen.query_one(OptionList)
        assert ways.highlighted is not None
        first = {Provider.GUMLOOP: "OAuth", Provider.CHAINLOOP: "Browser login"}
        assert first[provider] in str(ways.get_option_at_index(ways.highlighted).prompt)
