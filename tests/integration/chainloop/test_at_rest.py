"""What stays in memory while the Tokens room stands there and nobody does anything."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import ROOT, AccountServer, sign_in

pytestmark = pytest.mark.slow

LOOK = """
import asyncio, json, sys
from app.bootstrap import Container
from app.tui.app import LoopinApp
from app.settings import load
from textual.containers import Container as Box, Horizontal, Vertical, VerticalScroll
from textual.screen import Screen
from widgets.token_browser import TokenBrowser
from widgets.virtual_table import VirtualTable

async def look():
    app = LoopinApp(Container(load()), screen="tokens")
    async with app.run_test(size=(120, 36)) as pilot:
        async with asyncio.timeout(30):
            while not (found := app.screen.query(VirtualTable)) or not found.first().rows:
                await pilot.pause()
            await app.workers.wait_for_complete()
        modules = [name for name, module in sys.modules.items() if module]
        grounds = Screen, Box, Horizontal, Vertical, VerticalScroll
        kept = {
            widget.id or type(widget).__name__: len(widget._styles_cache._cache)
            for screen in (app.screen, app.get_screen_stack("accounts")[0])
            for widget in (screen, *screen.walk_children())
            if isinstance(widget, grounds) and widget.size.height > 10
        }
        finished = app.screen.query_one(TokenBrowser).index.has_all_rows
        print(json.dumps({"modules": modules, "kept": kept, "finished": finished}))

asyncio.run(look())
"""
DIALOGS = {
    "dialogs.ci_identity",
    "dialogs.credential_dialog",
    "dialogs.help",
    "dialogs.list_dialog",
    "dialogs.profiles",
    "dialogs.teams",
    "login.screen",
    "tokens.ci_job_dialog",
    "tokens.create_token",
    "dialogs.export_file",
    "tokens.reveal",
    "tokens.revoke_many",
    "tokens.revoke_tokens",
    "tokens.saved_filters",
}
USES = {
    "clipboard",
    "export",
    "interrupted",
    "revocation",
    "rotation",
    "saved_filters",
    "sign_out",
    "token_storage",
}
UNUSED = (
    {f"app.tui.screens.{name}" for name in DIALOGS}
    | {f"app.services.{name}" for name in USES}
    | {
        "app.domain.ports",
        "app.adapters.system.browser",
        "app.adapters.system.clipboard",
        "httpx",
        "authlib",
        "click",
    }
)


@pytest.fixture(scope="module")
def at_rest(account_server: AccountServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The modules that are loaded; how many lines each background keeps, by the widget's id; whether every
    row is worked out."""
    home: Path = tmp_path_factory.mktemp("at-rest")
    variables = {
        "LOOPIN_CONFIG_DIR": str(home / "config"),
        "LOOPIN_STATE_DIR": str(home / "state"),
        "CHAINLOOP_TOKEN": sign_in(account_server, *account_server.owner),
        "CHAINLOOP_CONTROL_PLANE_API": account_server.grpc,
        "CHAINLOOP_API_INSECURE": "true",
    }
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_no_dialog_is_loaded_that_nobody_has_opened(at_rest: dict[str, Any]) -> None:
    """Nor a service that only a dialog uses.

    What all dialogs are made of is loaded: the app asks the open ones before it ends.
    """
    assert "app.services.tokens" in at_rest["modules"]
    assert set(at_rest["modules"]) & UNUSED == set()


def test_no_row_of_a_short_list_is_kept(at_rest: dict[str, Any]) -> None:
    """Until a filter needs them."""
    assert at_rest["finished"] is False


def test_a_background_keeps_one_line(at_rest: dict[str, Any]) -> None:
    """Whatever its height: Textual would keep one for each line of the screen."""
    kept = at_rest["kept"]
    assert {"body", "tokens-list", "tokens-split", "tokens-detail", "home"} <= set(kept)
    assert max(kept.values()) == 1, kept
