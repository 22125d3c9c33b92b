"""Revoking many tokens in the app, at the real server, past failures."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.settings import load
from app.tui.app import LoopinApp
from tests.support.between import Between
from tests.support.pages.page import opened
from tests.support.pages.tokens import TokensPage
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
    return Container(load(environment, {"chainloop_flag_token": token}), vault=MemoryVault())


async def test_every_third_failure_is_on_its_line_and_r_tries_it_again(
    box: Container, proxy: Between, stem: str
) -> None:
    """Four are revoked and two are not; `r` revokes the two; the list read afterwards is the receipt."""

    def every_third(method: str, count: int, context: Any) -> None:
        if method == "Revoke" and count % 3 == 0 and count <= COUNT:
            context.abort(grpc.StatusCode.INTERNAL, "the database is busy")

    proxy.before = every_third
    async with opened(TokensPage, LoopinApp(box, screen="tokens")) as tokens:
        await tokens.filter(stem)
        await tokens.until(lambda: len(tokens.names()) == COUNT)
        await tokens.to_list()
        await tokens.mark_all()
        question = await tokens.revoke()
        countdown = await question.count(f"{COUNT} acme")
        receipts = await countdown.now()
        await receipts.reads("4 of 6 tokens are revoked")
        await receipts.reads("Times are read back from the server.")
        await receipts.until(lambda: receipts.revoked() == 4)
        assert receipts.failed() == 2
        await receipts.retry()
        await receipts.reads("6 of 6 tokens are revoked")
        assert proxy.calls["Revoke"] == COUNT + 2
        await receipts.reads("Times are read back from the server.")
        await receipts.until(lambda: receipts.revoked() == COUNT)
        await receipts.enter()
        await tokens.closed()
        await tokens.until(lambda: not tokens.names())
        await tokens.previous_tab()
        await tokens.previous_tab()
        await tokens.until(lambda: tokens.tab() == "Revoked" and len(tokens.names()) == COUNT)
    await box.aclose()
