"""Quitting in the middle of a change, in a real terminal, with a real keychain and a slow server."""

import asyncio
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.adapters.keychain.keychain import KeychainVault
from app.domain.credentials import Method
from app.domain.gumloop import GumloopLogin, endpoint_of
from app.domain.secret import Secret
from app.services.stored_logins import GumloopVault
from tests.support.gumloop_stub import Gumloop
from tests.support.server import ROOT
from tests.support.stall import stall
from tests.support.terminal import Terminal
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow

RESTORED = "0 0 1"


@pytest.mark.parametrize("answers", [True, False])
def test_q_while_the_server_ends_a_session(
    secret_service: Bus, gumloop: Gumloop, terminal: Terminal, tmp_path: Path, answers: bool
) -> None:
    """It says for what it waits; then how it ended, or that nobody knows, and what to do next."""
    server = urlsplit(gumloop.base_url)
    with stall((str(server.hostname), server.port or 0), b"POST /oauth/revoke") as wire:
        base_url = f"http://127.0.0.1:{wire.address[1]}/api/v1"
        vault = GumloopVault(KeychainVault(timeout=60), endpoint_of(base_url))
        asyncio.run(vault.write("default", login(gumloop, base_url)))
        variables = {
            **secret_service.environment,
            "PYTHONPATH": str(ROOT),
            "GUMLOOP_BASE_URL": base_url,
            "LOOPIN_CONFIG_DIR": str(tmp_path / "config"),
            "LOOPIN_STATE_DIR": str(tmp_path / "state"),
        }
        for name, value in variables.items():
            terminal.type(f"export {name}='{value}'")
        terminal.type(f"clear; {sys.executable} -m app; echo left=$?")
        terminal.see("● signed in")
        terminal.press("L")
        terminal.see("Sign out of Gumloop?")
        terminal.press("Tab", "Enter")
        wire.until_reached()
        terminal.see("signing out of Gumloop …")
        terminal.press("q")
        terminal.see("Waiting 5 s at most", "ctrl+c ends")
        if answers:
            wire.go_on.set()
            terminal.see("signing out of Gumloop: finished", "left=0")
        else:
            terminal.see("it is not known whether it was done", "next: loopin status shows", "left=0")
    assert terminal.modes() == RESTORED
    assert bool(asyncio.run(vault.read("default")).login) is not answers


def login(gumloop: Gumloop, base_url: str) -> GumloopLogin:
    """Somebody who is signed in at the server."""
    tokens = gumloop.issue()
    refresh = Secret(tokens["refresh_token"])
    return GumloopLogin(Method.OAUTH, Secret(tokens["access_token"]), endpoint_of(base_url), "", refresh)
