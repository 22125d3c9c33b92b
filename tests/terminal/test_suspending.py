"""The app leaves its terminal for a while: to a shell, or to print something outside the full screen."""

import os
import re
import signal
import urllib.error
import urllib.request
from urllib.parse import unquote

import pytest

from tests.support.terminal import Terminal
from tests.terminal.test_demo import LOOPIN, RESTORED, children_of

pytestmark = pytest.mark.slow

OUTSIDE = "Press enter to go back to Loopin"
WAITING = "Not opening?"
TO_CHAINLOOP = ("Down", "Down", "Down", "Enter")


def test_after_ctrl_z_and_fg_the_screen_is_painted_without_a_key(terminal: Terminal) -> None:
    """Nothing on it blinks or counts."""
    terminal.type("exec bash --norc --noprofile")
    terminal.type(f"{LOOPIN} demo")
    terminal.see("DEMO", "Chainloop")
    terminal.press("C-z")
    terminal.see("Stopped")
    terminal.type("fg; echo left=$?")
    terminal.see("DEMO", "Chainloop", "1 Accounts")
    terminal.press("q")
    terminal.see("left=0")
    assert terminal.modes() == RESTORED


@pytest.fixture
def outside(terminal: Terminal) -> Terminal:
    """The address of a sign-in was printed outside the app."""
    terminal.resize(110, 30)
    terminal.type("exec bash --norc --noprofile")
    terminal.type(f"SSH_CONNECTION=here {LOOPIN} demo; echo left=$?")
    terminal.see("DEMO", "Chainloop")
    terminal.press("l")
    terminal.see("Sign in to Gumloop", "ready")
    terminal.press(*TO_CHAINLOOP)
    terminal.see(WAITING)
    terminal.press("p")
    terminal.see(OUTSIDE)
    assert terminal.modes() == RESTORED
    return terminal


@pytest.mark.parametrize("key", ["Enter", "C-c"])
def test_outside_the_app_the_callback_is_answered_and_a_key_leads_back(outside: Terminal, key: str) -> None:
    page = outside.screen().replace("\n", "")
    port = re.search(r"127\.0\.0\.1:(\d+)/auth/callback", unquote(page))
    assert port
    with urllib.request.urlopen(
        f"http://127.0.0.1:{port[1]}/auth/callback?state=wrong&t=x", timeout=60
    ) as answer:
        assert b"You are not signed in" in answer.read()
    outside.press(key)
    outside.see(WAITING, "belongs to another sign-in")
    outside.press("Escape")
    outside.see_gone(WAITING)
    outside.press("q", "q")
    outside.see("left=0")
    assert outside.modes() == RESTORED


def test_sigterm_outside_the_app_ends_it(outside: Terminal) -> None:
    os.kill(children_of(outside.pane_pid())[0], signal.SIGTERM)
    outside.see("left=143")
    assert outside.modes() == RESTORED
