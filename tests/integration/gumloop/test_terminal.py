"""`loopin gumloop login` with a person at a real terminal."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.support.cli import Loopin
from tests.support.gumloop_stub import API_KEY, USER_ID, Gumloop
from tests.support.server import ROOT
from tests.support.terminal import Terminal
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow

_BROWSER = """#!{python}
import sys, urllib.request
urllib.request.urlopen(sys.argv[1]).read()
"""


@pytest.fixture
def desk_browser(tmp_path: Path) -> Path:
    """A program that opens an address, allows at once, and follows back to Loopin."""
    program = tmp_path / "firefox"
    program.write_text(_BROWSER.format(python=sys.executable))
    program.chmod(0o700)
    return program


@pytest.fixture
def shell(
    terminal: Terminal, command: Loopin, secret_service: Bus, tmp_path: Path, desk_browser: Path
) -> Terminal:
    """A shell in which `loopin` is Loopin, beside the stub server and an unlocked keychain."""
    variables = {
        name: value
        for name, value in command.variables(BROWSER=str(desk_browser)).items()
        if name.startswith(("LOOPIN_", "GUMLOOP_", "DBUS_", "XDG_", "BROWSER", "PYTHON_KEYRING", "HOME"))
    }
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    script = tmp_path / "variables"
    script.write_text(
        "\n".join([*lines, f'loopin() {{ {sys.executable} -m app "$@"; }}', f"cd {ROOT}", "clear"])
    )
    terminal.resize(160, 40)
    terminal.type(f". {script}")
    return terminal


def test_the_key_is_asked_for_without_echo(shell: Terminal, command: Loopin) -> None:
    shell.type("loopin gumloop login --method api-key; echo left=$?")
    shell.see("gumloop.com/personal/connectors", "Pro plan", "API key:")
    shell.type(API_KEY)
    shell.see("gumloop.com/settings/profile/general", "User ID:")
    shell.type(USER_ID)
    screen = shell.see("Signed in: user_abc", "left=0")
    assert API_KEY not in screen
    assert command("gumloop", "status", "--json").works().json["method"] == "api_key"


def test_an_app_that_was_opened_to_sign_in_tells_the_shell_whether_somebody_did(shell: Terminal) -> None:
    shell.type("loopin gumloop login; echo left=$?")
    shell.see("Sign in to Gumloop", "OAuth in your browser", "GNOME Keyring")
    shell.press("Escape")
    shell.see("Which credential is in effect")
    shell.press("q")
    shell.see("cancelled: nobody signed in to Gumloop", "left=130")
    shell.type("clear; loopin gumloop login; echo left=$?")
    # The field of the server can be entered as soon as the headings name both servers.
    shell.see("OAuth in your browser", "GNOME Keyring, ready", "at api.cp.chainloop.dev:443")
    # Any free port instead of the default one.
    shell.press("Tab", "Tab", "C-u", "0", "BTab", "BTab", "Enter")
    shell.see("✓ Signed in to Gumloop", "Continue")
    shell.press("Enter")
    assert "Signed in to Gumloop" in shell.see("left=0")


def test_cancelling_frees_the_port_and_the_pages_first_way_opens_the_browser_and_comes_back(
    shell: Terminal, command: Loopin, gumloop: Gumloop
) -> None:
    shell.type("BROWSER= loopin gumloop login --method oauth --no-browser --callback-port 0; echo left=$?")
    screen = shell.see("Waiting for you to allow access", "ssh -L ")
    found = re.search(r"ssh -L (\d+):127\.0\.0\.1:\1 ", screen)
    assert found, screen
    port = found[1]
    shell.press("C-c")
    shell.see("cancelled", "left=130")
    shell.type(f"clear; loopin gumloop login --method oauth --callback-port {port}; echo left=$?")
    screen = shell.see("Signed in", "left=0")
    assert f"http://127.0.0.1:{port}/callback" in screen
    assert "firefox" in screen
    assert command("gumloop", "status", "--json").works().json["method"] == "oauth"
    assert len(gumloop.calls("/oauth/token")) == 1
