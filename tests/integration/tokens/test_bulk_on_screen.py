"""Revoking many tokens in the app, at the real server, past failures."""

from pathlib import Path
from typing import Any

import grpc
import pytest
from textual.widgets import Input

from app.container import Container
from app.domain.filter import quoted
from app.main import LoopinApp
from app.screens.revoke_many import Countdown, RevokeMany
from app.screens.revoke_tokens import ConfirmRevoke
from app.settings import load
from app.vault.memory import MemoryVault
from tests.support.between import Between
from tests.support.rooms import SIZE, Room
from tests.support.server import AccountServer, bulk_tokens, sign_in

COUNT = 6


@pytest.fixture
def stem(account_server: AccountServer, stem: str) -> str:
    """Half a dozen tokens whose names begin so."""
    bulk_tokens(account_server, "acme", COUNT, name=stem)
    return stem


@pytest.fixture
def box(tmp_path: Path, account_server: AccountServer, proxy: Between) -> Container:
    """Signed in as the owner, through the proxy."""
    environment = {
        "LOOPIN_CONFIG_DIR": str(tmp_path / "config"),
        "LOOPIN_STATE_DIR": str(tmp_path / "state"),
        "CHAINLOOP_CONTROL_PLANE_API": proxy.address,
        "CHAINLOOP_API_INSECURE": "true",
    }
    token = sign_in(account_server, *account_server.owner)
    return Container.headless(load(environment, {"chainloop_flag_token": token}), vault=MemoryVault())


async def test_every_third_failure_is_on_its_line_and_r_tries_it_again(
    box: Container, proxy: Between, stem: str
) -> None:
    """Four are revoked and two are not; `r` revokes the two; the list read afterwards is the receipt."""

    def every_third(method: str, count: int, context: Any) -> None:
        if method == "Revoke" and count % 3 == 0 and count <= COUNT:
            context.abort(grpc.StatusCode.INTERNAL, "the database is busy")

    proxy.before = every_third
    async with LoopinApp(box, screen="tokens").run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("slash")
        await room.write(str(quoted(stem)))
        await room.until(lambda: len(room.names()) == COUNT)
        await room.press("enter", "asterisk", "ctrl+d")
        await room.dialog(ConfirmRevoke)
        room.find("#revoke-input", Input).focus()
        await room.write(f"{COUNT} acme")
        await room.press("enter", "enter")
        await room.dialog(Countdown)
        await room.press("tab", "enter")
        await room.dialog(RevokeMany)
        await room.reads("4 of 6 tokens are revoked")
        await room.reads("Times are read back from the server.")
        await room.until(lambda: room.text().count("✓ revoked at") == 4)
        assert room.text().count("✗ ") == 2
        await room.press("r")
        await room.reads("6 of 6 tokens are revoked")
        assert proxy.calls["Revoke"] == COUNT + 2
        await room.reads("Times are read back from the server.")
        await room.until(lambda: room.text().count("✓ revoked at") == COUNT)
        await room.press("enter")
        await room.closed()
        await room.until(lambda: not room.names())
        await room.press("left", "left")
        await room.until(lambda: room.tab() == "Revoked" and len(room.names()) == COUNT)
    await box.aclose()
