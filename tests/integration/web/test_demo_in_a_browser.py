"""`loopin demo --web` in a real Chromium: the app is there, takes keys, and fetches nothing else."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, WebSocket

from tests.support.server import PATIENCE, ROOT, release

pytestmark = pytest.mark.slow


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Where the demo is served."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "demo", "--web", "--port", "0", "--screen", "tokens"],
        cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert found
    yield found[0]
    # The page is closed by now, and its app ends; a server that is killed first would leave that to the app.
    _nothing_left(tmp_path)
    release(process)
    _nothing_left(tmp_path)


def test_the_demo_works_in_a_browser_and_asks_nobody_else(address: str, page: tuple[Page, list[str]]) -> None:
    tab, problems = page
    asked: list[str] = []
    received: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))

    def opened(channel: WebSocket) -> None:
        asked.append(channel.url)
        channel.on("framereceived", lambda data: received.append(_text(data)))

    tab.on("websocket", opened)
    tab.goto(address)
    tab.wait_for_selector("body.-first-byte", timeout=PATIENCE * 1000)
    _see(tab, received, "deploy-prod")
    tab.locator("#terminal").click()
    tab.keyboard.press("3")
    _see(tab, received, "Revoke tokens that nobody uses")
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts == {urlsplit(address).netloc}
    assert problems == [], "the policy blocks nothing that the page needs"


def test_another_sites_script_cannot_drive_the_demo(address: str) -> None:
    with httpx.Client(base_url=address, trust_env=False) as client:
        assert client.get("/").status_code == 200
        assert "https://" not in client.get("/").text
        for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}):
            assert client.get("/", headers=headers).status_code == 403
            assert client.get("/ws", headers=headers).status_code == 403


def _nothing_left(folder: Path) -> None:
    """Wait until every demo has removed its data; a page's app is not our child: nobody tells of its end."""
    end = time.monotonic() + PATIENCE
    while list(folder.glob("loopin-demo-*")):
        assert time.monotonic() < end, "nothing is left behind"
        time.sleep(0.05)


def _text(data: bytes | str) -> str:
    return data.decode(errors="replace") if isinstance(data, bytes) else data


def _see(tab: Page, received: list[str], words: str) -> None:
    """Wait until the app has painted `words`; colours stand between them."""
    for _ in range(400):
        plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", "".join(received))
        if words in plain:
            return
        tab.wait_for_timeout(50)
    raise AssertionError(f"never painted: {words}")
