"""The server starts, tells where it is, and signs people in."""

import re
import shlex

import httpx
import pytest

from tests.support.cli import Clerk
from tests.support.server import AccountServer, sign_in


def test_the_sample_owner_signs_in(account_server: AccountServer) -> None:
    assert sign_in(account_server, *account_server.owner).count(".") == 2


def test_the_line_for_chainloop_signs_in_where_nothing_else_names_the_server(
    account_server: AccountServer, clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CHAINLOOP_CONTROL_PLANE_API", "CHAINLOOP_API_INSECURE"):
        monkeypatch.delenv(name)
    page = re.sub(r"<[^>]*>", "", httpx.get(f"{account_server.http}/", trust_env=False).text)
    (command,) = re.findall(r"loopin (chainloop .*)", page)
    assert account_server.owner[0] in clerk(*shlex.split(command)).works().out
