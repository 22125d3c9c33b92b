"""`loopin chainloop auth login` and `logout`, with a browser that goes through the provider."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.cli import root
from app.settings import Settings
from tests.support.cli import Result, secrets_in
from tests.support.http_client import http_client
from tests.support.provider import Provider
from tests.support.server import AccountServer
from tests.support.sso import browser_at, link_of, told

pytestmark = pytest.mark.slow


class ProviderBrowser:
    """Opens the sign-in page, signs in at the provider, and follows to the program that waits."""

    def __init__(self, server: AccountServer) -> None:
        self._server = server
        self.page = ""
        self._visit: asyncio.Task[None] | None = None

    async def open(self, url: str) -> str:
        """Open the page in the background."""
        self._visit = asyncio.create_task(asyncio.to_thread(self._go, url))
        return "provider browser"

    def _go(self, url: str) -> None:
        parts = urlsplit(url)
        with browser_at(self._server.http) as browser:
            answer = browser.sign_in(f"{parts.path}?{parts.query}")
        assert answer.status_code == 200, told(answer)
        with http_client(follow_redirects=True) as client:
            self.page = client.get(link_of(answer)).text


def test_the_command_signs_in_and_out(
    server: AccountServer,
    provider: Provider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in {
        "LOOPIN_CONFIG_DIR": str(tmp_path / "config"),
        "LOOPIN_STATE_DIR": str(tmp_path / "state"),
        "CHAINLOOP_CONTROL_PLANE_API": server.grpc,
        "CHAINLOOP_API_INSECURE": "true",
    }.items():
        monkeypatch.setenv(name, value)
    vault, browser = MemoryVault(), ProviderBrowser(server)

    def container(settings: Settings) -> Container:
        return Container(settings, vault=vault, browser=browser)

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = root.run(arguments, containers=container)
        said = capsys.readouterr()
        return Result(code, said.out, said.err)

    done = run("chainloop", "auth", "login", "-o", "json").works().json
    assert (done["identity"], done["organization"], done["role"]) == (
        provider.person["email"],
        "acme",
        "viewer",
    )
    assert secrets_in(str(done)) == []
    assert "eyJ" not in browser.page
    out = run("chainloop", "auth", "logout", "-o", "json").works().json
    assert (out["forgotten"], out["ended_at_server"]) == (True, True)
