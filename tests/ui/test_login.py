"""Signing in on the screen: the choice, the progress, the forms."""

import asyncio
from collections.abc import Sequence

import pytest
from textual import events
from textual.widgets import Input, OptionList

from app.domain.errors import BrowserUnavailable, PortBusy, Unreachable, VaultLocked, VaultMissing
from app.domain.login import Step, StepState
from app.services.stored_logins import ChainloopVault
from app.tui.screens.accounts.screen import AccountsScreen
from app.tui.screens.dialogs.profiles import ProfileDialog
from app.tui.screens.login.form import LoginFormScreen
from app.tui.screens.login.progress import LoginProgressScreen
from app.tui.screens.login.screen import LoginScreen
from tests.support import app as fakes
from tests.support.pages.login import (
    CHAINLOOP_BROWSER,
    CHAINLOOP_TOKEN,
    GUMLOOP_KEY,
    LoginPage,
    at_the_choice,
    signed_out,
)


async def test_the_keychain_is_probed_before_anything_opens() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        assert "✓ GNOME Keyring, ready" in login.storage()
        assert box.fake_browser.opened == []


async def test_without_a_keychain_the_sign_in_is_refused_and_the_way_out_told() -> None:
    box = signed_out()
    box.fake_vault.error = VaultMissing("no keychain was found", hint="install one")
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.until(lambda: bool(login.notes()))
        assert isinstance(login.screen, LoginScreen)
        assert "no keychain was found" in login.storage()
        assert "CHAINLOOP_TOKEN" in login.storage()
        assert box.fake_listeners.made == []
        box.fake_vault.error = None
        await login.look_again()
        await login.until(lambda: "ready" in login.storage())


async def test_a_locked_keychain_is_asked_before_it_is_called_locked() -> None:
    box = signed_out()
    box.fake_vault.error = VaultLocked("GNOME Keyring is locked", hint="unlock it")
    box.fake_vault.answered.clear()
    async with at_the_choice(box) as login:
        assert "it will ask to be unlocked when you sign in" in login.storage()
        await login.choose(CHAINLOOP_BROWSER)
        await login.until(lambda: box.fake_vault.unlocking)
        assert "answer its prompt" in login.text()
        box.fake_vault.error = None
        box.fake_vault.answered.set()
        await login.until(lambda: "Waiting for you" in login.text())


async def test_where_no_browser_can_open_that_is_preselected_with_its_reason() -> None:
    box = signed_out()
    box.browser_obstacle = "this is an SSH session"
    async with at_the_choice(box, size=(80, 24)) as login:
        assert not login.opens_browser()
        assert "this is an SSH session" in login.shown()
        # Whole, also in 80 columns.
        assert login.obstacle().region.right <= 80


async def test_a_browser_sign_in_is_watched_to_its_end() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        assert login.step(Step.BROWSER) is StepState.DONE
        assert "5:00 left" in login.shown()
        assert "ssh -L 41873:127.0.0.1:41873 user@host" in login.shown()
        await login.comes_back()
        await login.signed_in()
        assert "Signed in to Chainloop as ada@acme.example" in login.shown()
        assert "GNOME Keyring" in login.shown()
        assert box.fake_vault.entries
        await login.press("enter")
        await login.dialog(AccountsScreen)
        await login.until(lambda: login.app.account_state.identity is not None)


async def test_the_countdown_counts() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        box.fake_clock.advance(7)
        await login.until(lambda: "4:53 left" in login.shown())
        assert "elapsed 0:07" in login.shown()


async def test_nobody_finishing_in_time_is_a_failed_step_that_can_be_retried() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        box.fake_clock.advance(301)
        await login.fails(Step.WAITING)
        assert "✗ nobody finished the sign-in within 5 minutes" in login.shown()
        await login.try_again()
        await login.waits()


async def test_a_foreign_answer_is_refused_and_waiting_goes_on() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        arrival = fakes.FakeCallback({"state": "of-somebody-else", "t": "not-a-real-one"})
        box.fake_listeners.made[-1].arrivals.put_nowait(arrival)
        await login.until(lambda: "belongs to another sign-in" in login.shown())
        assert not arrival.shown[0].ok
        await login.comes_back()
        await login.signed_in()


async def test_escape_cancels_and_frees_the_port() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        assert box.fake_listeners.made[0].open
        await login.press("escape")
        await login.until(lambda: not box.fake_listeners.made[0].open)
        await login.dialog(LoginScreen)
        assert not box.fake_vault.entries


async def test_ctrl_c_cancels_the_running_sign_in_and_not_the_app() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        await login.interrupt()
        await login.dialog(LoginScreen)
        assert not box.fake_listeners.made[0].open
        assert login.app.return_value is None


async def test_a_busy_port_names_its_holder_and_offers_another() -> None:
    box = signed_out()
    box.fake_listeners.busy[8765] = PortBusy(
        "port 8765 is in use by gumloop (4211)", hint="use another port", port=8765, holder="gumloop (4211)"
    )
    async with at_the_choice(box) as login:
        await login.mark(CHAINLOOP_BROWSER)
        await login.port("8765")
        await login.dialog(LoginProgressScreen)
        await login.until(lambda: "gumloop (4211)" in login.shown())
        await login.another_port()
        await login.waits()
        assert box.fake_listeners.made[0].address.startswith("http://127.0.0.1:41873/")


async def test_a_browser_that_does_not_open_leaves_the_address_to_the_person() -> None:
    box = signed_out()
    box.fake_browser.error = BrowserUnavailable("there is no display")
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        assert login.step(Step.BROWSER) is StepState.SKIPPED
        await login.copy_address()
        await login.until(lambda: bool(box.fake_clipboard.copied))
        assert box.fake_clipboard.copied[0].startswith("https://login.acme.example/auth/login?callback=")
        await login.until(lambda: "the address: copied with wl-copy" in login.notes())
        box.fake_browser.error = None
        await login.open_page()
        await login.until(lambda: box.fake_browser.opened == box.fake_clipboard.copied)


async def test_pasting_what_the_browser_showed_signs_in_and_is_masked() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.waits()
        paste = await login.paste()
        assert paste.password
        paste.value = fakes.USER_TOKEN.reveal()
        await login.press("enter")
        await login.signed_in()
        assert paste.value == ""


async def test_an_unreachable_server_fails_its_step_with_the_reason() -> None:
    box = signed_out()
    box.plane.fail["server_info"] = Unreachable("nobody answers at api.acme.example:443", hint="check it")
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_BROWSER)
        await login.dialog(LoginProgressScreen)
        await login.fails(Step.SERVER)
        assert "nobody answers at api.acme.example:443" in login.shown()
        assert box.fake_browser.opened == []


async def test_a_token_form_tells_what_the_token_says_and_signs_in() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_TOKEN)
        field = await login.form("token")
        assert field.password
        field.value = fakes.CI_TOKEN.reveal()
        await login.until(lambda: "it says: organization acme · token ci-release" in login.shown())
        await login.press("enter")
        await login.signed_in()
        assert field.value == ""
        assert "API token ci-release" in login.shown()


async def test_who_signed_in_is_on_the_frame_whatever_key_goes_on() -> None:
    """By a number key too, without a press of Continue."""
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_TOKEN)
        (await login.form("token")).value = fakes.USER_TOKEN.reveal()
        await login.press("enter")
        await login.signed_in()
        await login.press("2")
        await login.until(lambda: "acme ▾" in login.text().splitlines()[0])
        await login.reads("ci-legacy")


async def test_a_wrong_token_leaves_the_keychain_as_it_was_and_the_form_filled() -> None:
    box = fakes.container()
    before = dict(box.fake_vault.entries)
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_TOKEN)
        field = await login.form("token")
        field.value = "not-a-real-token"
        await login.press("enter")
        await login.until(lambda: "does not accept this token" in login.shown())
        assert field.value == "not-a-real-token"
        assert box.fake_vault.entries == before


async def test_an_empty_form_is_not_sent() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_TOKEN)
        await login.dialog(LoginFormScreen)
        await login.press("enter")
        await login.until(lambda: "✗ this is needed" in login.shown())
        assert "current" not in box.plane.calls


async def test_what_is_typed_can_be_shown() -> None:
    async with at_the_choice(signed_out()) as login:
        await login.choose(GUMLOOP_KEY)
        key = await login.form("key")
        assert key.password
        await login.show_typed()
        await login.until(lambda: not key.password)


async def test_the_demo_shows_its_sample_login() -> None:
    async with at_the_choice(signed_out(), demo=fakes.FakeDemo()) as login:
        assert "demo-password-not-real" in login.shown()


async def test_the_demo_fills_in_its_sample_key() -> None:
    async with at_the_choice(signed_out(), demo=fakes.FakeDemo()) as login:
        await login.choose(GUMLOOP_KEY)
        key = await login.form("key")
        assert "gum_demo_not_a_real_key" in login.shown()
        await login.take_sample()
        await login.until(lambda: key.value.startswith("gum_demo"))
        assert (await login.form("user")).value


async def test_a_form_says_where_its_values_are_found() -> None:
    async with at_the_choice(signed_out()) as login:
        await login.choose(GUMLOOP_KEY)
        await login.dialog(LoginFormScreen)
        assert "gumloop.com/personal/connectors (Pro plan or above)" in login.shown()
        assert "gumloop.com/settings/profile/general" in login.shown()
        assert not login.has_sample()


@pytest.mark.parametrize("port", ["65536", "99999"])
async def test_a_port_that_is_none_is_told(port: str) -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.port(port)
        await login.until(lambda: f"{port} is not a port: use 1 to 65535, or 0 for any" in login.notes())
        assert box.fake_listeners.made == []


WRAPPED = (
    f"{fakes.CI_TOKEN.reveal()[:9]}\n  {fakes.CI_TOKEN.reveal()[9:15]} \r\n{fakes.CI_TOKEN.reveal()[15:]}\n"
)


@pytest.mark.parametrize(
    "pasted",
    [WRAPPED, f"Bearer {fakes.CI_TOKEN.reveal()}", f'"{fakes.CI_TOKEN.reveal()}"', f"\ufeff{WRAPPED}"],
)
async def test_a_token_is_pasted_as_it_was_copied(pasted: str) -> None:
    """Wrapped, quoted or out of a header: what is stored is the token."""
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.choose(CHAINLOOP_TOKEN)
        field = await login.form("token")
        login.screen.post_message(events.Paste(pasted))
        await login.until(lambda: field.value)
        assert "\n" not in field.value
        await login.press("enter")
        await login.signed_in()
        stored = await ChainloopVault(box.fake_vault).read("default")
        assert stored is not None
        assert stored.secret == fakes.CI_TOKEN


def server_field(login: LoginPage) -> Input:
    return login.find("#login-server", Input)


async def test_the_server_can_be_typed_and_the_sign_in_goes_there() -> None:
    """With the usual one in the field; the login belongs to the one that was typed."""
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.mark(CHAINLOOP_TOKEN)
        await login.until(lambda: server_field(login).value == fakes.ENDPOINT.address)
        await login.mark(GUMLOOP_KEY)
        await login.until(lambda: server_field(login).value.startswith("https://"))
        await login.mark(CHAINLOOP_TOKEN)
        await login.until(lambda: server_field(login).value == fakes.ENDPOINT.address)
        server_field(login).value = "https://cp.other.example"
        await login.choose(CHAINLOOP_TOKEN)
        (await login.form("token")).value = fakes.USER_TOKEN.reveal()
        await login.press("enter")
        assert (await login.signed_in()).endpoint == "cp.other.example:443"
    stored = await ChainloopVault(box.fake_vault).read("default")
    assert stored is not None
    assert (stored.endpoint.address, stored.endpoint.insecure) == ("cp.other.example:443", False)


async def test_moving_while_the_servers_are_looked_up_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The field waits, and the cursor does not."""
    box, known = signed_out(), asyncio.Event()
    really = box.gumloop_login_store.known_servers

    async def late() -> Sequence[str]:
        await known.wait()
        return await really()

    monkeypatch.setattr(box.gumloop_login_store, "known_servers", late)
    async with at_the_choice(box) as login:
        await login.press("down", "down", "up")
        assert server_field(login).disabled
        known.set()
        await login.until(lambda: not server_field(login).disabled)
        assert login.notes() == []


async def test_a_server_that_is_no_address_is_refused_before_anything_opens() -> None:
    box = signed_out()
    async with at_the_choice(box) as login:
        await login.mark(CHAINLOOP_BROWSER)
        await login.until(lambda: server_field(login).value)
        server_field(login).value = "not an address"
        await login.choose(CHAINLOOP_BROWSER)
        await login.until(lambda: any("is not an address" in note for note in login.notes()))
        assert isinstance(login.screen, LoginScreen)
        assert box.fake_listeners.made == []


async def test_what_a_sign_in_replaces_is_said_at_the_choice_and_another_profile_keeps_it() -> None:
    box = fakes.container()
    async with at_the_choice(box) as login:
        await login.reads(f"replaces the login at {fakes.ENDPOINT.address}, profile default")
        await login.press("p")
        await login.dialog(ProfileDialog)
        options = login.screen.query_one(OptionList)
        await login.until(lambda: options.option_count)
        prompts = [str(option.prompt) for option in options.options]
        options.highlighted = max(at for at, words in enumerate(prompts) if "another name" in words)
        await login.press("enter")
        await login.write("work")
        await login.press("enter")
        await login.dialog(LoginScreen)
        await login.until(lambda: "replaces" not in login.text())
