"""Signing in on the screen: the choice, the progress, the forms."""

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from app.domain.errors import BrowserUnavailable, PortBusy, Unreachable, VaultLocked
from app.domain.login import Step, StepState
from app.main import LoopinApp
from app.screens.accounts import AccountsScreen
from app.screens.login import LoginScreen
from app.screens.login_form import LoginFormScreen
from app.screens.login_progress import LoginProgressScreen
from tests.support import app as fakes
from tests.support.scenes import callback
from tests.ui.pilots import notes, settled, until
from widgets.signed_in_panel import SignedInPanel
from widgets.step_list import StepList
from widgets.tick import Tick

SIZE = (100, 32)
CHAINLOOP_BROWSER = ("down", "down", "down", "enter")
CHAINLOOP_TOKEN = ("down", "down", "down", "down", "enter")


def out() -> fakes.FakeContainer:
    """Nobody is signed in."""
    return fakes.container(signed_in=False)


async def choose(pilot: Pilot[int], *keys: str) -> None:
    """Open the choice, wait for the keychain, press."""
    await settled(pilot)
    await pilot.press("l")
    await until(pilot, lambda: isinstance(pilot.app.screen, LoginScreen))
    await until(pilot, lambda: "◌" not in storage(pilot))
    await pilot.press(*keys)


def storage(pilot: Pilot[int]) -> str:
    """The line about the keychain."""
    return str(pilot.app.screen.query_one("#login-storage").render())


def steps(app: LoopinApp) -> dict[Step, StepState]:
    """Where each step is."""
    return {step: told.state for step, told in app.screen.query_one(StepList).happened.items()}


async def waiting(pilot: Pilot[int], app: LoopinApp) -> None:
    """Until the browser is awaited."""
    await until(pilot, lambda: isinstance(app.screen, LoginProgressScreen))
    await until(pilot, lambda: steps(app).get(Step.WAITING) is StepState.RUNNING, "waiting")


def shown(app: LoopinApp) -> str:
    """Everything on the screen, as text."""
    return "\n".join(str(widget.render()) for widget in app.screen.query("*") if widget.display)


async def test_the_keychain_is_probed_before_anything_opens() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot)
        assert "✓ GNOME Keyring, ready" in storage(pilot)
        assert box.fake_browser.opened == []


async def test_without_a_keychain_the_sign_in_is_refused_and_the_way_out_told() -> None:
    box = out()
    box.fake_vault.error = VaultLocked("GNOME Keyring is locked", hint="unlock it")
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await until(pilot, lambda: bool(notes(pilot)))
        assert isinstance(app.screen, LoginScreen)
        assert "GNOME Keyring is locked" in storage(pilot)
        assert "CHAINLOOP_TOKEN" in storage(pilot)
        assert box.fake_listeners.made == []
        box.fake_vault.error = None
        await pilot.press("r")
        await until(pilot, lambda: "ready" in storage(pilot))


async def test_where_no_browser_can_open_that_is_preselected_with_its_reason() -> None:
    box = out()
    box.__dict__["browser_obstacle"] = "this is an SSH session"
    app = fakes.app(box)
    async with app.run_test(size=(80, 24)) as pilot:
        await choose(pilot)
        assert not app.screen.query_one(Tick).value
        assert "this is an SSH session" in shown(app)
        # Whole, also in 80 columns.
        assert app.screen.query_one("#login-obstacle").region.right <= 80


async def test_a_browser_sign_in_is_watched_to_its_end() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        assert steps(app)[Step.BROWSER] is StepState.DONE
        assert "5:00 left" in shown(app)
        assert "ssh -L 41873:127.0.0.1:41873 user@host" in shown(app)
        await callback(pilot)
        await until(pilot, lambda: app.screen.query_one(SignedInPanel).result is not None)
        assert "Signed in to Chainloop as ada@acme.example" in shown(app)
        assert "GNOME Keyring" in shown(app)
        assert box.fake_vault.entries
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
        await until(pilot, lambda: app.frame.presence.identity is not None)


async def test_the_countdown_counts() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        box.fake_clock.advance(7)
        await until(pilot, lambda: "4:53 left" in shown(app))
        assert "elapsed 0:07" in shown(app)


async def test_nobody_finishing_in_time_is_a_failed_step_that_can_be_retried() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        box.fake_clock.advance(301)
        await until(pilot, lambda: steps(app)[Step.WAITING] is StepState.FAILED)
        assert "✗ nobody finished the sign-in within 5 minutes" in shown(app)
        await pilot.press("r")
        await waiting(pilot, app)


async def test_a_foreign_answer_is_refused_and_waiting_goes_on() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        arrival = fakes.FakeCallback({"state": "of-somebody-else", "t": "not-a-real-one"})
        box.fake_listeners.made[-1].arrivals.put_nowait(arrival)
        await until(pilot, lambda: "belongs to another sign-in" in shown(app))
        assert not arrival.shown[0].ok
        await callback(pilot)
        await until(pilot, lambda: app.screen.query_one(SignedInPanel).result is not None)


async def test_escape_cancels_and_frees_the_port() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        assert box.fake_listeners.made[0].open
        await pilot.press("escape")
        await until(pilot, lambda: not box.fake_listeners.made[0].open)
        await until(pilot, lambda: isinstance(app.screen, LoginScreen))
        assert not box.fake_vault.entries


async def test_ctrl_c_cancels_the_running_sign_in_and_not_the_app() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        await pilot.press("ctrl+c")
        await until(pilot, lambda: isinstance(app.screen, LoginScreen))
        assert not box.fake_listeners.made[0].open
        assert app.return_value is None


async def test_a_busy_port_names_its_holder_and_offers_another() -> None:
    box = out()
    box.fake_listeners.busy[8765] = PortBusy(
        "port 8765 is in use by gumloop (4211)", hint="use another port", port=8765, holder="gumloop (4211)"
    )
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER[:-1], "tab")
        app.screen.query_one("#login-port", Input).value = "8765"
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, LoginProgressScreen))
        await until(pilot, lambda: "gumloop (4211)" in shown(app))
        await pilot.press("a")
        await waiting(pilot, app)
        assert box.fake_listeners.made[0].address.startswith("http://127.0.0.1:41873/")


async def test_a_browser_that_does_not_open_leaves_the_address_to_the_person() -> None:
    box = out()
    box.fake_browser.error = BrowserUnavailable("there is no display")
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        assert steps(app)[Step.BROWSER] is StepState.SKIPPED
        await pilot.press("c")
        await until(pilot, lambda: bool(box.fake_clipboard.copied))
        assert box.fake_clipboard.copied[0].startswith("https://login.acme.example/auth/login?callback=")
        await until(pilot, lambda: "the address: copied with wl-copy" in notes(pilot))
        box.fake_browser.error = None
        await pilot.press("o")
        await until(pilot, lambda: box.fake_browser.opened == box.fake_clipboard.copied)


async def test_pasting_what_the_browser_showed_signs_in_and_is_masked() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await waiting(pilot, app)
        await pilot.press("v")
        paste = app.screen.query_one("#progress-paste", Input)
        await until(pilot, lambda: app.focused is paste)
        assert paste.password
        paste.value = fakes.USER_TOKEN.reveal()
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query_one(SignedInPanel).result is not None)
        assert paste.value == ""


async def test_an_unreachable_server_fails_its_step_with_the_reason() -> None:
    box = out()
    box.plane.fail["server_info"] = Unreachable("nobody answers at api.acme.example:443", hint="check it")
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_BROWSER)
        await until(pilot, lambda: isinstance(app.screen, LoginProgressScreen))
        await until(pilot, lambda: steps(app).get(Step.SERVER) is StepState.FAILED)
        assert "nobody answers at api.acme.example:443" in shown(app)
        assert box.fake_browser.opened == []


async def test_a_token_form_tells_what_the_token_says_and_signs_in() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_TOKEN)
        await until(pilot, lambda: isinstance(app.screen, LoginFormScreen))
        field = app.screen.query_one("#field-token", Input)
        assert field.password
        field.value = fakes.CI_TOKEN.reveal()
        await until(pilot, lambda: "it says: organization acme · token ci-release" in shown(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen.query_one(SignedInPanel).result is not None)
        assert field.value == ""
        assert "API token ci-release" in shown(app)


async def test_a_wrong_token_leaves_the_keychain_as_it_was_and_the_form_filled() -> None:
    box = fakes.container()
    before = dict(box.fake_vault.entries)
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_TOKEN)
        await until(pilot, lambda: isinstance(app.screen, LoginFormScreen))
        field = app.screen.query_one("#field-token", Input)
        field.value = "not-a-real-token"
        await pilot.press("enter")
        await until(pilot, lambda: "does not accept this token" in shown(app))
        assert field.value == "not-a-real-token"
        assert box.fake_vault.entries == before


async def test_an_empty_form_is_not_sent() -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, *CHAINLOOP_TOKEN)
        await until(pilot, lambda: isinstance(app.screen, LoginFormScreen))
        await pilot.press("enter")
        await until(pilot, lambda: "✗ this is needed" in shown(app))
        assert "current" not in box.plane.calls


async def test_what_is_typed_can_be_shown() -> None:
    app = fakes.app(out())
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, LoginFormScreen))
        await pilot.click("#form-show")
        await until(pilot, lambda: not app.screen.query_one("#field-key", Input).password)


async def test_the_demo_shows_its_sample_login() -> None:
    app = fakes.app(out(), demo=fakes.FakeDemo())
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot)
        assert "demo-password-not-real" in shown(app)


async def test_the_demo_fills_in_its_sample_key() -> None:
    app = fakes.app(out(), demo=fakes.FakeDemo())
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, LoginFormScreen))
        assert "gum_demo_not_a_real_key" in shown(app)
        await pilot.click("#sample")
        await until(pilot, lambda: app.screen.query_one("#field-key", Input).value.startswith("gum_demo"))
        assert app.screen.query_one("#field-user", Input).value


async def test_a_form_says_where_its_values_are_found() -> None:
    app = fakes.app(out())
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, LoginFormScreen))
        assert "gumloop.com/personal/connectors (Pro plan or above)" in shown(app)
        assert "gumloop.com/settings/profile/general" in shown(app)
        assert not app.screen.query_one("#form-demo").display


@pytest.mark.parametrize("port", ["65536", "99999"])
async def test_a_port_that_is_none_is_told(port: str) -> None:
    box = out()
    app = fakes.app(box)
    async with app.run_test(size=SIZE) as pilot:
        await choose(pilot, "tab")
        app.screen.query_one("#login-port", Input).value = port
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: f"{port} is not a port: use 1 to 65535, or 0 for any" in notes(pilot))
        assert box.fake_listeners.made == []
